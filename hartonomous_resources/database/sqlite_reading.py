"""Opens a SQLite database where nothing can be written: a read-only medium, or a folder of another user."""

import os
from dataclasses import dataclass
from pathlib import Path

from hartonomous_resources.database.database_errors import DatabaseUnavailable


def can_only_be_read(path: Path) -> bool:
    """Return whether the database is there, and SQLite can write neither it nor the log and the index of the log beside it."""
    return path.exists() and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def way_to_read(path: Path) -> "tuple[str, Unchanged | None]":
    """Return the uri to open the database by, and what to check after each read.

    Where a process left a write-ahead log, its commits are read through the index beside it. Without a log SQLite would have to make
    one beside the file: instead it is opened as a file that never changes, and must prove to be one.

    Raises DatabaseUnavailable for a log without its index: what was committed last cannot be read then.
    """
    log, index = (path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))
    uri = path.absolute().as_uri()
    if not _has_content(log):
        return f"{uri}?mode=ro&immutable=1", Unchanged(path, _state(path))
    if not index.exists():
        raise DatabaseUnavailable(
            f"{path} can only be read here, but its latest changes are still in {log.name}, which takes a place to write: copy the home "
            "to where it can be written"
        )
    return f"{uri}?mode=ro", None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Time and size of a database that was opened as a file that never changes."""

    path: Path
    state: tuple[int, int]

    def check(self) -> None:
        """Raises DatabaseUnavailable when somebody with more rights has begun to write: what was read may be half old, half new."""
        if _state(self.path) != self.state or _has_content(self.path.with_name(self.path.name + "-wal")):
            raise DatabaseUnavailable(f"{self.path} was written to while it was read; try again")


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def _has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
