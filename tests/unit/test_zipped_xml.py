"""Zips of XML that are damaged or mean harm: read within limits, with a reason, and no other exception than Partial."""

import io
import re
import time
import zipfile
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import atomizer_for
from hartonomous_core.atomizers.document_atomizer import DocumentAtomizer, extract_here
from hartonomous_core.atomizers.extractors import word_blocks, zipped_xml
from tests.unit.zipped_files import (
    DOCX,
    docx_members,
    paragraph,
    read,
    with_declared_offset,
    with_declared_size,
    with_flag,
    zipped,
)

GOOD = docx_members(
    paragraph("Fog lies low.") + paragraph("Tides rise."),
    footnotes=f'<w:footnote w:id="1">{paragraph("A note.")}</w:footnote>',
)
DOCUMENT = GOOD["word/document.xml"]
MAIN = "word/document.xml"


def with_main(main: str | bytes) -> bytes:
    return zipped({**GOOD, MAIN: main})


def damaged_in_the_middle() -> bytes:
    data = zipped({**GOOD, MAIN: DOCUMENT.replace("Tides", "Tides " * 9000)}, zipfile.ZIP_STORED)
    return data.replace(b"Tides Tides", b"Tides <ides", 1)


def lying_before_the_beginning() -> bytes:
    data = zipped(GOOD)
    return with_declared_offset(data, "word/document.xml", 0)[
        10:
    ]  # as much is missing as the list of members says there is


def with_a_name_that_is_no_utf8() -> bytes:
    data = bytearray(zipped(GOOD))
    name = data.index(MAIN.encode())
    data[name - 24 : name - 22] = (0x800).to_bytes(2, "little")  # where it lies, not in the list of members
    data[name + 1] = 0xB5
    return bytes(data)


def inside(text: str) -> str:
    return DOCUMENT.replace("</w:body>", f"{text}</w:body>")


