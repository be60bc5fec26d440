"""Bytes too large for a table row: files in a local folder, content-addressed per tenant."""

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from hartonomous_core.clock import time_ordered_uuid


class Blobs(Protocol):
    """A content-addressed store. Keys are `<tenant>/<sha256 hex>`."""

    def put(self, tenant_id: int, content: bytes) -> str:
        """Store bytes durably and return their key; storing them again changes nothing."""

    def get(self, key: str) -> bytes:
        """The bytes of a key. Raises FileNotFoundError."""

    def path(self, key: str) -> Path:
        """Where the bytes of a key can be read as a file."""

    def delete(self, key: str) -> None:
        """Remove a key; a key that is not there is no error."""

    def list_keys(self, older_than_seconds: float = 0.0) -> Iterator[str]:
        """Every key, or those written at least so long ago."""

    def delete_partial(self, older_than_seconds: float) -> int:
        """Remove what writers left that were killed in `put`; returns how many files."""

    def close(self) -> None:
        """Give back connections, where the store has any."""


class LocalBlobs:
    """Blobs in a folder: <root>/<tenant>/<first two hex digits>/<sha256 hex>."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, tenant_id: int, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        key = f"{int(tenant_id)}/{digest}"
        target = self.path(key)
        if target.exists():
            os.utime(target)  # young again: the sweep must not take it between this call and the row that names it
            return key
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{digest}.{time_ordered_uuid()}")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(target)
        except BaseException:  # on a full disk it is tried again and again
            partial.unlink(missing_ok=True)
            raise
        if os.name != "nt":  # the name, too, must survive a power cut: a message may be acknowledged for it
            folder = os.open(target.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        return key

    def get(self, key: str) -> bytes:
        return self.path(key).read_bytes()

    def path(self, key: str) -> Path:
        tenant, _, digest = key.partition("/")
        if not tenant.isdigit() or len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise ValueError(f"{key!r} is not a blob key")
        return self.root / tenant / digest[:2] / digest

    def delete(self, key: str) -> None:
        self.path(key).unlink(missing_ok=True)

    def list_keys(self, older_than_seconds: float = 0.0) -> Iterator[str]:
        newest = time.time() - older_than_seconds
        for file in self.root.glob("*/*/*"):
            if not file.name.startswith(".") and file.stat().st_mtime <= newest:
                yield f"{file.parent.parent.name}/{file.name}"

    def delete_partial(self, older_than_seconds: float) -> int:
        oldest = time.time() - older_than_seconds
        partial = [file for file in self.root.glob("*/*/.*") if file.stat().st_mtime <= oldest]
        for file in partial:
            file.unlink(missing_ok=True)
        return len(partial)

    def close(self) -> None:
        """Nothing: every file is closed by the call that opened it."""
