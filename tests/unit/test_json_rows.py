"""What is read of JSON and JSON Lines; of damaged files, and of those that mean harm."""

import io
import json
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hartonomous_core.atomizers import NotUtf8Error, Partial, atomizer_for
from hartonomous_core.atomizers.rows.json_documents import JsonDocument, Structure
from hartonomous_core.atomizers.rows.json_rows import JsonLines, read_value
from hartonomous_core.atomizers.rows.named_values import named_parts
from hartonomous_core.atomizers.rows.row_blocks import NOT_JSON, TOO_LONG
from tests.unit.changed_bytes import Cuts, cut, cuts_of
from tests.unit.rows_of_files import read_rows

BOATS = [
    {"vessel": "Hope", "catch": {"species": ["cod", "hake"], "kg": 1.50}, "crew": [{"name": "Ada"}, {"name": "Leo"}]},
    {"vessel": "Star of \"Lyme\"", "catch": None, "at sea": True, "log": ""},
]  # fmt: skip
SAID = [
    "vessel: Hope; catch.species: cod, hake; catch.kg: 1.5; crew.name: Ada; crew.name: Leo",
    'vessel: Star of "Lyme"; at sea: true',
]
COLUMNS = [("vessel", "catch", "crew"), ("vessel", "catch", "at sea", "log")]
LINES = "".join(json.dumps(boat) + "\n" for boat in BOATS).encode()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(data: bytes, content_type: str = "application/json") -> tuple[list[tuple[str, Any]], str | None]:
    return read_rows(data, content_type)


