"""A connection to a SQLite file: how it is opened, and what our statements expect of it."""

import hashlib
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from hartonomous_core.clock import Period, is_hour, time_text
from hartonomous_core.words import indexed_text
from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.sqlite_errors import BUSY_SECONDS
from hartonomous_resources.database.sqlite_reading import Unchanged, can_only_be_read, way_to_read

POLL_SECONDS = 0.02
PAGE_BYTES = 16 * 1024
"""Rows with a vector of 384 dimensions fill it but for 8%; of a page of 4 or 8 KiB they leave 18%. Writing costs the same."""
_LOG_BYTES = 64 * 1024 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAPPED_BYTES = 1 << 40
"""SQLite maps as much of a file as it was built for, mostly 2 GiB, and reads the rest as ever."""
_PROCESS_BYTES = 128 * 1024 * 1024
"""Above that, of all connections of the process together, SQLite uses pages of its caches again instead of adding some."""


@dataclass(slots=True)
class SqliteConnection:
    """A connection of the pool; `unchanged` watches a file that is read without locks."""

    connection: sqlite3.Connection
    only_reads: bool
    unchanged: Unchanged | None
    broken: bool = False

    def begin(self, patience: float | None) -> None:
        """Begin a transaction that reads, or one that writes, for which another writer is waited for so many seconds.

        Raises sqlite3.OperationalError where that was not enough.
        """
        if patience is None:
            self.connection.execute("BEGIN")
            return
        self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * patience)}")
        try:
            self.connection.execute("BEGIN IMMEDIATE")
        finally:
            self.connection.execute(f"PRAGMA busy_timeout = {round(1000 * BUSY_SECONDS)}")

    def roll_back(self) -> None:
        """Leave the transaction; a connection that cannot is broken."""
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.broken = True


def open_sqlite(path: Path, mapped: bool = False) -> SqliteConnection:
    """Open the file, which is made where there is none. Where nothing can be written, the connection only reads.

    With `mapped` it reads pages where they lie in the system's memory: faster, but a disk that fails ends the process.

    Raises DatabaseUnavailable when its folder cannot be made or the file cannot be looked at, sqlite3.Error for what SQLite says.
    """
    only_reads = can_only_be_read(path)
    unchanged = None
    try:
        if only_reads:
            name, unchanged = way_to_read(path)
        else:
            name = str(path)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # a home is its user's alone
    except OSError as error:
        raise DatabaseUnavailable(
            f"cannot open {path}: {error}; check HARTONOMOUS_HOME, its rights and the free space"
        ) from error
    connection = sqlite3.connect(
        name,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        cached_statements=512,
        uri=only_reads,
        check_same_thread=False,  # the pool hands it from one thread to another
    )
    prepare_connection(connection)
    if not only_reads:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a new file
        _use_write_ahead_log(connection)
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(f"PRAGMA soft_heap_limit = {_PROCESS_BYTES}")
    connection.execute("PRAGMA temp_store = MEMORY")
    if mapped:
        connection.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
    # Rewritten index pages are copied back once, not per batch.
    connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_BYTES // PAGE_BYTES}")
    return SqliteConnection(connection, only_reads, unchanged)


def close_sqlite(opened: SqliteConnection) -> None:
    """Close a connection."""
    opened.connection.close()


def prepare_connection(connection: sqlite3.Connection) -> None:
    """Set what our statements, and the safety of the file, expect of every connection."""
    connection.row_factory = sqlite3.Row
    connection.text_factory = _readable
    connection.create_function("sha256", 1, _sha256, deterministic=True)
    connection.create_function("has_false_hash", 5, _has_false_hash, deterministic=True)
    connection.create_function("from_hex", 1, bytes.fromhex, deterministic=True)
    connection.create_function("milliseconds", 1, _milliseconds, deterministic=True)
    connection.create_function("time_of", 1, _time_of, deterministic=True)
    connection.create_function("indexed_text", 1, _indexed_text, deterministic=True)
    connection.create_function("words_of_batch", 2, _words_of_batch, deterministic=True)
    connection.create_function("is_utf8", 1, _is_utf8, deterministic=True)
    connection.create_function("is_hour", 2, _is_hour, deterministic=True)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def call_for_each_changed_job(connection: sqlite3.Connection, call: Callable[[], None]) -> None:
    """Call it for each row of BackgroundJob that this connection changes: of a view, whose triggers do the work, SQLite counts none."""
    connection.create_function("call_for_changed_job", 0, call)
    for change in ("INSERT", "UPDATE", "DELETE"):
        connection.execute(
            f"CREATE TEMP TRIGGER CalledFor{change} INSTEAD OF {change} ON main.BackgroundJob BEGIN SELECT call_for_changed_job(); END"
        )


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
            time.sleep(POLL_SECONDS)


_readable = partial(str, encoding="utf-8", errors="replace")
"""Text as it can be read: any client may have written bytes that are no UTF-8 into a column of text."""


def _sha256(value: str | bytes | None) -> bytes | None:
    data = value.encode() if isinstance(value, str) else value
    return None if data is None else hashlib.sha256(data).digest()


def _has_false_hash(
    digest: bytes, text: bytes | None, value: bytes | None, content: bytes | None, blob_key: str | None
) -> bool:
    """Tell whether the hash of an atom is of none of its bytes, wherever they lie: see read_content."""
    held = (text, value) if content is None else (content,)
    return blob_key is None and digest not in map(_sha256, held)


def _milliseconds(time: str | None) -> int | None:
    """Return a stored time in milliseconds since 1970, as the small rows have it."""
    return None if time is None else (datetime.fromisoformat(time) - _EPOCH) // timedelta(milliseconds=1)


def _time_of(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else time_text(_EPOCH + timedelta(milliseconds=milliseconds))


def _indexed_text(value: bytes) -> str:
    return indexed_text(_readable(value))


def _words_of_batch(data: bytes, is_json: int) -> str:
    from hartonomous_core.atomizers.rows.unread_words import words_of_batch  # with the first: few databases have some

    return words_of_batch(data, bool(is_json))


def _is_utf8(value: bytes | None) -> bool:
    try:
        (value or b"").decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_hour(value: bytes | None, period: Period) -> bool:
    return is_hour((value or b"").decode(errors="replace"), period)
