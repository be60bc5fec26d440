"""A database of each release, on a server: its rows and the shape of its schema after an upgrade.

Without a server, tests/sqlserver/test_sqlserver_sql.py replays the migrations in the order of an upgrade and compares what they leave.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.database.migrations import Migration, read_migrations
from hartonomous_resources.database.sqlserver import migrator
from hartonomous_resources.database.sqlserver.procedures import to_driver_value
from tests.backends import DATABASES, Store, require, rows
from tests.released import FOLDER, RELEASES, SQL, shipped

TABLES = (
    "SELECT t.name FROM sys.tables AS t WHERE t.name NOT IN ('SchemaVersion', 'Modality')"  # these, migrations fill
)
COLUMNS = """SELECT c.name, TYPE_NAME(c.user_type_id) AS type, c.is_identity, c.is_computed
FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(?)"""
SCHEMA = """SELECT CONCAT(o.name, '.', c.name, ' ', TYPE_NAME(c.user_type_id), c.max_length, c.is_nullable) AS line
FROM sys.columns AS c INNER JOIN sys.objects AS o ON o.object_id = c.object_id WHERE o.is_ms_shipped = 0
UNION ALL SELECT CONCAT(OBJECT_NAME(i.object_id), '.', i.name, ' ', i.type, i.is_unique, i.filter_definition)
FROM sys.indexes AS i INNER JOIN sys.tables AS t ON t.object_id = i.object_id
UNION ALL SELECT CONCAT(o.type, ' ', o.name) FROM sys.objects AS o WHERE o.is_ms_shipped = 0 AND o.type NOT IN ('TT', 'IT', 'S')
UNION ALL SELECT REPLACE(m.definition, 'OR ALTER ', '') FROM sys.sql_modules AS m"""


@pytest.fixture
def make_store() -> Iterator[Callable[[], Store]]:
    """Makes an empty database of the server."""
    backend = DATABASES["sqlserver"]
    require("sqlserver", backend.variable)
    made: list[Store] = []

    def make() -> Store:
        made.append(Store("sqlserver", backend.create(FOLDER)))
        return made[-1]

    yield make
    for store in made:
        backend.drop(store.location)


def shipped_migrations(release: str) -> Callable[[Path, str], list[Migration]]:
    """What stands for `read_migrations` in the program of a release."""
    names = shipped(release)

    def read(folder: Path, feature: str) -> list[Migration]:
        place = folder.relative_to(SQL).as_posix()
        return [m for m in read_migrations(folder, feature) if f"{place}/{m.version:04d}_{m.name}.sql" in names]

    return read


def released_rows(release: str, tables: set[str]) -> dict[str, list[dict[str, Any]]]:
    """The rows that the embedded database of a release has in these tables; jobs are a view there."""
    with closing(sqlite3.connect(":memory:")) as client:
        client.executescript((FOLDER / f"database_{release}.sql").read_text("utf-8"))
        named = {row["name"] for row in rows(client, "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")}
        return {table: rows(client, f"SELECT * FROM {table}") for table in sorted(tables & named)}


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


def fill(client: Any, given: dict[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Write the rows of all tables as they are, which name one another; returns the columns that were written."""
    for table in given:
        client.execute(f"ALTER TABLE dbo.{table} NOCHECK CONSTRAINT ALL")
        client.execute(f"ALTER TABLE dbo.{table} DISABLE TRIGGER ALL")
    client.commit()
    columns = {table: insert(client, table, of_table) for table, of_table in given.items()}
    for table in given:
        client.execute(f"ALTER TABLE dbo.{table} WITH CHECK CHECK CONSTRAINT ALL")
        client.execute(f"ALTER TABLE dbo.{table} ENABLE TRIGGER ALL")
    client.commit()
    return columns


def contents(client: Any, columns: dict[str, list[str]]) -> dict[str, list[str]]:
    return {
        t: sorted(map(repr, rows(client, f"SELECT {', '.join(names)} FROM dbo.{t}"))) for t, names in columns.items()
    }


def schema(store: Store) -> list[str]:
    with closing(store.connect()) as client:
        return sorted(" ".join(row["line"].split()) for row in rows(client, SCHEMA))


@pytest.mark.parametrize("release", RELEASES)
def test_an_upgrade_keeps_every_row_and_leaves_the_schema_of_a_new_database(
    make_store: Callable[[], Store], release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store()
    with monkeypatch.context() as patched:
        patched.setattr(migrator, "read_migrations", shipped_migrations(release))
        store.open().migrate()
    with closing(store.connect()) as client:
        columns = fill(client, released_rows(release, {row["name"] for row in rows(client, TABLES)}))
        before = contents(client, columns)
        assert {"Source", "Atom", "AtomEmbedding", "BackgroundJob", "QueueMessage", "DeadLetter"} <= set(before)

        store.open().migrate()

        assert contents(client, columns) == before
    fresh = make_store()
    fresh.open().migrate()
    assert schema(store) == schema(fresh)
