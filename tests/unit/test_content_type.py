"""sniff names what the bytes are and never raises; scan hashes and finds the first byte that is not UTF-8."""

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import random
import struct
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import NotUtf8Error, TextAtomizer, atomizer_for
from hartonomous_core.atomizers import content_type as content_type_module
from hartonomous_core.atomizers.charsets import READ_BYTES
from hartonomous_core.atomizers.content_type import scan, sniff
from tests.unit.encoded_texts import TEXTS

modest = settings(derandomize=True, deadline=None, max_examples=150)
LATIN_1 = "Grüße aus Köln".encode("latin-1")


def zip_bytes() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", "x")
    return target.getvalue()


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "", "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0" + b"\0" * 50, "photo.txt", "image/jpeg"),
        (b"GIF89a\x01\0\x01\0\x80", "", "image/gif"),
        (b"<!-- saved -->\n<!DOCTYPE html><p>x", "", "text/html"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">', "page", "text/html"),
        (b"<?xml version='1.0'?>", "", "application/xml"),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?><rss>', "feed", "application/xml"),
        (b"<?xml version='1.0' encoding='windows-1252'?><a>\xfc", "", "application/xml"),
        (b"<?xml version='1.0'?><log/>", "log.txt", "text/plain"),
        (b"<?xml is how it begins", "", "text/plain"),
        (
            b'<?xml version="1.0"?>\n<!-- drawn -->\n<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x">\n<svg>',
            "",
            "image/svg+xml",
        ),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "tides", "image/svg+xml"),
        (b"<svgish>", "", "text/plain"),
        ("<?xml version='1.0'?><a>Fog lies low</a>".encode("utf-16"), "", "application/xml; charset=utf-16le"),
        (b"<html><p>x", "page.txt", "text/plain"),
        (b"<htmlish><p>x", "", "text/plain"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "", "application/pdf"),
        (b"%PDF-1.4\nall of it ASCII", "", "application/pdf"),
        (b"%PDF-1.4\nall of it ASCII", "a.pdf", "application/pdf"),
        (b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", "a.txt", "application/pdf"),
        (b"{\\rtf1\\ansi all of it ASCII}", "letter", "application/rtf"),
        (b"{\\rtf1 all of it ASCII}", "letter.rtf", "application/rtf"),
        (gzip.compress(b"abc", mtime=0), "", "application/x-gzip"),
        (bz2.compress(b"abc"), "", "application/x-bzip2"),
        (lzma.compress(b"abc"), "", "application/x-xz"),
        (zip_bytes(), "", "application/zip"),
        (zip_bytes(), "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
        (
            random.Random(1).randbytes(3000),
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
        (random.Random(1).randbytes(3000), "a.PDF", "application/pdf"),
        (random.Random(1).randbytes(3000), "a.png", "application/octet-stream"),
        (TEXTS["Russian"].encode("koi8-r"), "a.docx", "text/plain"),
        (b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 20, "", "audio/wave"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", "", "video/mp4"),
        (b"ID3\x03\0\0\0\0" + b"\0" * 50, "a.mp3", "audio/mpeg"),
        ((b"G@\0\x10" + b"\xff" * 184) * 3, "a.ts", "video/mp2t"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 50, "", "application/x-executable"),
        (b"SQLite format 3\0" + b"\0" * 100, "", "application/x-sqlite3"),
        (b"GGUF\x03\0\0\0" + b"\0" * 20, "", "application/vnd.gguf"),
        (b"PAR1\x15\x04\x15\xff" + b"\0" * 20, "", "application/vnd.apache.parquet"),
        (struct.pack("<Q", 100) + b'{"a":{"dtype":"F32"}}', "", "application/vnd.safetensors"),
        (b"\0" * 8192, "", "application/octet-stream"),
        (LATIN_1, "", "application/octet-stream"),
    ],
)
def test_binary_content_is_named_by_its_signature(head: bytes, name: str, expected: str) -> None:
    assert sniff(head, name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.md", "text/markdown"),
        ("a.HTML", "text/html"),
        ("folder.d/a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("a.jsonl", "application/x-ndjson"),
        ("a.py", "text/x-python"),
        ("a.ts", "text/x-typescript"),
        ("a.svg", "image/svg+xml"),
        ("a.rss", "application/rss+xml"),
        ("a.kml", "application/xml"),
        ("a.png", "text/plain"),
        ("README", "text/plain"),
        ("", "text/plain"),
    ],
)
def test_text_is_refined_by_the_extension(name: str, expected: str) -> None:
    assert sniff(b"some words", name) == expected
    assert sniff(b"", name) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"BM is short for bitmap",
        b"MZ",
        b"{",
        b"P1 said",
        b"import this",
        b"GGUF is a format",
        b"PK",
        b"ID;x",
        b"if x",
        b"%PDF-",
        b"%PDF-1.4 is the first line of many files",
        b"{\\rtf is how RTF begins",
        b"GIF89a",
        b"#!/bin/sh",
        b"%!PS",
    ],
)
def test_text_that_looks_like_a_signature_is_text(head: bytes) -> None:
    assert sniff(head) == "text/plain"


@pytest.mark.parametrize(
    "head", [b"%PDF-1.4\n", b"{\\rtf1\\ansi}", b"PK\x03\x04", b"GIF89a", b"#!/bin/sh\n", b"<?xml?>", b"%!PS\n"]
)
def test_what_is_all_text_is_of_the_kind_that_its_name_says(head: bytes) -> None:
    assert sniff(head + b"and words", "a.md") == "text/markdown"
    assert sniff(head + b"and words", "a.txt") == "text/plain"


