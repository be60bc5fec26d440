"""Uploads that may be continued: what has come of bytes whose hash is known, in a file that is named after it, per tenant.

Beside the blobs, as a file that is half written: one that nobody continues for a day goes with the housekeeping, as those do.
"""

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from hartonomous_resources.blobs import TooManyBytes

KEPT_SECONDS = 24 * 3600.0
MOST_OF_A_TENANT = 32


class WrongOffset(Exception):
    """Bytes are to be appended elsewhere than at the end. `offset` is the end."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset:,} bytes are there: go on at byte {offset}")
        self.offset = offset


class TooManyUploads(Exception):
    """The tenant has as many unfinished uploads as it may."""


class PartialUploads:
    """The unfinished uploads below the folder of the blobs. A hash is 64 hexadecimal digits in lower case."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def offset(self, tenant_id: int, sha256: str) -> int | None:
        """Return how many bytes have come; None where none have, or the last ones too long ago."""
        try:
            status = self.path(tenant_id, sha256).stat()
        except FileNotFoundError:
            return None
        return None if status.st_mtime < time.time() - KEPT_SECONDS else status.st_size

    def append(self, tenant_id: int, sha256: str, offset: int, max_bytes: int) -> "Appending":
        """Open an upload to append at `offset`, which must be its end.

        Two that append at once at the same place write the same bytes, or such as the hash at the end refuses.

        Raises WrongOffset, and TooManyUploads for one more than a tenant may have.
        """
        path = self.path(tenant_id, sha256)
        there = self.offset(tenant_id, sha256)
        if offset != (there or 0):
            raise WrongOffset(there or 0)
        if there is None:
            return self._begin(path, max_bytes)
        return Appending(path, offset, max_bytes)

    def _begin(self, path: Path, max_bytes: int) -> "Appending":
        self._delete_old(path.parent)
        # A file holds its place, and is counted: of two that come at once for the last one, perhaps both are refused, and never both let in.
        # It is no upload, so who is refused deletes nothing that another of the same hash has begun.
        with tempfile.NamedTemporaryFile(prefix=".", dir=path.parent):
            if sum(1 for _ in path.parent.iterdir()) > MOST_OF_A_TENANT:
                raise TooManyUploads(f"{MOST_OF_A_TENANT} uploads are unfinished: finish some, or wait a day")
            return Appending(path, 0, max_bytes)

    def _delete_old(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        oldest = time.time() - KEPT_SECONDS
        for other in folder.iterdir():
            with suppress(FileNotFoundError):
                if other.stat().st_mtime < oldest:
                    other.unlink()

    def remove(self, tenant_id: int, sha256: str) -> None:
        """Delete what has come."""
        with suppress(PermissionError):  # Windows, while somebody has it open: it goes after a day
            self.path(tenant_id, sha256).unlink(missing_ok=True)

    def path(self, tenant_id: int, sha256: str) -> Path:
        """Return the path of what has come."""
        if len(sha256) != 64 or not all(c in "0123456789abcdef" for c in sha256):
            raise ValueError(f"{sha256!r} is not a SHA-256 in hex")
        return self._root / str(int(tenant_id)) / "uploads" / f".{sha256}"


class Appending:
    """An upload that is being continued. What was written stays, also when its sender vanishes."""

    def __init__(self, path: Path, offset: int, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        # neither truncated nor in the mode for appending, which knows no place
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600), "r+b")
        self._file.seek(offset)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, block: bytes) -> None:
        """Append a block. Raises TooManyBytes."""
        if self._file.tell() + len(block) > self._max_bytes:
            raise TooManyBytes(f"more than {self._max_bytes:,} bytes")
        self._file.write(block)

    def finish(self) -> int:
        """Bring what was written to the disk; returns where it ends."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Close the file; what was written is in it."""
        self._file.close()
