"""Rows that are read have the columns of their statement, rows that are written its placeholders: here on SQLite, in tests/sqlserver there."""

import ast
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import Statement, Write, load_statements
from hartonomous_resources.project_files import project_file
from tests.typed_statements import (
    TYPED,
    WRITES,
    bare,
    is_staging,
    names_of,
    positional_columns,
    snake_case,
    sqlite_columns,
)

STATEMENTS = load_statements(project_file("sql") / "sqlite" / "statements")
PACKAGES = ("hartonomous_core", "hartonomous_resources", "hartonomous_assets", "hartonomous_service")


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """A migrated embedded database, with the tables that a write of atoms makes."""
    database = SqliteDatabase(tmp_path_factory.mktemp("embedded") / "hartonomous.db")
    database.migrate()
    with database.read() as unit_of_work:
        for name in filter(is_staging, STATEMENTS):
            unit_of_work.execute(name)
        yield unit_of_work.connection
    database.close()


@pytest.mark.parametrize("statement", TYPED.values(), ids=str)
def test_a_typed_row_has_the_columns_of_its_statement(statement: Statement[Any], embedded: sqlite3.Connection) -> None:
    assert sorted(statement.row.__annotations__) == sorted(sqlite_columns(embedded, STATEMENTS[statement.name]) or [])


def test_a_typed_statement_is_found_by_its_name() -> None:
    assert {constant: statement.name.upper() for constant, statement in TYPED.items()} == {name: name for name in TYPED}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_row_to_write_names_the_values_of_its_statement_in_their_order(write: Write) -> None:
    names = names_of(write)
    assert names == [snake_case(column) for column in positional_columns(STATEMENTS[write.__name__])]
    assert write(**{name: name for name in names}) == tuple(names)


def test_every_statement_with_values_by_place_has_names_for_them() -> None:
    assert WRITES.keys() == {name for name, text in STATEMENTS.items() if "?" in bare(text)}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_statement_that_has_a_type_or_names_is_not_asked_by_its_plain_name(package: str) -> None:
    """The type checker would know nothing of its rows."""
    known = {statement.name for statement in TYPED.values()} | WRITES.keys()
    found = [
        f"{file.name}:{line}: {name!r} is known to database/rows"
        for file in project_file(package).rglob("*.py")
        for line, name in asked(file)
        if name in known
    ]
    assert found == []


def asked(file: Path) -> Iterator[tuple[int, str]]:
    """The statements that a module asks for by plain names, and where."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("query", "execute_many")):
            yield from (
                (each.lineno, each.value)
                for each in node.args
                if isinstance(each, ast.Constant) and isinstance(each.value, str)
            )


def test_what_is_asked_by_a_plain_name_is_found(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        'unit_of_work.query("claim_jobs", n=1)\nquery(database, "jobs")\n'
        'unit_of_work.query(CLAIM_JOBS)\nunit_of_work.execute_many("stage_hash", [])\n'
    )
    assert list(asked(module)) == [(1, "claim_jobs"), (2, "jobs"), (4, "stage_hash")]
