"""TextAtomizer: exact, streaming, in bounded memory, the same atoms for any reads."""

import io
import random
import re
import tracemalloc
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from typing import BinaryIO, cast
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, NotUtf8Error, TextAtomizer, atomizer_for, sentences, text_stream
from hartonomous_core.vocabulary import TEXT_UNITS, TextUnit

MAX_BYTES = {"passage": 1200, "sentence": 8192, "gap": 8192}
PARAGRAPH_BREAK = re.compile(r"(\r\n|\r(?!\n)|\n)[^\S\r\n]*(\r\n|\r|\n)|\u2029")
TRICKY = " \n\r\t.!?\"')]aA1,-–…\u2029\u2028\u3000é漢😀\ufeff\x00\x1c\x85"


class ShortReads(io.BytesIO):
    """Returns between 1 byte and what it was asked for."""

    def __init__(self, content: bytes, seed: int, most: int) -> None:
        super().__init__(content)
        self._random = random.Random(seed)
        self._most = most

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None and size > 0, "the whole stream was asked for at once"
        return super().read(self._random.randint(1, min(size, self._most)))


class Generated:
    """A stream of `size` bytes that are made as they are read."""

    def __init__(self, piece: bytes, size: int) -> None:
        self._piece = piece
        self._left = size

    def read(self, size: int) -> bytes:
        part = (self._piece * (size // len(self._piece) + 1))[: min(size, self._left)]
        self._left -= len(part)
        return part


def atoms_of(content: str | bytes, unit: TextUnit = "sentence") -> list[Atom]:
    data = content.encode() if isinstance(content, str) else content
    return list(TextAtomizer(unit).atomize(io.BytesIO(data)))


def sentences_of(content: str) -> list[str | None]:
    return [atom.text for atom in atoms_of(content) if atom.subtype == "sentence"]


def rebuilt(atoms: Iterable[Atom]) -> bytes:
    return b"".join(atom.content + atom.suffix for atom in atoms)


def spans_of(content: str) -> Iterator[tuple[int, int]]:
    """Character spans [start, end) of the sentences."""
    position = 0
    for atom in atoms_of(content):
        end = position + len(atom.content.decode())
        if atom.subtype == "sentence":
            yield position, end
        position = end + len(atom.suffix.decode())


# Short texts of awkward characters, and long ones in which a few fragments are repeated often enough
# to fill windows, atoms and separators beyond their limits.
short_texts = st.text(alphabet=TRICKY, max_size=200)
fragments = st.sampled_from(
    [
        "a",
        "é",
        "😀",
        "word  ",
        "Mr. Smith left. ",
        "x\n",
        "x\r\n",
        "\n",
        " ",
        "\u3000",
        "! ",
        ".",
        ") ",
        "\n\n",
    ]
)
repeated = st.tuples(fragments, st.integers(1, 40_000)).map(lambda pair: (pair[0] * pair[1])[:60_000])
long_texts = st.lists(repeated | short_texts, max_size=5).map("".join)
any_text = short_texts | long_texts
units = st.sampled_from(TEXT_UNITS)
modest = settings(derandomize=True, deadline=None, max_examples=60)


@modest
@given(any_text, units)
def test_content_and_suffix_of_all_atoms_are_the_bytes(content: str, unit: TextUnit) -> None:
    assert rebuilt(atoms_of(content, unit)) == content.encode()


@modest
@given(any_text, units)
def test_every_atom_keeps_the_form_of_its_subtype(content: str, unit: TextUnit) -> None:
    for atom in atoms_of(content, unit):
        decoded = atom.content.decode()
        assert 0 < len(atom.content) <= MAX_BYTES[atom.subtype]
        assert len(atom.suffix) <= 64
        assert atom.suffix.decode().strip() == ""
        if atom.subtype == "gap":
            assert decoded.replace("\ufeff", "").strip() == ""
            assert (atom.text, atom.suffix, atom.content_type) == (None, b"", "text/plain")
        else:
            assert (atom.modality, atom.subtype, atom.content_type) == ("text", unit, f"text/{unit}")
            assert atom.text == decoded == decoded.strip() != ""


@modest
@given(any_text)
def test_no_sentence_crosses_a_paragraph(content: str) -> None:
    assert not any(PARAGRAPH_BREAK.search(sentence or "") for sentence in sentences_of(content))


@modest
@given(any_text, units, st.integers(0, 2**32), st.sampled_from([7, 1000, 100_000]), st.sampled_from([100, 5000]))
def test_atoms_do_not_depend_on_how_the_stream_is_read(
    content: str, unit: TextUnit, seed: int, most: int, block: int
) -> None:
    data = content.encode()
    expected = atoms_of(data, unit)
    assert list(TextAtomizer(unit).atomize(ShortReads(data, seed, most))) == expected
    with patch.object(text_stream, "READ_BYTES", block):
        assert atoms_of(data, unit) == expected


@pytest.mark.slow
@modest
@given(st.binary(max_size=300), st.sampled_from(["", "é " * 200_000]))
def test_invalid_utf8_is_reported_at_its_first_byte(tail: bytes, before: str) -> None:
    data = before.encode() + tail
    try:
        data.decode()
    except UnicodeDecodeError as error:
        with pytest.raises(NotUtf8Error) as raised:
            atoms_of(data)
        assert raised.value.offset == error.start
        assert str(error.start) in str(raised.value)
    else:
        assert rebuilt(atoms_of(data)) == data


def test_a_truncated_code_point_at_the_end_is_invalid() -> None:
    with pytest.raises(NotUtf8Error) as raised:
        atoms_of(b"Good. Bad \xe2\x82")
    assert raised.value.offset == 10


def test_sentences_are_split_and_separators_become_suffixes() -> None:
    atoms = atoms_of("Dr. Smith came.  He left!\nWhy?\n")
    assert [(atom.content, atom.suffix) for atom in atoms] == [
        (b"Dr. Smith came.", b"  "),
        (b"He left!", b"\n"),
        (b"Why?", b"\n"),
    ]


@pytest.mark.parametrize("blank_line", ["\n\n", "\r\n\r\n", "\r\r", "\n \t\n", "\n\n\n\n", "\u2029", "\r\n \n"])
def test_a_paragraph_ends_the_sentence(blank_line: str) -> None:
    assert sentences_of(f"no full stop{blank_line}next one") == ["no full stop", "next one"]


@pytest.mark.parametrize("start", ["\ufeff", " ", "\n\n", "\ufeff \n"])
def test_white_space_and_byte_order_mark_at_the_start_are_a_gap(start: str) -> None:
    first, second = atoms_of(f"{start}Text.")
    assert (first.content.decode(), first.subtype, first.suffix) == (start, "gap", b"")
    assert second.text == "Text."


def test_a_separator_of_64_bytes_is_a_suffix() -> None:
    atoms = atoms_of("Hello there." + " " * 64 + "Hello back.")
    assert [(atom.subtype, len(atom.suffix)) for atom in atoms] == [("sentence", 64), ("sentence", 0)]


def test_a_separator_of_65_bytes_is_a_gap() -> None:
    atoms = atoms_of("A." + "\n" * 65 + "B.")
    assert [(atom.subtype, len(atom.content), atom.suffix) for atom in atoms] == [
        ("sentence", 2, b""),
        ("gap", 65, b""),
        ("sentence", 2, b""),
    ]


def test_a_separator_is_measured_in_bytes() -> None:
    assert [atom.subtype for atom in atoms_of("A.\n\n" + "\u3000" * 22 + "B.")] == [
        "sentence",
        "gap",
        "sentence",
    ]


def test_endless_white_space_is_several_gaps() -> None:
    atoms = atoms_of("A." + " " * 20_000)
    assert [len(atom.content) for atom in atoms] == [2, *[2730] * 7, 20_000 - 7 * 2730]


def test_an_empty_stream_has_no_atoms() -> None:
    assert atoms_of(b"") == []


def test_control_characters_are_content() -> None:
    assert sentences_of("\x00 is NUL.\n\n\x01\x02\n\n\x1b[0m") == ["\x00 is NUL.", "\x01\x02", "\x1b[0m"]


@pytest.mark.parametrize("window", [2000, sentences.WINDOW])
def test_windows_do_not_change_the_sentences_of_a_long_paragraph(window: int) -> None:
    from nupunkt import load

    rng = random.Random(3)
    # Judged by its first two letters alone, "Thomas" would begin a sentence.
    words = ["Mr. Smith", "paid", "$3.50", "in the U.S.", "(see fig. 2)", "at St. Thomas", "last.", "Why?"]
    paragraph = " ".join(rng.choices(words, k=60_000))
    assert len(paragraph) > 8 * window
    expected = [paragraph[start:end].strip() for start, end in load("default").span_tokenize(paragraph)]
    with patch.object(sentences, "WINDOW", window):
        assert sentences_of(paragraph) == expected


@pytest.mark.slow
def test_where_windows_begin_does_not_depend_on_how_the_stream_is_read() -> None:
    # At the start of what it is given, nupunkt takes "1." for an item number; elsewhere, for a sentence end.
    data = b"1. " * 100_000
    expected = atoms_of(data)
    assert {atom.content for atom in expected} == {b"1.", b"1. 1."}
    with patch.object(text_stream, "READ_BYTES", 50_000):
        assert atoms_of(data) == expected


@pytest.mark.slow
@pytest.mark.parametrize("unit", TEXT_UNITS)
@pytest.mark.parametrize("piece", [b"x", b"never any end of this "], ids=["one word", "one sentence"])
def test_a_line_of_2_mb_needs_little_memory(piece: bytes, unit: TextUnit) -> None:
    all(TextAtomizer(unit).atomize(cast(BinaryIO, Generated(piece, 200_000))))  # what is loaded once is there before
    tracemalloc.start()
    try:
        stream = cast(BinaryIO, Generated(piece, 2_000_000))
        length = sum(len(atom.content) + len(atom.suffix) for atom in TextAtomizer(unit).atomize(stream))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == 2_000_000
    assert peak < 1_400_000


@pytest.mark.slow
def test_sentences_of_many_different_words_need_bounded_memory() -> None:
    rng = random.Random(5)
    data = "".join(f"{rng.randbytes(8).hex()} ends {rng.randbytes(8).hex()}. " for _ in range(70_000)).encode()
    atoms_of("Load the model. Then measure.")
    tracemalloc.start()
    try:
        count = sum(1 for _ in TextAtomizer("sentence").atomize(io.BytesIO(data)))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count > 69_000
    assert peak < 50_000_000


def test_the_version_names_the_unit_its_limits_and_the_library_that_finds_sentences() -> None:
    library = f"nupunkt-{version('nupunkt')}"
    assert TextAtomizer("passage").version == f"2+passage-400-1200+{library}"
    assert TextAtomizer("sentence").version == f"2+sentence-4096-8192+{library}"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "text/x-lua; charset=utf-8",
        "Application/TOML",
        "application/vnd.api+json",
        "application/yaml",
        "application/toml;v=1",
    ],
)
def test_text_types_go_to_the_text_atomizer(content_type: str) -> None:
    assert atomizer_for(content_type).name == "text"


@pytest.mark.parametrize("content_type", ["audio/flac", "video/mp4", "application/octet-stream", "", "nonsense"])
def test_other_types_go_to_the_chunk_atomizer(content_type: str) -> None:
    assert atomizer_for(content_type).name == "chunks"