HOSTILE: dict[str, tuple[Any, str]] = {
    "nothing": (b"", "list of its members"),
    "no zip": (b"plain words " * 100, "list of its members"),
    "cut off": (zipped(GOOD)[:-200], "list of its members"),
    "only its end": (zipped(GOOD)[-22:], "damaged"),
    "empty": (zipped({}), "does not hold a document"),
    "another zip": (zipped({"a.txt": "x"}), "does not hold a document"),
    "no such part": (
        zipped({**GOOD, "_rels/.rels": GOOD["_rels/.rels"].replace("word/", "none/")}),
        "does not hold a document",
    ),
    "no XML": (with_main(b"\0\1\2 words"), "word/document.xml is read in part: "),
    "empty part": (with_main(b""), "no element found"),
    "cut off part": (with_main(DOCUMENT[:-30]), "word/document.xml is read in part"),
    "bytes changed": (damaged_in_the_middle(), "word/document.xml is read in part"),
    "not in its encoding": (with_main(b"<?xml version='1.0' encoding='utf-8'?><w>\xff\xfe</w>"), "not well-formed"),
    "unknown encoding": (with_main("<?xml version='1.0' encoding='none'?><w/>"), "unknown encoding"),
    "encoding of several bytes": (
        with_main(b"<?xml version='1.0' encoding='gb18030'?><w/>"),
        "word/document.xml is read in part: it is in an encoding that is not read: multi-byte",
    ),
    "entities": (
        with_main(
            '<!DOCTYPE d [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><w:d xmlns:w="w"><w:p><w:r><w:t>&b;</w:t></w:r></w:p></w:d>'
        ),
        "document type",
    ),
    "external entity": (with_main('<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d>&a;</d>'), "document type"),
    "undefined entity": (with_main(inside("&nbsp;")), "undefined entity"),
    "bomb": (with_main(inside(" " * 20_000_000)), "unpacks to more than 500 times"),
    "deep": (with_main(inside("<w:x>" * 5000)), "nested more than 500"),
    "long tag": (with_main(inside(f"<w:x a='{'xy' * 3_000_000}'/>")), "unpacks to more than|a tag is longer"),
    "many names": (with_main(inside("".join(f"<w:x{n}/>" for n in range(60_000)))), "50,000 kinds"),
    "encrypted": (with_flag(zipped(GOOD), MAIN, 1), "it is encrypted"),
    "a name that is no UTF-8": (
        with_a_name_that_is_no_utf8(),
        "word/document.xml is read in part: its name, where it lies, is not in the encoding",
    ),
    "patched": (with_flag(zipped(GOOD), MAIN, 0x20), "word/document.xml is read in part: .*patched"),
    "other packing": (zipped(GOOD, zipfile.ZIP_LZMA), "does not hold a document|packed in a way"),
    "before the beginning": (lying_before_the_beginning(), "lies where nothing is"),
    "declared too short": (with_declared_size(zipped(GOOD), MAIN, 100), "word/document.xml is read in part"),
    "declared too long": (with_declared_size(zipped(GOOD), MAIN, 0x7FFFFFFF), ""),
    "other name within": (zipped(GOOD).replace(b"word/document.xml", b"word/documend.xml", 1), "differ"),
    "many members": (zipped({f"{n:0400}": "" for n in range(10_000)}), "longer than 4,194,304 bytes"),
    "traversal": (
        zipped({"_rels/.rels": GOOD["_rels/.rels"].replace("word/", "../../../../etc/"), "../etc/document.xml": "x"}),
        "does not hold a document",
    ),
    "a part in a circle": (
        zipped(
            {
                **GOOD,
                "word/_rels/document.xml.rels": GOOD["word/_rels/document.xml.rels"].replace(
                    "footnotes.xml", "document.xml"
                ),
            }
        ),
        "",
    ),
    "a long paragraph": (
        with_main(inside(paragraph("".join(chr(97 + n * n % 26) for n in range(1_500_000))))),
        "is cut off",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_damaged_or_means_harm(name: str) -> None:
    data, reason = HOSTILE[name]
    started = time.process_time()
    _, problem = read(data, DOCX)
    assert time.process_time() - started < 15
    assert (problem is None) if not reason else problem and re.search(reason, problem)


@pytest.mark.parametrize(
    "name", ["cut off part", "bytes changed", "undefined entity", "bomb", "deep", "many names", "a long paragraph"]
)
def test_what_comes_before_the_damage_and_the_other_parts_are_read(name: str) -> None:
    found, _ = read(HOSTILE[name][0], DOCX)
    assert found[0].text.startswith("Fog lies low.")
    assert found[-1].text == "A note."


def test_no_more_is_unpacked_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipped_xml, "MOST_BYTES", 2000)
    _, problem = read(with_main(inside(paragraph("word " * 2000))), DOCX)
    assert problem is not None and "unpacks to more than 2,000 bytes" in problem


def test_cells_without_text_take_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_blocks, "LONGEST_BLOCK", 1000)
    [*_, row, _], _ = read(
        with_main(inside("<w:tbl><w:tr>" + f"<w:tc>{paragraph('x')}</w:tc>" * 2000 + "</w:tr></w:tbl>")), DOCX
    )
    assert 100 < row.text.count("x") < 1000


FUZZED = zipped(GOOD)
FUZZED_STORED = zipped(GOOD, zipfile.ZIP_STORED)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(
    st.booleans(),
    st.lists(
        st.tuples(st.integers(0, len(FUZZED_STORED) - 1), st.binary(max_size=6), st.integers(0, 40)),
        min_size=1,
        max_size=4,
    ),
)
def test_bytes_that_change_anywhere_cost_no_more_than_the_words_there(
    packed: bool, changes: list[tuple[int, bytes, int]]
) -> None:
    data = FUZZED if packed else FUZZED_STORED
    for at, new, removed in changes:
        data = data[:at] + new + data[at + removed :]
    read(data, DOCX)


def test_a_stream_that_fails_is_not_taken_for_a_damaged_document() -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError("the disk is gone")

    atomizer = atomizer_for(DOCX)
    assert isinstance(atomizer, DocumentAtomizer)
    with pytest.raises(OSError, match="the disk is gone"):
        list(extract_here(atomizer.format, Failing(FUZZED), DOCX))
