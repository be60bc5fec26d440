"""The implementations that the contract tests run against.

A further backend is one more entry in `DATABASES`, `COMPUTES` or `VECTOR_INDEXES`.
"""

import os
import re
import sqlite3
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import SecretStr

from hartonomous_core.clock import timestamp
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.compute.worker.worker_compute import WorkerCompute
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlserver.connection import connect
from hartonomous_resources.database.sqlserver.sqlserver_database import SqlServerDatabase
from hartonomous_resources.settings import Settings
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.protocol import VectorIndex
from tests.running_worker import working


@dataclass(frozen=True, slots=True)
class DatabaseBackend:
    """An implementation of the database protocol."""

    create: Callable[[Path], str]
    """Make a fresh store (in this folder, if it is a file), migrated or not, and return its location."""
    create_empty: Callable[[Path], str]
    """Make a store that was not migrated, and return its location."""
    open: Callable[..., Database]
    """Open the store at a location, in any process; `connections` limits how many it opens, `partition` is what the setting says."""
    connect: Callable[[str], Any]
    """Open a plain DB-API connection, as a client does that knows nothing of Hartonomous."""
    count_connections: Callable[[str], int]
    """Count the connections of this process to the store at a location."""
    break_connection: Callable[[Any], None]
    """Break the connection of a unit of work, as a network does."""
    drop: Callable[[str], None] = lambda _location: None
    variable: str | None = None
    """Environment variable that says where the server is; None for what needs no server."""


TEST_SQLSERVER = "HARTONOMOUS_TEST_SQLSERVER_DSN"


def _sqlserver_settings(database: str | None, **more: Any) -> Settings:
    """Return settings for a database of the tests' server; a DATABASE in its connection string is removed, as the first one would win."""
    dsn = re.sub(r"(?i)(^|;)\s*database\s*=[^;]*", "", os.environ[TEST_SQLSERVER])
    return Settings(sqlserver_dsn=SecretStr(f"{dsn};DATABASE={database or 'master'}"), **more)


def _on_sqlserver(*statements: str) -> None:
    connection = connect(_sqlserver_settings(None))
    connection.autocommit = True  # databases are made outside of transactions
    for statement in statements:
        connection.execute(statement)
    connection.close()


def _create_sqlserver_database(_folder: Path) -> str:
    name = f"hartonomous_test_{uuid.uuid4().hex}"
    options = ["ALLOW_SNAPSHOT_ISOLATION ON", "READ_COMMITTED_SNAPSHOT ON"]
    if Settings().broker != "table":
        options.append("ENABLE_BROKER")
    _on_sqlserver(f"CREATE DATABASE [{name}]", *(f"ALTER DATABASE [{name}] SET {option}" for option in options))
    return name


def _drop_sqlserver_database(name: str) -> None:
    _on_sqlserver(f"ALTER DATABASE [{name}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", f"DROP DATABASE [{name}]")


@cache
def _migrated_sqlite_file() -> bytes:
    """The file of a fresh store: to migrate one takes 16 ms, and a thousand tests begin with it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hartonomous.db"
        database = SqliteDatabase(path)
        database.migrate()
        database.close()
        return path.read_bytes()


def _create_sqlite_database(folder: Path) -> str:
    path = folder / "hartonomous.db"
    path.write_bytes(_migrated_sqlite_file())
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = ?", (timestamp(),))  # tells two databases apart
    return str(path)


def _count_sqlite_connections(location: str) -> int:
    return sum(file.path == location for file in psutil.Process().open_files())


def _count_sqlserver_connections(name: str) -> int:
    connection = connect(_sqlserver_settings(name))
    sessions = "SELECT COUNT(*) - 1 FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND host_process_id = ?"
    counted = int(connection.execute(sessions, os.getpid()).fetchone()[0])
    connection.close()
    return counted


DATABASES: dict[str, DatabaseBackend] = {
    "sqlite": DatabaseBackend(
        create=_create_sqlite_database,
        create_empty=lambda folder: str(folder / "hartonomous.db"),
        open=lambda location, **more: SqliteDatabase(Path(location), **more),
        connect=sqlite3.connect,
        count_connections=_count_sqlite_connections,
        break_connection=lambda unit_of_work: unit_of_work.connection.close(),
    ),
    # A server without Service Broker or spatial types: set HARTONOMOUS_BROKER=table, HARTONOMOUS_SPATIAL=off, HARTONOMOUS_VECTOR=off;
    # HARTONOMOUS_FULL_TEXT=off on any: its index is filled some seconds after the commit.
    "sqlserver": DatabaseBackend(
        create=_create_sqlserver_database,
        create_empty=_create_sqlserver_database,
        open=lambda location, **more: SqlServerDatabase(_sqlserver_settings(location, **more)),
        connect=lambda location: connect(_sqlserver_settings(location)),
        count_connections=_count_sqlserver_connections,
        break_connection=lambda unit_of_work: unit_of_work._session.connection.close(),
        drop=_drop_sqlserver_database,
        variable=TEST_SQLSERVER,
    ),
}
VECTOR_INDEXES: dict[str, Callable[[Path], VectorIndex]] = {
    "young": lambda folder: ExactVectors(folder, graph_rows=1_000_000),
    "segments": lambda folder: ExactVectors(folder, graph_rows=1_000_000, most_young_rows=0),
}
"""By folder: one finds the few rows of a test in the database, the other writes each of them into a file first."""


@contextmanager
def _compute_in_a_worker(settings: Settings) -> Iterator[Compute]:
    with tempfile.TemporaryDirectory() as folder:
        chosen = settings.model_copy(update={"home": Path(folder) / "home", "compute": "worker"})
        with working(chosen, Path(folder)), closing(WorkerCompute(chosen)) as opened:
            yield opened


COMPUTES: dict[str, Callable[[Settings], AbstractContextManager[Compute]]] = {
    "in_process": lambda settings: closing(InProcessCompute(settings)),
    **({} if sys.platform == "win32" else {"worker": _compute_in_a_worker}),
}


def require(name: str, variable: str | None) -> None:
    """Skip the test of a backend when the variable of its server is not set."""
    if variable and not os.environ.get(variable):
        pytest.skip(f"NOT TESTED: backend {name}; set {variable} to test it")


@dataclass(frozen=True, slots=True)
class Store:
    """A backend's name and the location of its store: what another process needs to open it."""

    backend: str
    location: str

    def open(self, **more: int | str) -> Database:
        return DATABASES[self.backend].open(self.location, **more)

    def connect(self) -> Any:
        return DATABASES[self.backend].connect(self.location)


def rows(connection: Any, statement: str, *parameters: object) -> list[dict[str, Any]]:
    """Run a plain SQL statement on any DB-API connection and return its rows by column name."""
    cursor = connection.cursor()
    cursor.execute(statement, parameters)
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    connection.rollback()  # the next look must see what was committed meanwhile
    return found
