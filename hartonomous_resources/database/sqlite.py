"""The embedded database: one SQLite file, any number of processes."""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from hartonomous_core.clock import is_hour, time_ordered_uuid, timestamp
from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.migrations import Migration, pending_migrations, read_migrations
from hartonomous_resources.database.per_thread import PerThread
from hartonomous_resources.database.protocol import AtomRow, Delivery, Row, WrittenAtoms
from hartonomous_resources.database.queue_messages import delivery
from hartonomous_resources.database.sqlite_atoms import write_atoms
from hartonomous_resources.database.sqlite_errors import BUSY_SECONDS, explained, only_readable
from hartonomous_resources.database.sqlite_reading import Unchanged, can_only_be_read, way_to_read
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.database.transactions import query
from hartonomous_resources.project_files import project_file

_POLL_SECONDS = 0.02
_PROCESS_BYTES = 128 * 1024 * 1024
"""Above that, of all connections of the process together, SQLite uses pages of its caches again instead of adding some."""


class SqliteUnitOfWork:
    """One transaction on the calling thread's connection."""

    def __init__(self, connection: sqlite3.Connection, statements: dict[str, str]) -> None:
        self._connection = connection
        self._statements = statements

    def query(self, statement: str, **parameters: object) -> list[Row]:
        return [dict(row) for row in self._connection.execute(self._statements[statement], parameters)]

    def execute(self, statement: str, **parameters: object) -> int:
        return self._connection.execute(self._statements[statement], parameters).rowcount

    def execute_many(self, statement: str, rows: Iterable[Sequence[object]]) -> None:
        self._connection.executemany(self._statements[statement], rows)

    def write_atoms(self, tenant_id: int, source_id: int, ingest_hour: str, atoms: Sequence[AtomRow]) -> WrittenAtoms:
        return write_atoms(self, tenant_id, source_id, ingest_hour, atoms)

    def enqueue(self, queue: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        now = timestamp()
        rows = [(time_ordered_uuid(), queue, ordering_key, body, now) for ordering_key, body in messages]
        self.execute_many("insert_message", rows)
        return [row[0] for row in rows]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A thread's connection; `unchanged` watches a file that is read without locks."""

    connection: sqlite3.Connection
    only_reads: bool
    unchanged: Unchanged | None


class SqliteDatabase:
    """Any SQLite file with our migrations; also serves the embedded graph, whose folders differ.

    Connections are per thread. Writers take the lock at the start (BEGIN IMMEDIATE) and wait for one another; readers
    never wait (WAL). synchronous=FULL: what is committed survives a power cut, not only a killed process.
    """

    def __init__(self, path: Path, migrations: str = "migrations", statements: str = "statements") -> None:
        self.path = path
        self._migrations: list[Migration] = read_migrations(project_file("sql") / "sqlite" / migrations)
        self._statements = load_statements(project_file("sql") / "sqlite" / statements)
        self._held: PerThread[_Opened] = PerThread(lambda opened: opened.connection.close())

    @property
    def name(self) -> str:
        return f"SQLite database {self.path}"

    def connection(self) -> sqlite3.Connection:
        """The calling thread's connection, opened at first use.

        Where nothing can be written, it only reads. Raises DatabaseUnavailable when the file cannot be opened or is not a database.
        """
        return self._opened().connection

    def _opened(self) -> "_Opened":
        opened = self._held.get()
        if opened is None:
            with explained(self.path):
                opened = self._open()
            self._held.keep(opened)
        return opened

    def _open(self) -> "_Opened":
        only_reads = can_only_be_read(self.path)
        unchanged = None
        try:
            if only_reads:
                name, unchanged = way_to_read(self.path)
            else:
                name = str(self.path)
                self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnavailable(
                f"cannot open {self.path}: {error}; check HARTONOMOUS_HOME, its rights and the free space"
            ) from error
        connection = sqlite3.connect(
            name,
            timeout=BUSY_SECONDS,
            isolation_level=None,
            cached_statements=512,
            uri=only_reads,
            check_same_thread=False,  # each is used by one thread, and may be closed by another
        )
        prepare_connection(connection)
        if not only_reads:
            _use_write_ahead_log(connection)
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute(f"PRAGMA soft_heap_limit = {_PROCESS_BYTES}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute(
            "PRAGMA wal_autocheckpoint = 16000"
        )  # rewritten index pages are copied back once, not per batch
        return _Opened(connection, only_reads, unchanged)

    @contextmanager
    def unit_of_work(self) -> Iterator[SqliteUnitOfWork]:
        if self._opened().only_reads:  # SQLite itself would notice at the first change
            raise only_readable(self.path)
        with self._transaction("BEGIN IMMEDIATE") as unit_of_work:
            yield unit_of_work

    @contextmanager
    def read(self) -> Iterator[SqliteUnitOfWork]:
        with self._transaction("BEGIN") as unit_of_work:
            yield unit_of_work

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[SqliteUnitOfWork]:
        opened = self._opened()
        connection = opened.connection
        with explained(self.path):
            connection.execute(begin)
            try:
                yield SqliteUnitOfWork(connection, self._statements)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        if opened.unchanged is not None:
            opened.unchanged.check()

    def migrate(self, to: int | None = None) -> list[str]:
        if not self._pending(to):
            return []
        ran = []
        connection = self.connection()
        with self.unit_of_work():  # the write lock: of two processes that start at once, one migrates
            for migration in self._pending(to):
                for statement in split_statements(migration.text):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO SchemaVersion (Version, Name, Sha256, AppliedAt) VALUES (?, ?, ?, ?)",
                    (migration.version, migration.name, migration.sha256, timestamp()),
                )
                ran.append(migration.label)
        return ran

    def pending_migrations(self, to: int | None = None) -> list[str]:
        return [migration.label for migration in self._pending(to)]

    def _pending(self, to: int | None) -> list[Migration]:
        applied = {row["version"]: row["sha256"] for row in self._journal()}
        pending = pending_migrations(self._migrations, applied, self.name)
        return [m for m in pending if to is None or m.version <= to]

    def _journal(self) -> list[sqlite3.Row]:
        connection = self.connection()
        with explained(self.path):
            connection.execute(
                "CREATE TABLE IF NOT EXISTS SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT NOT NULL,"
                " Sha256 TEXT NOT NULL, AppliedAt TEXT NOT NULL)"
            )
            return connection.execute(
                "SELECT Version AS version, Sha256 AS sha256, AppliedAt AS appliedAt FROM SchemaVersion"
            ).fetchall()

    def migration_status(self) -> list[Row]:
        applied = {row["version"]: row["appliedAt"] for row in self._journal()}
        return [
            {"feature": "core", "version": m.version, "name": m.name, "appliedAt": applied.get(m.version)}
            for m in self._migrations
        ]

    def await_messages(self, queue: str, timeout: float = 0.0) -> bool:
        deadline = time.monotonic() + timeout
        while not (waiting := self._has_message(queue)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)  # outside the transaction: a waiting receiver must not hold the write lock
        return waiting

    @contextmanager
    def receive(self, queue: str, n: int, timeout: float = 0.0) -> Iterator[Delivery]:
        if not self.await_messages(queue, timeout):
            with self.read() as unit_of_work:
                yield Delivery([], unit_of_work)
            return
        with self.unit_of_work() as unit_of_work, delivery(unit_of_work, queue, n) as received:
            yield received

    def _has_message(self, queue: str) -> bool:
        return bool(query(self, "queue_has_message", queue=queue))

    def change_token(self) -> int:
        return int(self.connection().execute("PRAGMA data_version").fetchone()[0])

    def wait_for_change(self, since: int, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while self.change_token() == since:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def bytes_on_disk(self) -> int:
        files = (self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm"))
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        self._held.close()


def prepare_connection(connection: sqlite3.Connection) -> None:
    """What our statements and the safety of the file expect of every connection that runs them."""
    connection.row_factory = sqlite3.Row
    connection.text_factory = _readable
    connection.create_function("hash_prefix", 1, _hash_prefix, deterministic=True)
    connection.create_function("text_prefix", 1, text_prefix, deterministic=True)
    connection.create_function("from_hex", 1, bytes.fromhex, deterministic=True)
    connection.create_function("is_utf8", 1, _is_utf8, deterministic=True)
    connection.create_function("is_hour", 1, _is_hour, deterministic=True)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _use_write_ahead_log(connection: sqlite3.Connection) -> None:
    """Switch a new database to WAL. While another process makes it, SQLite answers "locked" at once instead of waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)


def _hash_prefix(digest: bytes | None) -> int | None:
    """The first four bytes of a hash as a number: what a row counts with in a digest that does not depend on order."""
    return None if digest is None else int.from_bytes(digest[:4], "big")


def text_prefix(text: str | None) -> int | None:
    """The same of a text, by the SHA-256 of its UTF-16, which is what T-SQL's HASHBYTES takes of an nvarchar."""
    return None if text is None else _hash_prefix(hashlib.sha256(text.encode("utf-16-le")).digest())


_readable = partial(str, encoding="utf-8", errors="replace")
"""Text as it can be read: any client may have written bytes that are no UTF-8 into a column of text."""


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_hour(value: bytes | None) -> bool:
    return is_hour((value or b"").decode(errors="replace"))


def split_statements(script: str) -> Iterator[str]:
    """Statements of a script; SQLite itself says where one is complete, so a trigger's body stays whole."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
    if any(line.strip() and not line.strip().startswith("--") for line in statement.splitlines()):
        raise ValueError(f"unfinished statement at the end of a migration: {statement[:80]!r}")
