"""A database that is read as one that never changes must prove to be one."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_resources.database import sqlite_connection
from hartonomous_resources.database.database_errors import DatabaseUnavailable, ReadOnlyDatabase
from hartonomous_resources.database.sqlite import SqliteDatabase


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteDatabase]:
    """One that this process may not write, while others may."""
    path = tmp_path / "hartonomous.db"
    made = SqliteDatabase(path)
    made.migrate()
    made.close()
    monkeypatch.setattr(sqlite_connection, "can_only_be_read", lambda _path: True)
    opened = SqliteDatabase(path)
    yield opened
    opened.close()


def test_it_is_read_and_needs_no_migration(database: SqliteDatabase) -> None:
    assert database.migrate() == []
    with database.read() as unit_of_work:
        assert unit_of_work.query("queue_depths") is not None


def test_it_is_not_written(database: SqliteDatabase) -> None:
    with pytest.raises(ReadOnlyDatabase, match="can only be read here"), database.unit_of_work():
        pass


def test_a_writer_that_comes_while_it_is_read_is_noticed(database: SqliteDatabase) -> None:
    writer = sqlite3.connect(database.path, isolation_level=None)
    with (
        pytest.raises(DatabaseUnavailable, match="was written to while it was read; try again"),
        database.read() as unit_of_work,
    ):
        unit_of_work.query("queue_depths")
        writer.execute("CREATE TABLE Anything (x)")
    writer.close()


def test_a_schema_that_is_older_is_not_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = SqliteDatabase(tmp_path / "hartonomous.db")
    older.migrate(1)
    older.close()
    monkeypatch.setattr(sqlite_connection, "can_only_be_read", lambda _path: True)

    with pytest.raises(ReadOnlyDatabase, match="can only be read here"):
        SqliteDatabase(tmp_path / "hartonomous.db").migrate()