def places(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Without the bytes."""
    return [(text, {key: place[key] for key in place if not key.startswith("byte")}) for text, place in found]


def test_each_line_is_a_row_told_with_its_names() -> None:
    found, problem = read(b"\xef\xbb\xbf" + LINES.replace(b"}\n", b"}\r\n\n", 1), "application/x-ndjson")
    assert problem is None
    assert places(found) == [(SAID[0], {"row": 1, "columns": COLUMNS[0]}), (SAID[1], {"row": 3, "columns": COLUMNS[1]})]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16le"])
def test_each_object_of_an_array_is_a_row(indent: int | None, charset: str) -> None:
    data = json.dumps(BOATS, indent=indent).encode(charset)
    of_utf8 = charset.startswith("utf-8")
    found, problem = read(data, "application/json" if of_utf8 else f"application/json; charset={charset}")
    assert problem is None
    assert places(found) == [(SAID[n], {"row": n + 1, "columns": COLUMNS[n]}) for n in range(2)]
    if of_utf8:
        bytes_of = [data[place["byteOffset"] :][: place["byteLength"]] for _, place in found]
        assert [json.loads(each) for each in bytes_of] == BOATS


def test_a_document_is_cut_where_its_values_are_small_and_pointers_say_where() -> None:
    boats = [
        {"vessel": f"Vessel number {n} of the northern fleet", "harbour of registration": "Whitby", "length": n}
        for n in range(2000)
    ]
    document = {"kind": "fleet", "of/all": {"year": 2026}, "boats": boats, "none": [], "ports": [["Lyme", 1], 7]}
    found, problem = read(json.dumps(document).encode())
    assert problem is None
    columns = ("vessel", "harbour of registration", "length")
    assert places(found) == [
        ("kind: fleet", {"pointer": "/kind"}),
        ("of/all.year: 2026", {"pointer": "/of~1all/year"}),
        *(
            (
                "; ".join(f"{name}: {value}" for name, value in boat.items()),
                {"row": n, "pointer": "/boats", "columns": columns},
            )
            for n, boat in enumerate(boats, 1)
        ),
        ("Lyme, 1\n\n7", {"rows": [1, 2], "pointer": "/ports"}),
    ]


def test_lines_of_objects_that_are_called_json_are_rows_and_small_documents_are_text() -> None:
    assert places(read(LINES)[0]) == [(SAID[n], {"row": n + 1, "columns": COLUMNS[n]}) for n in range(2)]
    for data in (b'{"name": "a tide",\n "kind": "ebb"}', b'"a word"', b"[1, 2]", b"no JSON", b""):
        assert read(data) == ([], None)
        assert [
            atom.role for atom in atomizer_for("application/json").atomize(io.BytesIO(data), "application/json")
        ] == (["content"] if data else [])


def test_numbers_and_names_are_told_as_they_were_written() -> None:
    value = read_value('{"a": 1.50, "a": 12345678901234567890e5, "b": NaN, "c": ' + "9" * 5000 + "}")
    assert list(named_parts(value)) == ["a: 1.50", "a: 12345678901234567890e5", "b: NaN", "c: " + "9" * 5000]


@given(st.lists(VALUES, max_size=6), st.integers(1, 4), st.integers(1, 40), st.sampled_from([None, 1]))
def test_a_document_is_cut_alike_however_it_is_read(
    values: list[Any], level: int, size: int, indent: int | None
) -> None:
    data = json.dumps(values, indent=indent).encode()
    structure = Structure(level)
    ends = [
        int(end) + start for start in range(0, len(data), size) for end in structure.ends(data[start : start + size])
    ]
    assert ends == [int(end) for end in Structure(level).ends(data)]
    reader = JsonDocument(level)
    texts = [text for block in reader.blocks(io.BytesIO(data)) for text in reader.texts(block)]
    assert reader.broken.count == 0
    assert [text.offset for text in texts] == sorted(text.offset for text in texts)
    if level == 1:
        rows = [text for text in texts if text.row]
        assert [text.row for text in rows] == list(range(1, len(values) + 1))
        bytes_of = [json.loads(data[row.offset : row.offset + row.length]) for row in rows]
        assert json.dumps(bytes_of) == json.dumps(values)


@given(st.binary(max_size=300), st.integers(1, 3))
def test_any_bytes_come_back(data: bytes, level: int) -> None:
    for reader in (JsonDocument(level), JsonLines()):
        blocks = []
        for block in reader.blocks(io.BytesIO(data)):
            blocks.append(block)
            assert block.ends[-1] == len(block.data) and all(start < end for start, end in block.rows())
            list(reader.texts(block))
        assert b"".join(block.data for block in blocks) == data


FIRST = b'[{"name": "read"}, '
DAMAGED: dict[str, tuple[bytes, str | None, str]] = {
    "truncated": (FIRST + b'{"name": "wh', "its end is missing: read as plain text", "name: read"),
    "truncated, no array of objects": (b'{"sea": {"name": "read", "depth": -', "its end is missing", '"name": "read"'),
    "truncated in a name": (b'{"sea": {"name": "read", "dep', "its end is missing", '"name": "read"'),
    "truncated in a word": (b'["name: read", tr', "its end is missing", "name: read"),
    "truncated behind a comma": (FIRST, "its end is missing", "name: read"),
    "a comma too many": (FIRST + b', {"name": "after"}]', None, "name: after"),
    "more behind it": (FIRST[:-2] + b'] [{"name": "after"}]', None, "name: after"),
    "a bracket too many": (FIRST + b'1}}]]], {"name": "after"}', NOT_JSON, "name: read"),
    "wrong brackets": (FIRST + b'{"name": [1}, {"name": "after"}]', NOT_JSON, "name: read"),
    "a string that stays open": (FIRST + b'{"name": "wh}, {"name": "after"}]', NOT_JSON, "name: read"),
    "a string without end": (FIRST + b'"' + b"x" * 3_000_000, TOO_LONG, "name: read"),
    "quotation marks": (FIRST + b'"' * 2_000_001, TOO_LONG, "name: read"),
    "backslashes": (FIRST + b'"' + b"\\" * 2_000_001, TOO_LONG, "name: read"),
    "lists within lists": (FIRST + b"[" * 1_000_000, "", "name: read"),
    "objects within objects": (FIRST + b'{"a":' * 200_000 + b"1" + b"}" * 200_000 + b', {"name": "after"}]', "", "name: read"),
    "a few too many lists": (FIRST + b"[" * 20_000 + b"]" * 20_000 + b', {"name": "after"}]', NOT_JSON, "name: after"),
    "a number without end": (FIRST + b"9" * 900_000 + b', {"name": "after"}]', None, "name: after"),
    "a number that is too long": (FIRST + b"9" * 3_000_000 + b', {"name": "after"}]', TOO_LONG, "name: after"),
    "NULs": (FIRST + b'"\0\0", {"name": "after"}]', None, "name: after"),
    "not UTF-8": (FIRST + b'"\xff", {"name": "after"}]', None, "name: after"),
    "a lone surrogate": (FIRST + b'"\\ud800", {"name\\udfff": "after"}]', None, "after"),
    "equal names": (FIRST + b'{"name": 1, "name": 2}]', None, "name: 1; name: 2"),
    "commas": (b"[{}" + b"," * 1_000_000 + b'{"name": "read"}]', None, "name: read"),
    "objects of nothing": (b"[{}" + b",{}" * 300_000 + b',{"name": "read"}]', None, "name: read"),
    "a long name": (FIRST + b'{"' + b"n" * 500_000 + b'": "after"}]', None, "after"),
    "long names of short values": (FIRST + b'{"' + b"n" * 500_000 + b'": [' + b'{"a": 1},' * 50_000 + b"1]}]", None, "a: 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_read_as_far_as_it_goes_and_says_why(name: str) -> None:
    data, reason, said = DAMAGED[name]
    started = time.process_time()
    found, problem = read(data)
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (problem is not None and reason in problem)
    assert any(said in text for text, _ in found)
    assert sum(len(text) for text, _ in found) <= 5 * len(data) + 100


@pytest.mark.parametrize(
    "document",
    [
        b'{"sea": {"name": "read"} // so it "is\n',
        b'{"sea": "name: read",}',
        b'{"sea": 1, // of two\n"depth": 2',
        b"{'sea': 1",
    ],
)
def test_what_only_some_programs_take_for_json_is_text_and_not_said_to_be_damaged(document: bytes) -> None:
    assert read(document) == ([], None)


LINES_DAMAGED: dict[str, tuple[bytes, str | None, str]] = {
    "truncated": (LINES + b'{"name": "wh', NOT_JSON, '{"name": "wh'),
    "not JSON in the middle": (b"a word\n" + LINES, NOT_JSON, "a word"),
    "a line without end": (LINES + b"[" * 3_000_000 + b'\n{"name": "after"}', TOO_LONG, "name: after"),
    "lists within lists": (LINES + b"[" * 900_000 + b'\n{"name": "after"}', NOT_JSON, "name: after"),
    "NULs": (LINES + b"\0" * 100 + b'\n{"name": "after"}', NOT_JSON, "name: after"),
    "not UTF-8": (LINES + b'{"name": "\xff after"}', None, "name: \ufffd after"),
    "empty lines": (LINES + b"\n" * 300_000 + b'{"name": "after"}', None, "name: after"),
    "a comma behind each": (LINES + b'{"name": "after"},\n', NOT_JSON, "after"),
}


@pytest.mark.parametrize("name", LINES_DAMAGED)
def test_damaged_lines_are_text_and_the_others_rows(name: str) -> None:
    data, reason, said = LINES_DAMAGED[name]
    started = time.process_time()
    found, problem = read(data, "application/x-ndjson")
    assert time.process_time() - started < 20
    assert (problem is None) if reason is None else (problem is not None and reason in problem)
    assert any(said in text for text, _ in found)


def test_the_first_that_is_broken_is_named_and_the_others_are_counted() -> None:
    assert read(b"one\n" + LINES + b"two\nthree\n", "application/x-ndjson")[1] == (
        "line 1 is not JSON: read as plain text, and 2 more"
    )


@given(cuts_of(json.dumps(BOATS).encode()), st.booleans())
def test_whatever_happens_to_its_bytes_only_partial_is_raised(cuts: Cuts, of_lines: bool) -> None:
    data = cut(LINES if of_lines else json.dumps(BOATS).encode(), cuts)
    try:
        read(data, "application/x-ndjson" if of_lines else "application/json")
    except NotUtf8Error:  # of text; the stage finds out first how it is encoded
        assert not of_lines


HEAD = b"[" + b'{"a": "a word"}, ' * 5000
UNBALANCED = {
    "lists closed before they open": b"]" * 40_000 + b"[" * 40_000,
    "objects closed before they open": b"}" * 40_000 + b'{"a":' * 40_000,
    "closed by and by": b"]]," * 20_000 + b"[[[" * 20_000,
    "closed behind each": b"[]]" * 20_000 + b"[" * 40_000,
    "lists that stay open": b"[" * 80_000,
    "objects that stay open": b'{"a":' * 40_000,
}


@pytest.mark.parametrize("name", UNBALANCED)
def test_memory_does_not_grow_with_brackets_that_do_not_match(name: str) -> None:
    """80 KB behind a sound beginning; of lists within lists each has a longer pointer, so that their memory would grow with the square."""
    data = HEAD + UNBALANCED[name]
    tracemalloc.start()
    try:
        for _ in atomizer_for("application/json").atomize(io.BytesIO(data), "application/json"):
            pass
    except Partial:
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 1024 * 1024
