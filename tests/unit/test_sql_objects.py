"""What a script of SQL creates, in several dialects: each object with the comments above it is an atom, and every byte comes back."""

import io
import random
import re
import time
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import Atom, Partial
from hartonomous_core.atomizers.extractors.sql_objects import extract
from tests.unit.test_code_atomizer import REPOSITORY, read

SQL = "text/x-sql"
SCRIPTS = [path for part in ("sqlserver", "sqlite") for path in sorted((REPOSITORY / "sql" / part).rglob("*.sql"))]


def atoms_of(text: str | bytes) -> list[Atom]:
    atoms, reason = read(text, SQL)
    assert reason is None
    return atoms


def said(text: str) -> list[tuple[str, str]]:
    """The path of each atom, and its text."""
    return [(".".join((atom.locator or {}).get("symbol", [])), atom.text or "") for atom in atoms_of(text)]  # type: ignore[arg-type]


def test_a_procedure_of_sql_server_goes_to_the_end_of_its_batch_with_the_comments_above_it() -> None:
    log = "-- Logs\n/* a ship /* or two */ */\nCREATE OR ALTER PROCEDURE [port].[log it] @ship int AS\n"
    log += "BEGIN TRY\n  DECLARE @a int = CASE WHEN 1 = 1 THEN 1 END;"
    log += "\n  CREATE TABLE #ships (id int);\n  SELECT 'it''s\nGO\n', \"GO\" FROM [a]]b];\nEND TRY BEGIN CATCH THROW; END CATCH -- done"
    depth = "create function dbo.depth() returns int as begin return 1 end"
    text = f"\ufeffUSE port\nGO\nSET ANSI_NULLS ON\nGO\n{log}\nGO\n\n{depth}\ngo\nINSERT log VALUES (1)\nGO 5\n"
    assert said(text)[1:] == [
        ("", "USE port\nGO\nSET ANSI_NULLS ON\nGO"),
        ("port.log it", log),
        ("dbo.depth", depth),
        ("", "INSERT log VALUES (1)\nGO 5"),
    ]
    assert [atom.suffix for atom in atoms_of(text)[2:4]] == [b"\nGO\n\n", b"\ngo\n"]


def test_tables_of_sql_server_need_no_semicolon_and_may_stand_in_a_block() -> None:
    text = "CREATE TABLE dbo.a (x int,\n  b int DEFAULT (1))\n-- of b\nCREATE TABLE b (x int) INSERT b VALUES (1)\n"
    text += "IF 1 = 1\nBEGIN\n  CREATE TYPE c FROM int\nEND\nGO\nALTER VIEW v AS\nSELECT 1\n"
    assert said(text) == [
        ("dbo.a", "CREATE TABLE dbo.a (x int,\n  b int DEFAULT (1))"),
        ("b", "-- of b\nCREATE TABLE b (x int) INSERT b VALUES (1)"),
        ("", "IF 1 = 1\nBEGIN"),
        ("c", "CREATE TYPE c FROM int"),
        ("", "END\nGO"),
        ("v", "ALTER VIEW v AS\nSELECT 1"),
    ]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE 1 WHEN 1 THEN 2 END; DELETE FROM b; END;\n", "t"),
        ("CREATE FUNCTION s.add(a int) AS $$ BEGIN; 'y END; $$ LANGUAGE plpgsql;\n", "s.add"),
        ("CREATE FUNCTION b() AS $b$ a; $$ $c$; $b$;\n", "b"),
        ("CREATE FUNCTION c() BEGIN ATOMIC IF x THEN y; END IF; SELECT 1; END;\n", "c"),
        ('CREATE TEMP TABLE IF NOT EXISTS "ship\'s log" (a int);\n', "ship's log"),
        ("CREATE VIRTUAL TABLE words USING fts5(text);\n", "words"),
        ("CREATE PROC a AS SET NOCOUNT ON; SELECT 1;\nSELECT 2;\n", "a"),
        ("CREATE VIEW `a` AS SELECT 'it\\'s;';\n", "a"),
        (
            "DELIMITER //\nCREATE DEFINER=`root`@`%` PROCEDURE a()\nBEGIN\n  SELECT 1; IF x THEN y; END IF;\nEND //\nDELIMITER ;\n",
            "a",
        ),
        ("CREATE PACKAGE BODY a.b IS\n  c NUMBER;\n  PROCEDURE d IS BEGIN NULL; END;\nEND;\n/\n", "a.b"),
    ],
)
def test_an_object_of_any_dialect_is_one_atom_and_those_beside_it_others(text: str, path: str) -> None:
    [alone] = [each for each in said(text) if each[0]]
    assert alone[0] == path
    assert [each for each in said(text + text) if each[0]] == [alone, alone]


def test_what_creates_nothing_is_no_symbol() -> None:
    text = "GRANT CREATE TABLE TO pilot;\nSELECT 'CREATE TABLE a (b int)'; -- CREATE VIEW c AS\n/* CREATE TYPE d */ CREATE INDEX e ON f (g);"
    assert said(text) == [("", text)]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_every_object_of_our_own_scripts_is_found(path: Path) -> None:
    text = path.read_text("utf-8")
    created = re.findall(r"^CREATE (?:OR ALTER )?(?:PROCEDURE|FUNCTION|VIEW|TRIGGER|TABLE|TYPE) ([\w.]+)", text, re.M)
    found = {name for name, _ in said(text)}
    assert found >= set(created)


