"""The embedded database: one SQLite file, any number of processes."""

import json
import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, overload

from hartonomous_core.clock import time_ordered_uuid, timestamp
from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.connection_pool import CONNECTIONS, ConnectionPool
from hartonomous_resources.database.database_errors import ReadOnlyDatabase
from hartonomous_resources.database.graph_views import EdgeView, Way
from hartonomous_resources.database.migrations import Migration, pending_migrations, read_migrations
from hartonomous_resources.database.period import period_of, require_period
from hartonomous_resources.database.protocol import Delivery, Row, WrittenAtoms
from hartonomous_resources.database.queue_messages import receive_messages
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.rows.queue_rows import insert_message
from hartonomous_resources.database.sqlite_atoms import write_atoms
from hartonomous_resources.database.sqlite_connection import POLL_SECONDS, SqliteConnection, close_sqlite, open_sqlite
from hartonomous_resources.database.sqlite_errors import (
    BUSY_SECONDS,
    explain_errors,
    held_by_another_writer,
    only_readable,
)
from hartonomous_resources.database.sqlite_graph_views import graph_edges, graph_ends, graph_nodes
from hartonomous_resources.database.sqlite_migrations import run_migrations
from hartonomous_resources.database.sqlite_rows import write_rows
from hartonomous_resources.database.sqlite_words import FrequentWords, index_texts, match_unread, match_words
from hartonomous_resources.database.statements import RowT, Statement, Write, load_statements, name_of
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import PeriodChoice

_SQL = project_file("sql") / "sqlite"

_LOOK_SECONDS = 0.005
"""How often to look for a commit of others: a few microseconds each, and what a file waits for while a run lingers."""


