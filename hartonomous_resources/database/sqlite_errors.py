"""Turns SQLite's errors into ours, which say what to do."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hartonomous_resources.database.database_errors import DatabaseError, DatabaseUnavailable, ReadOnlyDatabase
from hartonomous_resources.disk_space import disk_is_full, is_full

BUSY_SECONDS = 120.0
"""How long a writer waits for the one before it: SQLite has one writer at a time, and a batch takes well under a second."""

_PRIMARY = 0xFF  # of an extended error code
_HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_ACCESS = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


@contextmanager
def explain_errors(path: Path, waited: float = BUSY_SECONDS) -> Iterator[None]:
    """Raise errors of the database at `path` as ours, with what to do; a bug, or a conflict of rows, is raised as it is.

    `waited`: seconds for which a writer waits for another one.
    """
    try:
        yield
    except sqlite3.Error as error:
        meant = _our_error(error, path, waited)
        if meant is None:
            raise
        raise meant from error


def only_readable(path: Path) -> ReadOnlyDatabase:
    """Make the error for a write to a database that can only be read."""
    return ReadOnlyDatabase(
        f"{path} can only be read here: its medium is read-only, or this user may not write it; grant the right to write, or make a "
        "copy the HARTONOMOUS_HOME"
    )


def held_by_another_writer(path: Path, waited: float) -> DatabaseError:
    """Make the error for a writer whose turn did not come."""
    return DatabaseError(
        f"{path} has been held by another writer for {waited:g} s; look for a stuck process that uses it, then try again"
    )


def _our_error(error: sqlite3.Error, path: Path, waited: float) -> DatabaseError | None:
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code in _HELD:
        return held_by_another_writer(path, waited)
    if code == sqlite3.SQLITE_FULL or (code in _NO_ACCESS and path.parent.exists() and is_full(path.parent)):
        return DatabaseUnavailable(disk_is_full(path.parent))
    if code == sqlite3.SQLITE_READONLY:
        return only_readable(path)
    if code in _NO_ACCESS:
        return DatabaseUnavailable(
            f"cannot open {path}: {error}; check HARTONOMOUS_HOME, its rights and the free space"
        )
    if code in _DAMAGED:
        return DatabaseUnavailable(
            f"{path}: {error}: stop what uses it, keep a copy of it, and restore it from a backup"
        )
    return None