def test_there_are_hundreds_of_procedures_and_each_is_the_same_atom_elsewhere() -> None:
    batches = [batch for path in SCRIPTS for batch in re.split(r"(?<=\nGO\n)", path.read_text("utf-8"))]
    batches = [
        batch
        for batch in batches
        if re.match(r"\s*(?:--.*\n)*CREATE (?:OR ALTER )?PROCEDURE", batch) and batch[-4:] == "\nGO\n"
    ]
    assert len(batches) > 200
    as_they_are = {atom.content for atom in atoms_of("".join(batches))}
    random.Random(1).shuffle(batches)
    assert {atom.content for atom in atoms_of("".join(batches))} == as_they_are


PIECES = [
    "'",
    '"',
    "[",
    "]",
    "`",
    "$$",
    "$a$",
    "/*",
    "*/",
    "--",
    "\n",
    ";",
    "(",
    ")",
    " BEGIN ",
    " END",
    " CASE ",
    "\nGO\n",
    "\n/\n",
    "\nDELIMITER //\n",
    "//",
    "CREATE ",
    "OR ALTER ",
    "PROCEDURE a.b ",
    "TABLE [c d] ",
    "VIEW é",
    "x ",
    "\\",
    "#",
    "\ufeff",
]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=60))
def test_whatever_it_is_made_of_its_bytes_come_back(pieces: list[str]) -> None:
    read("".join(pieces), SQL)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(["'a;\nGO\n''b'", "[x;]", "-- GO;\n", "/* ;\n*/", "(a;b)", "x\n", "BEGIN\n", "END\n"]),
        max_size=20,
    )
)
def test_a_batch_is_cut_nowhere_within(inside: list[str]) -> None:
    """Whatever stands in two procedures, each is one symbol."""
    bodies = [f"CREATE PROCEDURE {name} AS\n{''.join(inside)}\nSELECT 1" for name in ("a", "b")]
    atoms = atoms_of("\nGO\n".join(bodies) + "\nGO\n")
    for body, name in zip(bodies, ("a", "b"), strict=True):
        own = [atom for atom in atoms if (atom.locator or {}).get("symbol") == [name]]
        assert "".join((atom.text or "") + atom.suffix.decode() for atom in own).removesuffix("\nGO\n") == body


@pytest.mark.parametrize(
    "piece",
    [
        "'",
        "''' x ",
        '"',
        "[",
        "[a",
        "/*",
        "/*/",
        "*/",
        "`",
        "$$",
        "$a$ $b$ ",
        "(",
        ")",
        "BEGIN ",
        "END ",
        "CASE ",
        "CREATE ",
        "\n",
        " ",
        "CREATE TABLE ",
        "CREATE TABLE a ",
        "CREATE TABLE a;",
        "\nCREATE PROC a\n",
        "DELIMITER a\n",
        "\nGO",
        "-- a\n",
        "a.",
        "END IF ",
        "/**/",
        "CREATE PROCEDURE a AS BEGIN (",
        "CREATE DEFINER=",
        "CREATE TEMP TEMP TEMP ",
        "x",
        "\nCREATE\n",
        "\r",
        "-- a\nCREATE TABLE b\n",
    ],
)
def test_much_of_anything_takes_seconds(piece: str) -> None:
    data = (piece * (1 + 2**18 // len(piece)))[: 2**18].encode()
    for dialect in (b"\nGO\n", b"DELIMITER ;\n", b""):
        started = time.process_time()
        starts: list[int] = []
        with suppress(Partial):
            for section in extract(io.BytesIO(data[: -len(dialect) or None] + dialect), SQL):
                starts.append(section.byte_offset or 0)
        assert time.process_time() - started < 3
        assert all(one <= other for one, other in pairwise(starts))


def test_much_of_end_in_a_procedure_of_mysql_takes_seconds() -> None:
    """At none of them is the rest of the script copied."""
    data = b"DELIMITER $$\nCREATE PROCEDURE p()\nBEGIN\n" + b"END " * 2**19
    started = time.process_time()
    assert list(extract(io.BytesIO(data), SQL))
    assert time.process_time() - started < 8


@pytest.mark.parametrize(
    "end",
    [
        "CREATE TABLE a (id int,\n  name text",
        "INSERT INTO a VALUES (1, 'it''s",
        "SELECT 1; /* what comes next\n",
        "SELECT f(1;\nSELECT g(",
    ],
)
def test_a_script_that_is_cut_off_says_so(end: str) -> None:
    atoms, reason = read(f"CREATE TABLE b (id int);\n{end}", SQL)
    assert reason == "its end is missing: something in it is opened and never closed"
    assert atoms[0].locator == {"symbol": ["b"], "lines": [1, 1]}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT ')' || '(' FROM a -- (\n",
        "SELECT 'it\\'s (' FROM a",
        "# (\nSELECT 1",
        "SELECT f(1;\nSELECT 2;\n",
        "SELECT ( 1\nGO\nSELECT 2\nGO\n",
        ":)",
    ],
)
def test_a_script_of_which_that_is_not_sure_does_not(text: str) -> None:
    assert read(text, SQL)[1] is None
