"""Counts what an ingest has done and what waits, and tells it every few seconds while the work goes on in another thread."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from hartonomous_core.vocabulary import UNFINISHED_SOURCE_STATUSES
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import bytes_written
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_service.errors import OUTAGES

T = TypeVar("T")

_TELL_SECONDS = 2.0
_PAUSES_PER_LOOK = 20
"""Counting takes longer the more is left: it may take a twentieth of the time."""
_FILES_PER_QUESTION = 500
_LARGE_BYTES = 16 * 1024 * 1024
"""Of a smaller file that is being read nobody asks how far it is."""


class Progress(NamedTuple):
    """How far an ingest is; a file that is given up on is done, too."""

    done: int
    files: int
    done_bytes: int
    """Of files that have a message: of those that are done, and what was read of large ones."""
    bytes: int
    waiting_sources: int
    """Of all tenants, with what was found in archives."""
    waiting_embeddings: int
    """Of all sources and tenants: they share the work. Those that are being computed wait, too."""


Tell = Callable[[Progress], None]


class _File(NamedTuple):
    message_id: str
    uri: str
    byte_length: int


class WatchedFiles:
    """The files of one ingest, some of which have a message; a look asks about the first of those that were not done before.

    Files are done roughly in the order in which they came; one that is done before many others is counted once they are, too.
    """

    def __init__(self, resources: Resources, tenant: int) -> None:
        self._resources = resources
        self._tenant = tenant
        self._lock = threading.Lock()
        """Files are added while another thread looks."""
        self._left: deque[_File] = deque()
        self._files = self._bytes = self._done_bytes = 0

    def add(self, files: int, messages: Mapping[str, str], sizes: Mapping[str, int]) -> None:
        """Take so many files, and of each that has a message, by its uri, the message's id and its bytes. The others are done."""
        with self._lock:
            self._left.extend(_File(message_id, uri, sizes[uri]) for uri, message_id in messages.items())
            self._bytes += sum(sizes[uri] for uri in messages)
            self._files += files

    def look(self) -> Progress:
        """Return how far they are."""
        read = 0
        while batch := self._first():
            open_, read = ask(self._resources.database, partial(self._open_of, batch=batch))
            with self._lock:
                for file in batch:
                    self._left.popleft()
                    self._done_bytes += 0 if file in open_ else file.byte_length
                self._left.extendleft(reversed(open_))
            if open_:
                break
        rows = query(self._resources.database, "waiting_work", job_types=json.dumps([GENERATE_EMBEDDING]))
        waiting = {row["kind"]: row["n"] for row in rows}
        with self._lock:
            done, done_bytes = self._files - len(self._left), self._done_bytes + read
            return Progress(
                done, self._files, done_bytes, self._bytes, waiting.get("sources", 0), waiting.get("jobs", 0)
            )

    def _first(self) -> list[_File]:
        with self._lock:
            return list(islice(self._left, _FILES_PER_QUESTION))

    def _open_of(self, unit_of_work: UnitOfWork, batch: Sequence[_File]) -> tuple[list[_File], int]:
        """Return which of these are not done, and the bytes that were read of large ones, also where an earlier command brought them."""
        ids = json.dumps([file.message_id for file in batch])
        open_ids = {row["messageId"] for row in unit_of_work.query("queued_message_ids", message_ids=ids)}
        uris = json.dumps([file.uri for file in batch])
        rows = unit_of_work.query("sources_by_uri", tenant_id=self._tenant, source_uris=uris)
        unfinished = [row for row in rows if row["status"] in UNFINISHED_SOURCE_STATUSES]
        open_ids.update(row["messageId"] for row in unfinished)
        open_ = [file for file in batch if file.message_id in open_ids]
        sizes = {file.uri: file.byte_length for file in open_}
        at_work = [row for row in unfinished if row["status"] == "Atomizing" and row["sourceUri"] in sizes]
        return open_, sum(self._bytes_read(unit_of_work, row, sizes[row["sourceUri"]]) for row in at_work)

    def _bytes_read(self, unit_of_work: UnitOfWork, row: Mapping[str, Any], most: int) -> int:
        return min(bytes_written(unit_of_work, row["sourceId"]), most) if row["byteLength"] >= _LARGE_BYTES else 0


@contextmanager
def telling_progress(look: Callable[[], T], tell: Callable[[T], None] | None) -> Iterator[None]:
    """While the block runs, call `tell` every two seconds, and less often where a look takes long; None tells nothing."""
    if tell is None:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_tell_until, args=(ended, look, tell), daemon=True, name="progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _tell_until(ended: threading.Event, look: Callable[[], T], tell: Callable[[T], None]) -> None:
    pause = _TELL_SECONDS
    while not ended.wait(pause):
        looked_at = time.monotonic()
        try:
            tell(look())
        except OUTAGES as error:  # the work itself meets it and says what it means
            LOGGER.warning("how far the work is cannot be counted: %s", error)
        pause = max(_TELL_SECONDS, _PAUSES_PER_LOOK * (time.monotonic() - looked_at))


def count_unfinished(resources: Resources, ids: str) -> int:
    """Count the messages that are still queued and the sources of the others that are not done; `ids` is JSON."""

    def count(unit_of_work: UnitOfWork) -> int:
        queued = len(unit_of_work.query("queued_message_ids", message_ids=ids))
        return queued + int(unit_of_work.query("unfinished_of_messages", message_ids=ids)[0]["n"])

    return ask(resources.database, count)