SHORT_TEXTS = {
    "ascii": "A letter.\r\n\tIt is short.",
    "umlauts": "Grüße aus Köln, \u201cdort\u201d. " * 3,
    "greek": "Η γλώσσα μας, και τα νησιά. " * 4,
}


@pytest.mark.parametrize("text", SHORT_TEXTS.values(), ids=SHORT_TEXTS)
@pytest.mark.parametrize(
    ("encoding", "mark", "charset"),
    [
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16le"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16be"),
        ("utf-32-le", codecs.BOM_UTF32_LE, "utf-32le"),
        ("utf-32-be", codecs.BOM_UTF32_BE, "utf-32be"),
        ("utf-16-le", b"", "utf-16le"),
        ("utf-16-be", b"", "utf-16be"),
        ("utf-32-le", b"", "utf-32le"),
        ("utf-32-be", b"", "utf-32be"),
    ],
)
def test_text_in_utf16_or_utf32_is_said_to_be_that(text: str, encoding: str, mark: bytes, charset: str) -> None:
    data = mark + text.encode(encoding)

    for content in (data, data + text.encode(encoding) * 200):
        assert sniff(content, "letter.txt") == f"text/plain; charset={charset}"
        assert sniff(content, "table.csv") == f"text/csv; charset={charset}"
        assert sniff(content, "letter") == f"text/plain; charset={charset}"
        assert atomizer_for(sniff(content, "letter.txt")).name == "encoded-text"


@pytest.mark.parametrize("encoding", ["cp1252", "koi8-r", "shift_jis"])
def test_text_in_another_encoding_is_text_without_a_name_of_text_too(encoding: str) -> None:
    text = {"cp1252": TEXTS["German"], "koi8-r": TEXTS["Russian"], "shift_jis": TEXTS["Japanese"]}[encoding]
    for head in (text.encode(encoding), (text * 50).encode(encoding)[:8192]):
        assert sniff(head) == sniff(head, "README") == "text/plain"
        assert sniff(head, "table.csv") == "text/csv"


@pytest.mark.parametrize(
    "content_type",
    ["text/plain; charset=utf-8", 'text/css;charset="UTF-8"', "text/plain; format=flowed; charset=us-ascii"],
)
def test_text_that_says_that_it_is_utf8_goes_to_the_text_atomizer(content_type: str) -> None:
    assert atomizer_for(content_type).name == "text"


def test_a_code_point_that_the_head_cuts_off_is_no_error() -> None:
    assert sniff(("a" + "é" * 5000).encode()[:8192]) == "text/plain"


def test_bytes_beyond_the_head_are_not_looked_at() -> None:
    assert sniff(b"a" * 8192 + b"\xff\0") == "text/plain"


@pytest.mark.parametrize("head", [LATIN_1, b"a\0b"], ids=["latin-1", "NUL"])
def test_a_text_file_that_is_not_utf8_is_still_called_text(head: bytes) -> None:
    assert sniff(head, "letter.txt") == "text/plain"


def test_every_text_extension_leads_to_what_gives_text() -> None:
    assert all(atomizer_for(kind).gives_text for kind in content_type_module._TEXT_TYPES.values())


@pytest.mark.slow
@modest
@given(st.binary(max_size=600), st.text(max_size=30))
def test_sniff_answers_a_lower_case_type_for_any_input(head: bytes, name: str) -> None:
    for signature in (
        b"",
        b"PK\x03\x04",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        b"\0\0\0\x18ftyp",
        b"RIFF\0\0\0\0",
    ):
        answer = sniff(signature + head, name)
        assert answer == answer.lower()
        assert answer.count("/") == 1


@modest
@given(st.binary(max_size=300))
def test_binary_content_without_a_text_name_never_goes_to_the_text_atomizer(tail: bytes) -> None:
    assert atomizer_for(sniff(b"\0\xff" + tail)).name == "chunks"


@modest
@given(st.binary(max_size=100), st.sampled_from([0, 1, READ_BYTES - 3, READ_BYTES - 1, 2 * READ_BYTES]))
def test_scan_finds_what_python_finds(tail: bytes, before: int) -> None:
    content = b"a" * before + tail
    result = scan(io.BytesIO(content))
    assert result.sha256 == hashlib.sha256(content).digest()
    assert result.byte_length == len(content)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        assert result.invalid_utf8_at == error.start
    else:
        assert result.invalid_utf8_at is None


@modest
@given(st.text(max_size=100), st.integers(0, 100))
def test_scan_and_the_text_atomizer_agree_on_where_text_ends(content: str, cut: int) -> None:
    data = content.encode()[: -cut or None] + b"\xe2\x82"[: cut % 3]
    invalid_at = scan(io.BytesIO(data)).invalid_utf8_at
    if invalid_at is None:
        list(TextAtomizer().atomize(io.BytesIO(data)))
    else:
        with pytest.raises(NotUtf8Error) as raised:
            list(TextAtomizer().atomize(io.BytesIO(data)))
        assert raised.value.offset == invalid_at


def test_scan_follows_code_points_across_short_reads() -> None:
    class ShortReads(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(rng.randint(1, 5))

    rng = random.Random(1)
    data = "aé漢😀".encode() * 500
    assert scan(ShortReads(data)).invalid_utf8_at is None
    assert scan(ShortReads(data + b"\xf0\x9f" + data)).invalid_utf8_at == len(data)
    assert scan(ShortReads(data + b"\xf0\x9f")).invalid_utf8_at == len(data)
