"""EncodedTextAtomizer: the bytes as they are, the text that they are, and where each piece of it lies among them."""

import io
import tracemalloc
from codecs import getincrementaldecoder
from collections.abc import Iterator
from hashlib import sha256
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, ChunkAtomizer, EncodedTextAtomizer, TextAtomizer, atomizer_for
from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT
from hartonomous_core.vocabulary import GAP
from tests.unit.encoded_texts import ENCODINGS, TEXTS


class ShortReads(io.BytesIO):
    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None and size > 0, "the whole stream was asked for at once"
        return super().read(min(size, 7))


class Pieces:
    """Stands in for an atomizer of text: pieces of 5,000 bytes and less, without a look at what they are."""

    name, version, reads_text, gives_text = "pieces", "1", True, True

    def handles(self, content_type: str) -> bool:
        return True

    has_members = False

    def atomize(self, stream: BinaryIO, content_type: str, context: object = None) -> Iterator[Atom]:
        decoder = getincrementaldecoder("utf-8")()
        while block := stream.read(5000):
            piece = decoder.decode(block)
            yield Atom(piece.encode(), b"", "text", "piece", "text/plain", piece)


def atoms_of(data: bytes, charset: str, stream: BinaryIO | None = None) -> list[Atom]:
    """The atoms of a file, with what must hold of any: the bytes are rebuilt, and each text is what lies at its place."""
    content_type = f"text/plain; charset={charset}"
    atomizer = atomizer_for(content_type, "sentence")
    assert atomizer.name == "encoded-text"
    atoms = list(atomizer.atomize(stream or io.BytesIO(data), content_type))
    content = [atom for atom in atoms if atom.role == "content"]
    assert b"".join(atom.content + atom.suffix for atom in content) == data
    assert {(atom.modality, atom.text) for atom in content} <= {("binary", None)}
    end = 0
    for atom in derived(atoms):
        locator = cast(dict[str, int], atom.locator)
        assert locator == {"charset": charset, "byteOffset": locator["byteOffset"], "byteLength": locator["byteLength"]}
        assert locator["byteOffset"] >= end
        end = locator["byteOffset"] + locator["byteLength"]
        if not charset.startswith("iso-2022"):  # whose bytes mean something only from the start of a line
            assert data[locator["byteOffset"] : end].decode(charset) == atom.text
        assert (atom.content, atom.suffix, atom.modality) == ((atom.text or "").encode(), b"", "text")
    return atoms


def derived(atoms: list[Atom]) -> list[Atom]:
    return [atom for atom in atoms if atom.role == "derived"]


def texts_in_utf8(text: str) -> list[str | None]:
    return [atom.text for atom in TextAtomizer("sentence").atomize(io.BytesIO(text.encode())) if atom.subtype != GAP]


@pytest.mark.parametrize("language", ENCODINGS)
def test_text_is_cut_as_it_would_be_in_utf8(language: str) -> None:
    text = f"{TEXTS[language]}\r\n\r\n{TEXTS[language]}\n"
    for charset in (*ENCODINGS[language].split(), "utf-16le", "utf-16be", "utf-32le", "utf-32be"):
        atoms = atoms_of(text.encode(charset), charset)
        assert [atom.text for atom in derived(atoms)] == texts_in_utf8(text)


@pytest.mark.parametrize("charset", ["windows-1252", "utf-16le", "cp932"])
def test_a_row_put_first_shares_all_else(charset: str) -> None:
    content_type = f"text/csv; charset={charset}"
    rows = "".join(f"{number},{hash_of(number)}\n" for number in range(6_000))

    def atomized(text: str) -> list[Atom]:
        return list(atomizer_for(content_type).atomize(io.BytesIO(text.encode(charset)), content_type))

    known = {atom.content for atom in atomized(rows)}
    after = atomized(f"0,first\n{rows}")
    for role in ("content", "derived"):
        sizes = [(len(atom.content), atom.content in known) for atom in after if atom.role == role]
        assert sum(size for size, shared in sizes if shared) >= 0.95 * sum(size for size, _ in sizes)


def hash_of(number: int) -> str:
    return sha256(b"%d" % number).hexdigest()[:12]


def test_the_bytes_are_cut_as_any_bytes_are() -> None:
    data = (TEXTS["Russian"] * 300).encode("koi8-r")
    content = [atom for atom in atoms_of(data, "koi8-r") if atom.role == "content"]
    assert content == list(ChunkAtomizer(SIZES_OF_TEXT).atomize(io.BytesIO(data)))
    assert len(content) > 5


def test_equal_bytes_in_two_encodings_are_two_texts() -> None:
    data = "Größe".encode("cp1252")
    assert [atom.text for charset in ("cp1252", "koi8-r") for atom in derived(atoms_of(data, charset))] == [
        "Größe",
        "GrЖъe",
    ]


