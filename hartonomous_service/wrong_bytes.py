"""Reads every byte of sources and proves it by hash, some sources at once: SHA-256 of more than 2 KiB lets other threads run."""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import islice

from hartonomous_core.vocabulary import Role
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.rows.atom_rows import AtomContent
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import source_contents

_MOST_AT_ONCE = 4
"""More would wait for one another: only what is longer than 2 KiB is hashed beside other threads, and passages are shorter."""
_BLOCK_BYTES = 1024 * 1024
_ROWS_PER_READ = 128
"""Some may have 64 KiB each, and each source that is read has so many in memory."""
_LOOK_SECONDS = 0.2


def find_wrong_bytes(
    resources: Resources, sources: Sequence[Row], progress: Callable[[int, int], None]
) -> Iterator[tuple[Row, str | None]]:
    """Yield each source, in order, with what is wrong with its bytes or atoms; None where nothing is.

    `progress` is called in this thread with the bytes that were read and those of all sources.
    """
    reading = _Reading(resources)
    total = sum(source["byteLength"] for source in sources)
    threads = min(_MOST_AT_ONCE, os.cpu_count() or 1)
    pending: deque[tuple[Row, Future[str | None]]] = deque()
    to_do = iter(sources)
    with ThreadPoolExecutor(threads, "verify") as pool:
        try:
            while True:
                for source in islice(to_do, 4 * threads - len(pending)):
                    pending.append((source, pool.submit(reading.find_wrong, source)))
                if not pending:
                    break
                while wait([pending[0][1]], _LOOK_SECONDS).not_done:
                    progress(reading.bytes_read, total)
                source, found = pending.popleft()
                progress(reading.bytes_read, total)
                yield source, found.result()
        finally:
            reading.is_over = True
            pool.shutdown(cancel_futures=True)


class _Over(Exception):
    """Nobody waits for the rest."""


class _Reading:
    def __init__(self, resources: Resources) -> None:
        self.bytes_read = 0
        self.is_over = False
        self._resources = resources
        self._lock = threading.Lock()

    def find_wrong(self, source: Row) -> str | None:
        """Return what is wrong with a source."""
        if source["status"] != "Atomized":
            return f"its status is {source['status']}: {source['errorMessage']}"
        digest = hashlib.sha256()
        block: list[bytes] = []
        size = 0
        try:
            for row, content in self._contents(source, "content"):
                if hashlib.sha256(content).digest() != row["contentHash"]:
                    return f"the atom at byte {row['byteOffset']} does not have the hash that names it"
                block += (content, row["suffix"] or b"")
                size += len(content)
                if size >= _BLOCK_BYTES:
                    self._add(digest, block)
                    size = 0
            self._add(digest, block)
            for row, content in self._contents(source, "derived"):
                if hashlib.sha256(content).digest() != row["contentHash"]:
                    return f"derived atom {row['ordinal']} does not have the hash that names it"
        except FileNotFoundError as error:
            return f"a blob is missing: {error.filename}"
        if digest.hexdigest() != source["contentHash"]:
            return f"its atoms rebuild SHA-256 {digest.hexdigest()}, {source['contentHash']} came in"
        return None

    def _contents(self, source: Row, role: Role) -> Iterator[tuple[AtomContent, bytes]]:
        return source_contents(
            self._resources.database, self._resources.blobs, source["sourceId"], role, rows_per_read=_ROWS_PER_READ
        )

    def _add(self, digest: "hashlib._Hash", block: list[bytes]) -> None:
        """Hash small atoms together, which lets other threads run meanwhile."""
        data = b"".join(block)
        block.clear()
        digest.update(data)
        with self._lock:
            self.bytes_read += len(data)
        if self.is_over:
            raise _Over
