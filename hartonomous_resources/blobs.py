"""Bytes too large for a table row: files in a local folder, content-addressed per tenant, weights packed where that is smaller.

How a file is stored its name says: the hash alone for bytes as they are, with `PACKED` behind it for numbers as `byte_planes.py` packs them.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from hartonomous_core.byte_planes import WIDTHS, NotPlanes, pack, unpack
from hartonomous_core.clock import time_ordered_uuid

READ_BYTES = 256 * 1024
_INCOMING = "incoming"
PACKED = ".planes"


class TooManyBytes(Exception):
    """More bytes come than may."""


@dataclass(frozen=True, slots=True)
class IncomingBytes:
    """Bytes that came whole, on the disk but not a blob yet. `keep` makes them one; calling it again changes nothing."""

    key: str
    byte_length: int
    keep: Callable[[], None]


class Blobs(Protocol):
    """A content-addressed store. Keys are `<tenant>/<sha256 hex>`."""

    def put(self, tenant_id: int, content: bytes, content_type: str | None = None) -> str:
        """Store bytes durably and return their key; storing them again changes nothing. Of weights the content type says how they pack."""

    def receive(self, tenant_id: int, max_bytes: int | None = None) -> "IncomingFile":
        """Begin to store bytes that come piece by piece, whenever their sender sends, in two steps: all of them, then a blob by `keep`.

        For a caller that must hold a lock while a blob appears, and cannot hold it as long as a sender sends.
        """

    def get(self, key: str) -> bytes:
        """Return the bytes of a key, which have its hash unless they are damaged. Raises FileNotFoundError."""

    def path(self, key: str) -> Path:
        """Return the path at which bytes that were received can be read as a file; those that were put may be packed."""

    def stored_bytes(self) -> int:
        """Return how many bytes all blobs take."""

    def delete(self, key: str) -> None:
        """Remove a key; a key that is not there is no error."""

    def list_keys(self, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Yield every key, or those written at least so long ago."""

    def delete_partial(self, older_than_seconds: float) -> int:
        """Remove what killed writers left half written; returns how many files."""

    def close(self) -> None:
        """Give back connections, where the store has any."""


class LocalBlobs:
    """Blobs in a folder: <root>/<tenant>/<first two hex digits>/<sha256 hex>; <root>/<tenant>/incoming holds what is being written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, tenant_id: int, content: bytes, content_type: str | None = None) -> str:
        key = f"{int(tenant_id)}/{hashlib.sha256(content).hexdigest()}"
        if self.is_there(key) or _is_there(self._packed_path(key)):
            return key
        width = WIDTHS.get(content_type or "")
        packed = pack(content, width) if width else None
        with self.receive(tenant_id) as file:
            file.write(content if packed is None else packed)
            incoming = file.finish()
            if packed is None:
                incoming.keep()
            else:
                file.keep_as(self._packed_path(key))
        return key

    def receive(self, tenant_id: int, max_bytes: int | None = None) -> "IncomingFile":
        return IncomingFile(self, int(tenant_id), max_bytes)

    def is_there(self, key: str) -> bool:
        """Return whether bytes are stored as they are, and make them young again.

        The sweep must not take them before the row that names them is there.
        """
        return _is_there(self.path(key))

    def get(self, key: str) -> bytes:
        try:
            return self.path(key).read_bytes()
        except FileNotFoundError as missing:
            try:
                packed = self._packed_path(key).read_bytes()
            except FileNotFoundError:
                raise missing from None
        try:
            return unpack(packed)
        except NotPlanes:
            return packed  # whoever reads it sees by the hash that it is damaged

    def _packed_path(self, key: str) -> Path:
        path = self.path(key)
        return path.with_name(f"{path.name}{PACKED}")

    def path(self, key: str) -> Path:
        tenant, _, digest = key.partition("/")
        if not tenant.isdigit() or len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise ValueError(f"{key!r} is not a blob key")
        return self.root / tenant / digest[:2] / digest

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)
        self._packed_path(key).unlink(missing_ok=True)

    def stored_bytes(self) -> int:
        total = 0
        for file in self._files_before(time.time()):
            if not file.name.startswith("."):
                with suppress(FileNotFoundError):
                    total += file.stat().st_size
        return total

    def list_keys(self, older_than_seconds: float = 0.0) -> Iterator[str]:
        for file in self._files_before(time.time() - older_than_seconds):
            if not file.name.startswith("."):
                yield f"{file.parent.parent.name}/{file.name.removesuffix(PACKED)}"

    def delete_partial(self, older_than_seconds: float) -> int:
        partial = [f for f in self._files_before(time.time() - older_than_seconds) if f.name.startswith(".")]
        for file in partial:
            file.unlink(missing_ok=True)
        return len(partial)

    def _files_before(self, latest: float) -> Iterator[Path]:
        """Yield the files that were written at this time or before; others may take theirs away meanwhile."""
        for file in self.root.glob("*/*/*"):
            try:
                written = file.stat().st_mtime
            except FileNotFoundError:
                continue
            if written <= latest:
                yield file

    def close(self) -> None:
        """Nothing: every file is closed by the call that opened it."""


class IncomingFile:
    """Bytes on their way into `LocalBlobs`: written as they come, then `finish`; unless they are kept then, they go with `close`."""

    def __init__(self, blobs: LocalBlobs, tenant_id: int, max_bytes: int | None) -> None:
        self._blobs, self._tenant_id, self._max_bytes = blobs, tenant_id, max_bytes
        self._digest = hashlib.sha256()
        self._path = blobs.root / str(tenant_id) / _INCOMING / f".{time_ordered_uuid()}"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("wb")
        self.byte_length = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, block: bytes) -> None:
        """Append a block. Raises TooManyBytes."""
        self.byte_length += len(block)
        if self._max_bytes is not None and self.byte_length > self._max_bytes:
            raise TooManyBytes(f"more than {self._max_bytes:,} bytes")
        self._digest.update(block)
        self._file.write(block)

    def finish(self) -> IncomingBytes:
        """Bring all of it to the disk; no more can be written."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        key = f"{self._tenant_id}/{self._digest.hexdigest()}"
        return IncomingBytes(key, self.byte_length, lambda: self.keep_as(self._blobs.path(key)))

    def keep_as(self, target: Path) -> None:
        """Make the finished bytes a file of this name, unless there is one."""
        if _is_there(target):
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        self._path.replace(target)
        if os.name != "nt":  # the name, too, must survive a power cut: a message may be acknowledged for it
            folder = os.open(target.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def close(self) -> None:
        """Let go of what was not kept; on a full disk a sender tries again and again."""
        try:
            self._file.close()  # flushes, and may fail
        finally:
            self._path.unlink(missing_ok=True)


def _is_there(path: Path) -> bool:
    """Return whether a file is there, and make it young again."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True