def test_a_byte_order_mark_and_the_white_space_around_are_in_no_text() -> None:
    atoms = atoms_of("\ufeff  Eins.  Zwei. \n".encode("utf-16le"), "utf-16le")
    places = [(atom.text, (atom.locator or {})["byteOffset"]) for atom in derived(atoms)]
    assert places == [("Eins.", 6), ("Zwei.", 20)]


@pytest.mark.parametrize("charset", ["cp1252", "utf-16be", "shift_jis", "gb18030", "iso-2022-jp"])
def test_how_the_stream_is_read_makes_no_difference(charset: str) -> None:
    text = (
        TEXTS["Japanese"]
        if "j" in charset
        else TEXTS["Chinese, simplified"]
        if charset == "gb18030"
        else "Grüße. " * 99
    )
    data = text.encode(charset)
    assert atoms_of(data, charset, cast(BinaryIO, ShortReads(data))) == atoms_of(data, charset)


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("cp932", b"\xed\x40\xfa\x5c. \x81\xe6\x87\x9a."),  # two codes for one character each
        ("big5hkscs", b"\x88\x62\x88\x64. \xa4\xa4\x88\x62."),  # one code for two characters
        ("euc_jis_2004", b"\xa4\xf7. \xa5\xf7 \xa4\xf7."),
        ("shift_jis_2004", b"\x82\xf5\x82\xf6. \x82\xf5."),
        ("euc_kr", "뢔. 쌰.".encode("euc_kr")),  # eight bytes for one character
        ("gb18030", "😀. 你好 😀.".encode("gb18030")),
        ("utf-16le", "😀. 😀😀 a. 😀".encode("utf-16le")),
        ("iso-2022-jp", "これは。abc 漢字. テスト".encode("iso-2022-jp")),
    ],
)
def test_characters_of_several_bytes_and_bytes_of_several_characters_keep_their_places(
    charset: str, data: bytes
) -> None:
    atoms = atoms_of(data, charset)
    assert [atom.text for atom in derived(atoms)] == texts_in_utf8(data.decode(charset))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(
    st.sampled_from(
        [
            "cp932",
            "gb18030",
            "big5hkscs",
            "euc_jp",
            "euc_jis_2004",
            "cp949",
            "cp1255",
            "utf-16le",
            "utf-32be",
            "iso-2022-jp-2",
        ]
    ),
    st.lists(st.text(max_size=12), max_size=12),
)
def test_any_text_keeps_its_places(charset: str, words: list[str]) -> None:
    data = ". ".join(words).encode("utf-8", "ignore").decode().encode(charset, "ignore")
    assert [atom.text for atom in derived(atoms_of(data, charset))] == texts_in_utf8(data.decode(charset))


@pytest.mark.parametrize(
    ("charset", "data"),
    [
        ("utf-16le", "Half a pair.".encode("utf-16le") + b"\x3d\xd8"),
        ("utf-16le", "Cut off.".encode("utf-16le") + b"x"),
        ("shift_jis", "これ".encode("shift_jis") + b"\x82"),
        ("cp1252", b"Not in it: \x81."),
    ],
)
def test_bytes_that_are_not_in_the_encoding_are_refused(charset: str, data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        atoms_of(data, charset)


@pytest.mark.parametrize(
    ("content_type", "name"),
    [
        ("text/plain; charset=windows-1252", "encoded-text"),
        ('application/yaml; charset="Shift_JIS"', "encoded-text"),
        ("text/x-log;format=x;charset=UTF-16LE", "encoded-text"),
        ("text/plain; charset=utf-16", "chunks"),  # in which order?
        ("text/plain; charset=unknown-8bit", "chunks"),
        ("image/png; charset=latin-1", "image"),
        ("audio/flac; charset=latin-1", "chunks"),
        ("text/plain; charset=utf-8", "text"),
    ],
)
def test_it_takes_what_is_text_in_a_charset_that_is_read(content_type: str, name: str) -> None:
    assert atomizer_for(content_type).name == name


def test_the_version_changes_with_that_of_the_text() -> None:
    first, second = (EncodedTextAtomizer(ChunkAtomizer(), text) for text in (TextAtomizer(), Pieces()))
    assert TextAtomizer().version in first.version and first.version != second.version


@pytest.mark.parametrize("charset", ["latin-1", "utf-16le", "gb18030"])
def test_a_large_file_needs_little_memory(charset: str) -> None:
    block = ("Größe\n" * 3000).encode(charset)

    class Large:
        left = 600 * len(block)
        position = 0

        def read(self, size: int) -> bytes:
            start = self.position % len(block)
            part = block[start : start + min(size, self.left)]
            self.position += len(part)
            self.left -= len(part)
            return part

    atomizer = EncodedTextAtomizer(ChunkAtomizer(), Pieces())
    tracemalloc.start()
    try:
        atoms = atomizer.atomize(cast(BinaryIO, Large()), f"text/plain; charset={charset}")
        length = sum(len(atom.content) for atom in atoms if atom.role == "content")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == 600 * len(block)
    assert peak < 2_000_000