class SqliteUnitOfWork:
    """One transaction; `connection` is for statements that have no name."""

    def __init__(
        self, connection: sqlite3.Connection, statements: dict[str, str], frequent: FrequentWords | None = None
    ) -> None:
        self.connection = connection
        self._statements = statements
        self._frequent = frequent or FrequentWords()

    @overload
    def query(self, statement: Statement[RowT], **parameters: object) -> list[RowT]: ...
    @overload
    def query(self, statement: str, **parameters: object) -> list[Row]: ...
    def query(self, statement: Statement[Any] | str, **parameters: object) -> list[Any]:
        return [dict(row) for row in self.connection.execute(self._statements[str(statement)], parameters)]

    def execute(self, statement: str, **parameters: object) -> int:
        return self.connection.execute(self._statements[statement], parameters).rowcount

    def execute_many(self, statement: Write | str, rows: Iterable[Sequence[object]]) -> None:
        write_rows(self.connection, self._statements, name_of(statement), rows)

    def write_atoms(self, tenant_id: int, ingest_hour: str, atoms: Mapping[int, Sequence[AtomRow]]) -> WrittenAtoms:
        return write_atoms(self, tenant_id, ingest_hour, atoms)

    def match_words(
        self, tenant_id: int, terms: Sequence[str], n: int, wanted: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        return match_words(self, self._frequent, tenant_id, terms, n, wanted)

    def match_unread(self, tenant_id: int, terms: Sequence[str], n: int, sources: Mapping[str, object]) -> list[int]:
        return match_unread(self, tenant_id, terms, n, sources)

    def graph_ends(
        self,
        tenant_id: int,
        view: EdgeView,
        way: Way,
        numbers: Collection[int],
        *,
        as_of: str | None = None,
        after: int | None = None,
        until: int | None = None,
        limit: int | None = None,
    ) -> list[int]:
        bounds = {"as_of": as_of, "after": after, "until": until}
        return graph_ends(self.connection, self._statements, tenant_id, view, way, numbers, bounds, limit)

    def graph_edges(
        self,
        tenant_id: int,
        view: EdgeView,
        way: Way,
        numbers: Collection[int],
        *,
        as_of: str | None = None,
        after: int | None = None,
        until: int | None = None,
        among: Collection[int] | None = None,
    ) -> list[Row]:
        wanted = None if among is None else json.dumps(list(among))
        bounds = {"as_of": as_of, "after": after, "until": until, "among": wanted}
        return graph_edges(self.connection, self._statements, tenant_id, view, way, numbers, bounds)

    def graph_nodes(self, tenant_id: int, label: Label, numbers: Collection[int]) -> list[Row]:
        return graph_nodes(self.connection, self._statements, tenant_id, label, numbers)

    def enqueue(self, queue: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        now = timestamp()
        sent = [(time_ordered_uuid(), *message) for message in messages]
        rows = (
            insert_message(message_id=message_id, queue=queue, ordering_key=key, body=body, enqueued_at=now)
            for message_id, key, body in sent
        )
        self.execute_many(insert_message, rows)
        return [message_id for message_id, _, _ in sent]


class SqliteDatabase:
    """Everything of a home but blobs, in one file.

    A transaction has a connection of the pool to itself. Writers take the lock at the start (BEGIN IMMEDIATE) and wait for one
    another; those of this process do so without a connection, which leaves the others to the readers, who never wait for a
    writer (WAL). synchronous=FULL: what is committed survives a power cut, not only a killed process.
    """

    reads_rows_later = True

    def __init__(
        self,
        path: Path,
        connections: int = CONNECTIONS,
        migrations: Path = _SQL / "migrations",
        partition: PeriodChoice = "auto",
        *,
        mapped: bool = False,
    ) -> None:
        self.path = path
        self._partition = partition
        self._migrations: list[Migration] = read_migrations(migrations)
        self._statements = load_statements(_SQL / "statements")
        self._pool = ConnectionPool(self.name, connections, partial(open_sqlite, path, mapped), close_sqlite)
        self._turn = threading.Lock()
        self._writer: int | None = None
        self._opening = threading.Lock()
        self._frequent = FrequentWords()
        self._watching: SqliteConnection | None = None

    @property
    def name(self) -> str:
        return f"SQLite database {self.path}"

    def connection(self) -> sqlite3.Connection:
        """A connection beside the pool, opened at first use: it commits each statement, and sees what the others commit.

        Where nothing can be written, it only reads. Raises DatabaseUnavailable when the file cannot be opened or is not a database.
        """
        with self._opening, explain_errors(self.path):
            self._watching = self._watching or open_sqlite(self.path)
            return self._watching.connection

    def unit_of_work(self, patience: float | None = None) -> AbstractContextManager[SqliteUnitOfWork]:
        return self._transaction(writes=True, indexes=True, patience=BUSY_SECONDS if patience is None else patience)

    def read(self) -> AbstractContextManager[SqliteUnitOfWork]:
        return self._transaction(writes=False)

    @contextmanager
    def _transaction(
        self, *, writes: bool, indexes: bool = False, patience: float = BUSY_SECONDS
    ) -> Iterator[SqliteUnitOfWork]:
        if writes:
            self._wait_for_turn(patience)
        try:
            opened = self._pool.take()
            try:
                if writes and opened.only_reads:  # SQLite itself would notice at the first change
                    raise only_readable(self.path)
                opened.begin(patience if writes else None)
                try:
                    unit_of_work = SqliteUnitOfWork(opened.connection, self._statements, self._frequent)
                    yield unit_of_work
                    if indexes:
                        index_texts(unit_of_work)
                    opened.connection.execute("COMMIT")
                except BaseException:
                    opened.roll_back()
                    raise
            finally:
                self._pool.give_back(opened)
        except sqlite3.Error:
            with explain_errors(self.path, patience):
                raise
        finally:
            if writes:
                self._writer = None
                self._turn.release()
        if opened.unchanged is not None:
            opened.unchanged.check()

    def _wait_for_turn(self, patience: float) -> None:
        """Wait until no other thread of this process writes.

        Raises DatabaseError where that takes too long, RuntimeError for a unit of work within another one: its thread would wait
        for itself.
        """
        thread = threading.get_ident()
        if self._writer == thread:
            raise RuntimeError(f"{self.name}: a unit of work within another one of the same thread")
        if not self._turn.acquire(timeout=patience):
            raise held_by_another_writer(self.path, patience)
        self._writer = thread

    def migrate(self, to: int | None = None) -> list[str]:
        ran = []
        if self._pending(to):
            # The write lock: of two processes that start at once, one migrates.
            choose_days = self._statements["choose_days"] if self._partition == "day" else None
            with self._transaction(writes=True) as unit_of_work:
                ran = run_migrations(unit_of_work.connection, self._pending(to), choose_days)
        if to is None and self._partition != "auto":
            require_period(self._partition, ask(self, period_of), self.name)
        return ran

    def pending_migrations(self, to: int | None = None) -> list[str]:
        return [migration.label for migration in self._pending(to)]

    def _pending(self, to: int | None) -> list[Migration]:
        applied = {row["version"]: row["sha256"] for row in self._journal()}
        pending = pending_migrations(self._migrations, applied, self.name)
        return [m for m in pending if to is None or m.version <= to]

    def _journal(self) -> list[sqlite3.Row]:
        with explain_errors(self.path):
            opened = self._pool.take()
            try:
                opened.connection.execute(
                    "CREATE TABLE IF NOT EXISTS SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL,"
                    " Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL)"
                )
                return opened.connection.execute(
                    "SELECT Version AS version, Sha256 AS sha256, AppliedAt AS appliedAt FROM SchemaVersion"
                ).fetchall()
            finally:
                self._pool.give_back(opened)

    def migration_status(self) -> list[Row]:
        applied = {row["version"]: row["appliedAt"] for row in self._journal()}
        return [
            {"feature": "core", "version": m.version, "name": m.name, "appliedAt": applied.get(m.version)}
            for m in self._migrations
        ]

    def await_messages(self, queue: str, timeout: float = 0.0) -> bool:
        deadline = time.monotonic() + timeout
        while not (waiting := self._has_message(queue)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)  # outside the transaction: a waiting receiver must not hold the write lock
        return waiting

    def receive(self, queue: str, limit: int, timeout: float = 0.0) -> AbstractContextManager[Delivery]:
        return receive_messages(self, queue, limit, timeout)

    def _has_message(self, queue: str) -> bool:
        return bool(query(self, "queue_has_message", queue=queue))

    def change_token(self) -> int:
        return int(self.connection().execute("PRAGMA data_version").fetchone()[0])

    def wait_for_change(self, since: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.change_token() == since:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def index_texts(self) -> None:
        with suppress(ReadOnlyDatabase):
            while query(self, "last_text_to_index", n=1)[0]["atomId"] is not None:
                with self.unit_of_work():
                    pass  # each transaction that writes indexes what waits, or a part of it

    def bytes_on_disk(self) -> int:
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        self._pool.close()
        with self._opening:
            if self._watching is not None:
                close_sqlite(self._watching)
            self._watching = None
