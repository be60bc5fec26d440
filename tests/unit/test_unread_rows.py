"""Rows of a table that are read later, batch by batch, say what they do when they are read at once."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, Context, Partial, atomizer_for
from hartonomous_core.atomizers.document_atomizer import extract_here
from hartonomous_core.atomizers.members import NoMembers
from hartonomous_core.atomizers.row_atomizer import RowAtomizer
from hartonomous_core.atomizers.rows.unread_words import words_of_batch

LATER = Context(extract_here, NoMembers(), reads_later=True)


def read_at_once(data: bytes, content_type: str) -> tuple[list[Atom], str | None]:
    return taken(data, content_type, None)


def taken(data: bytes, content_type: str, context: Context | None) -> tuple[list[Atom], str | None]:
    found: list[Atom] = []
    try:
        for atom in atomizer_for(content_type).atomize(io.BytesIO(data), content_type, context):
            found.append(atom)
    except Partial as problem:
        return found, str(problem)
    return found, None


def rows_of(atoms: list[Atom]) -> list[tuple[str, int]]:
    """The text and the number of each row that atoms tell, however many stand together."""
    found: list[tuple[str, int]] = []
    for atom in atoms:
        if atom.role == "derived":
            assert atom.text is not None and atom.locator is not None
            together = atom.locator.get("rows")
            first = together[0] if isinstance(together, list) else atom.locator["row"]
            assert isinstance(first, int)
            texts = atom.text.split("\n\n") if together else [atom.text]
            found += [(text, first + n) for n, text in enumerate(texts)]
    return found


def read_later(data: bytes, content_type: str) -> tuple[list[Atom], str | None]:
    """The same, a batch at a time, the last one first."""
    atomizer = atomizer_for(content_type)
    assert isinstance(atomizer, RowAtomizer)
    batches, problem = taken(data, content_type, LATER)
    assert b"".join(atom.content for atom in batches) == data
    assert all(atom.unread is not None and atom.role == "content" for atom in batches)
    whole: list[tuple[bytes, int, int]] = []
    offset = 0
    for atom in batches:
        assert atom.unread is not None
        if atom.unread.part:
            before, row, start = whole.pop()
            whole.append((before + atom.content, row, start))
        else:
            whole.append((atom.content, atom.unread.row, offset))
        offset += len(atom.content)
    reader = atomizer.line_reader(data, content_type)
    said = [list(atomizer.said_in(reader, *batch)) for batch in reversed(whole)]
    return [atom for atoms in reversed(said) for atom in atoms], problem


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@settings(max_examples=25)
@given(
    st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=60, max_size=200), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_rows_of_csv(rows: list[tuple[str, str, str]], line_end: str, is_marked: bool) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end)
    writer.writerows(
        [("name", "place", "what"), *((a, b, f"{c} of the harbour log, which is long enough") for a, b, c in rows)]
    )
    data = b"\xef\xbb\xbf" * is_marked + text.getvalue().encode()
    at_once, _ = read_at_once(data, "text/csv")
    later, problem = read_later(data, "text/csv")
    assert rows_of(later) == rows_of(at_once)
    assert problem is None


@settings(max_examples=25)
@given(
    st.lists(
        st.dictionaries(CELLS, CELLS | st.integers() | st.none(), min_size=1, max_size=4), min_size=1, max_size=200
    )
)
def test_rows_of_json_lines(rows: list[dict[str, object]]) -> None:
    data = "".join(
        json.dumps(row | {"log": "of the harbour, which is long enough to be told alone"}) + "\n" for row in rows
    ).encode()
    at_once, _ = read_at_once(data, "application/x-ndjson")
    later, problem = read_later(data, "application/x-ndjson")
    assert rows_of(later) == rows_of(at_once)
    assert problem is None


@pytest.mark.parametrize(
    ("broken", "content_type"),
    [
        (b'7,"never closed,x\n', "text/csv"),
        (b"{no json}\n", "application/x-ndjson"),
        (b'{"a": 1e999999, "b": NaN}\n', "application/x-ndjson"),
        (b"\n\n", "application/x-ndjson"),
        (b"\xff\xfe not UTF-8\n", "application/x-ndjson"),
        (b"x" * 1_500_000 + b"\n", "text/csv"),
        (b"[" * 100_000 + b"\n", "application/x-ndjson"),
    ],
    ids=["quotation mark", "no JSON", "numbers", "empty lines", "no UTF-8", "too long", "deep"],
)
def test_what_is_broken_is_known_before_it_is_read(broken: bytes, content_type: str) -> None:
    fish = "cod of the harbour log which is long enough to be told alone"
    line = f"1,{fish},Leeds,a remark of some length\n".encode()
    if "json" in content_type:
        line = json.dumps({"fish": fish, "remark": "of some length"}).encode() + b"\n"
    data = line * 300 + broken + line * 20_000
    at_once, problem = read_at_once(data, content_type)
    later, problem_later = read_later(data, content_type)
    assert problem_later == problem
    assert rows_of(later)[-1] == rows_of(at_once)[-1]


@pytest.mark.parametrize(
    ("data", "is_json", "words"),
    [
        (rb'{"a": "caf\u00e9 \ud83d\ude00"}', True, '{"a": "café 😀"}'),
        (rb'{"a": "one\ntwo\\n \"x\" \/ \ud83d"}', True, '{"a": "one two\\n "x" / �"}'),
        (rb"C:\new,caf\u00e9", False, r"C:\new,caf\u00e9"),
        ("你好".encode(), False, " 你好 好 "),
        (b"\xff", False, "\ufffd"),
    ],
)
def test_words_of_a_batch_are_those_of_its_bytes(data: bytes, is_json: bool, words: str) -> None:
    assert words_of_batch(data, is_json) == words
