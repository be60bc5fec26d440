"""A database of the release before, on a server: its rows and the shape of its schema after an upgrade.

Without a server, tests/sqlserver/test_sqlserver_sql.py replays the migrations in the order of an upgrade and compares what they leave.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.migrations import Migration, read_migrations
from hartonomous_resources.database.sqlserver import migrator
from hartonomous_resources.database.sqlserver.procedures import to_driver_value
from tests.backends import DATABASES, Store, require, rows
from tests.released import FOLDER, SQLSERVER

COLUMNS = """SELECT c.name, TYPE_NAME(c.user_type_id) AS type, c.max_length, c.is_nullable, c.is_identity, c.is_computed
FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(?)"""
SCHEMA = """SELECT CONCAT(o.name, '.', c.name, ' ', TYPE_NAME(c.user_type_id), c.max_length, c.is_nullable) AS line
FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.object_id WHERE o.is_ms_shipped = 0
UNION ALL SELECT CONCAT(OBJECT_NAME(i.object_id), '.', i.name, ' ', i.type, i.is_unique, i.filter_definition)
FROM sys.indexes AS i INNER JOIN sys.tables AS t ON t.object_id = i.object_id
UNION ALL SELECT CONCAT(o.type, ' ', o.name) FROM sys.objects AS o WHERE o.is_ms_shipped = 0 AND o.type NOT IN ('TT', 'IT', 'S')
UNION ALL SELECT REPLACE(m.definition, 'OR ALTER ', '') FROM sys.sql_modules AS m"""


def only_released(folder: Path, feature: str) -> list[Migration]:
    return read_migrations(folder, feature)[: SQLSERVER[folder.name]]


@pytest.fixture
def store() -> Iterator[Store]:
    """An empty database of the server."""
    backend = DATABASES["sqlserver"]
    require("sqlserver", backend.variable)
    fresh = Store("sqlserver", backend.create(FOLDER))
    yield fresh
    backend.drop(fresh.location)


def released_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of the fixture by table, parents first."""
    client = sqlite3.connect(":memory:")
    client.executescript((FOLDER / "database_0004.sql").read_text(encoding="utf-8"))
    named = rows(client, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '*_*' ORDER BY rowid")
    tables = [row["name"] for row in named if row["name"] not in ("SchemaVersion", "AtomText")]
    return {table: rows(client, f"SELECT * FROM {table}") for table in tables}


def insert(client: Any, table: str, given: list[dict[str, Any]]) -> list[str]:
    """Write rows as they are; returns the columns that were written."""
    known = {row["name"]: row for row in rows(client, COLUMNS, f"dbo.{table}") if not row["is_computed"]}
    names = [name for name in given[0] if name in known]
    has_identity = any(known[name]["is_identity"] for name in names)
    if has_identity:
        client.execute(f"SET IDENTITY_INSERT dbo.{table} ON")
    for row in given:
        values = [None if row[name] is None else to_driver_value(known[name]["type"], row[name]) for name in names]
        marks = ", ".join("?" * len(names))
        client.execute(f"INSERT INTO dbo.{table} ({', '.join(names)}) VALUES ({marks})", values)
    if has_identity:
        client.execute(f"SET IDENTITY_INSERT dbo.{table} OFF")
    client.commit()
    return names


def contents(client: Any, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        t: sorted(map(repr, rows(client, f"SELECT {', '.join(names)} FROM dbo.{t}"))) for t, names in columns.items()
    }


def schema(store: Store) -> list[str]:
    client = store.connect()
    found = sorted(" ".join(row["line"].split()) for row in rows(client, SCHEMA))
    client.close()
    return found


def test_an_upgrade_keeps_every_row_and_leaves_the_schema_of_a_new_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(migrator, "read_migrations", only_released)
        store.open().migrate()
    client = store.connect()
    columns = {}
    for table, given in released_rows().items():
        if table == "BackgroundJob":
            client.execute("DELETE FROM dbo.BackgroundJob")  # those of the trigger
        columns[table] = [name for name in insert(client, table, given) if (table, name) != ("Source", "RunId")]
    before = contents(client, columns)

    store.open().migrate()

    assert contents(client, columns) == before
    runs = [(row["SourceId"], row["RunId"]) for row in released_rows()["Source"] if row["RunId"] is not None]
    found = rows(client, "SELECT SourceId, RunId FROM dbo.SourceRun ORDER BY SourceId")
    assert [tuple(row.values()) for row in found] == sorted(runs)
    client.close()
    fresh = Store("sqlserver", DATABASES["sqlserver"].create(FOLDER))
    fresh.open().migrate()
    assert schema(store) == schema(fresh)
    DATABASES["sqlserver"].drop(fresh.location)
