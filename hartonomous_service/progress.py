"""Counts what an ingest has done and what waits, and tells it every few seconds while the work goes on in another thread."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_service.errors import OUTAGES

_TELL_SECONDS = 10.0
_PAUSES_PER_LOOK = 20
"""Counting takes longer the more is left: it may take a twentieth of the time."""


class Progress(NamedTuple):
    """How far an ingest is; a file that is given up on is done, too."""

    done: int
    files: int
    waiting_embeddings: int
    """Of all sources and tenants: they share the work. Those that are being computed wait, too."""


Tell = Callable[[Progress], None]


def count_unfinished(resources: Resources, ids: str) -> int:
    """Count the messages that are still queued and the sources of the others that are not done."""
    return ask(resources.database, lambda unit_of_work: _count_unfinished(unit_of_work, ids))


def look_at_progress(resources: Resources, files: int, message_ids: Sequence[str]) -> Progress:
    """Count what is done of so many files; those without a message are."""

    def count(unit_of_work: UnitOfWork) -> Progress:
        left = _count_unfinished(unit_of_work, json.dumps(message_ids))
        waiting = unit_of_work.query("waiting_work", job_types=json.dumps([GENERATE_EMBEDDING]))
        return Progress(files - left, files, sum(row["n"] for row in waiting if row["kind"] == "jobs"))

    return ask(resources.database, count)


@contextmanager
def telling_progress(look: Callable[[], Progress], tell: Tell | None) -> Iterator[None]:
    """While the block runs, call `tell` every ten seconds, and less often where a look takes long; None tells nothing."""
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


def _tell_until(ended: threading.Event, look: Callable[[], Progress], tell: Tell) -> None:
    pause = _TELL_SECONDS
    while not ended.wait(pause):
        looked_at = time.monotonic()
        try:
            tell(look())
        except OUTAGES as error:  # the work itself meets it and says what it means
            LOGGER.warning("how far the ingest is cannot be counted: %s", error)
        pause = max(_TELL_SECONDS, _PAUSES_PER_LOOK * (time.monotonic() - looked_at))


def _count_unfinished(unit_of_work: UnitOfWork, ids: str) -> int:
    queued = len(unit_of_work.query("queued_message_ids", message_ids=ids))
    return queued + int(unit_of_work.query("unfinished_of_messages", message_ids=ids)[0]["n"])
