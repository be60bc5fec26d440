"""What is read of Parquet, in the child that reads it: rows with their names, and of what is damaged or hostile the reason why not all."""

import io
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from hartonomous_core.atomizers import Context, DocumentAtomizer, Format, Partial, atomizer_for
from hartonomous_core.atomizers.extractors.parquet import INSTALL_PYARROW, extract
from hartonomous_core.atomizers.members import NoMembers
from hartonomous_resources.parsing.parser_processes import ParserProcesses
from tests.unit.changed_bytes import Cuts, cut, cuts_of

KIND = "application/vnd.apache.parquet"
LONG = "a long remark that fills a row so that it stands by itself in what is searched, and not with others"


def written(rows: list[dict[str, Any]] | pyarrow.Table, **options: Any) -> bytes:
    target = io.BytesIO()
    table = rows if isinstance(rows, pyarrow.Table) else pyarrow.Table.from_pylist(rows)
    parquet.write_table(table, target, **options)
    return target.getvalue()


BOATS = written([{"vessel": "Hope", "kg": 5, "remark": LONG}, {"vessel": "Star", "kg": None, "remark": LONG[2:]}])


@pytest.fixture(scope="module")
def parsers() -> Iterator[ParserProcesses]:
    with closing(ParserProcesses(60, 1024**3)) as parsers:
        yield parsers


def read(path: Path, data: bytes, parsers: ParserProcesses) -> tuple[list[tuple[str, Any]], str | None]:
    """The texts that are derived with their places, and why they are not all; the bytes are all there."""
    path.write_bytes(data)
    atomizer = atomizer_for(KIND)
    assert isinstance(atomizer, DocumentAtomizer)
    found: list[tuple[str, Any]] = []
    content, problem = [], None
    with path.open("rb") as stream:
        try:
            for atom in atomizer.atomize(stream, KIND, Context(parsers, NoMembers())):
                if atom.role == "derived":
                    found.append((str(atom.text), atom.locator))
                else:
                    content.append(atom.content)
        except Partial as partial:
            problem = str(partial)
    assert b"".join(content) == data
    return found, problem


def test_rows_of_all_groups_are_told_with_their_names_and_the_types_of_the_columns(
    tmp_path: Path, parsers: ParserProcesses
) -> None:
    place = {"columns": ["vessel string", "kg int64", "remark string"]}
    assert read(tmp_path / "f", BOATS, parsers) == (
        [
            (f"vessel: Hope; kg: 5; remark: {LONG}", {"row": 1, **place}),
            (f"vessel: Star; remark: {LONG[2:]}", {"row": 2, **place}),
        ],
        None,
    )
    rows = [{"n": n, "remark": f"{LONG} {n}"} for n in range(700)]
    found, problem = read(tmp_path / "f", written(rows, row_group_size=100), parsers)
    assert problem is None
    assert [(text, place["row"]) for text, place in found] == [
        (f"n: {n}; remark: {LONG} {n}", n + 1) for n in range(700)
    ]


def test_values_of_every_kind_are_told(tmp_path: Path, parsers: ParserProcesses) -> None:
    table = pyarrow.table(
        {
            "when": pyarrow.array([datetime(2026, 1, 2, 3, 4, 5)], pyarrow.timestamp("ns")),
            "sum": [Decimal("1.50")],
            "is paid": [True],
            "tags": [["a", "b"]],
            "of": pyarrow.array([[("key", "value")]], pyarrow.map_(pyarrow.string(), pyarrow.string())),
            "in": [{"city": "Leeds", "zip": None}],
            "words": [b"of bytes"],
            "picture": [b"\xff\0"],
        }
    )
    [(text, _)], problem = read(tmp_path / "f", written(table), parsers)
    assert problem is None
    assert text == (
        "when: 2026-01-02 03:04:05; sum: 1.50; is paid: true; tags: a, b; of.key: value; in.city: Leeds; words: of bytes"
    )


def test_where_pyarrow_is_missing_one_sentence_says_so_and_the_file_is_read_once_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Partial, match=r"pip install 'hartonomous\[parquet\]'") as raised:
        list(extract(io.BytesIO(BOATS), KIND))
    assert str(raised.value) == INSTALL_PYARROW
    missing = Format("parquet", "1", (), "", libraries=("no-such-distribution",)).atomizer("passage")
    assert missing.version.startswith("1+no-such-distribution-none ")


MANY_NAMES = written(pyarrow.table({f"a long name of a column, the {n}": [n] for n in range(2000)}))
DAMAGED: dict[str, tuple[bytes, str | None, int]] = {
    "nothing": (b"", "damaged", 0),
    "its beginning alone": (b"PAR1", "damaged", 0),
    "truncated": (BOATS[:-20], "damaged", 0),
    "no Parquet": (b"PAR1" + b"x" * 1000 + b"PAR1", "damaged", 0),
    "a footer longer than the file": (b"PAR1" + b"x" * 100 + b"\xff\xff\xff\x7fPAR1", "damaged", 0),
    "a page that is damaged": (BOATS[:30] + b"\xff" * 40 + BOATS[70:], "damaged", 0),
    "no rows": (written(pyarrow.table({"a": pyarrow.array([], pyarrow.string())})), None, 0),
    "no columns": (written(pyarrow.table({})), None, 0),
    "rows that say nothing": (written(pyarrow.table({"a": pyarrow.nulls(300_000)})), None, 0),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_kept_and_says_why(name: str, tmp_path: Path, parsers: ParserProcesses) -> None:
    data, reason, count = DAMAGED[name]
    found, problem = read(tmp_path / "f", data, parsers)
    assert (problem is None) if reason is None else (reason in str(problem))
    assert len(found) == count


def test_more_columns_than_anybody_names_do_not_drown_a_locator(tmp_path: Path, parsers: ParserProcesses) -> None:
    found, problem = read(tmp_path / "f", MANY_NAMES, parsers)
    assert problem is None
    assert found[0][1]["columns"][-1] == "…"
    assert len(found) > 50


def test_rows_without_end_and_values_too_large_are_given_up(tmp_path: Path) -> None:
    rows_without_end = written(pyarrow.table({"a": pyarrow.nulls(40_000_000)}))
    too_large = written(
        pyarrow.table({"a": ["x" * 200_000_000]}), compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert max(len(rows_without_end), len(too_large)) < 100_000
    with closing(ParserProcesses(2, 512 * 1024**2)) as parsers:
        assert read(tmp_path / "f", rows_without_end, parsers) == ([], "reading it takes more than 2 seconds")
        found, problem = read(tmp_path / "f", too_large, parsers)
        assert found == []
        assert problem is not None and "memory" in problem


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=cuts_of(BOATS), is_cut_off=st.booleans())
def test_whatever_happens_to_its_bytes_they_come_back(
    cuts: Cuts, is_cut_off: bool, tmp_path: Path, parsers: ParserProcesses
) -> None:
    data = cut(BOATS, cuts)
    read(tmp_path / "f", data[: len(data) // 2] if is_cut_off else data, parsers)
