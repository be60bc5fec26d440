"""Whose turn it is in the stage `atoms`: small sources together, a large one a batch at a time, and between two of its batches smaller ones."""

import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing, suppress

from hartonomous_assets.source_claims import LeaseLost, claim, give_up_exhausted, release_all, renew_lease
from hartonomous_assets.source_writing import SourcePart, close_members, write_whole
from hartonomous_assets.stage import IDLE, Progress, Work
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.source_rows import ClaimedSource
from hartonomous_resources.database.transactions import ask, transact

Read = Callable[[Work, ClaimedSource, Mapping[int, str], list[SourcePart]], Generator[Progress, None, dict[str, int]]]
"""Reads a claimed source, with the uris that messages may read: a small one joins the list, a large one is written, with a yield between two
batches. Returns the counts of what it did last.
"""

_ROWS_TOGETHER = 512
"""Atoms of small sources that are written at once, for a commit is a flush to the disk. By default these are two batches of the stage after
this one, which claims the second while a thread computes the first.
"""

_MUCH_SMALLER = 16
"""A source of this part of the size of another has its turn between two batches of that: of a gigabyte 64 MiB."""


def take_turns(work: Work, read: Read) -> Generator[Progress]:
    """Claim sources, read and write them, claim the next.

    Small ones make a step together, up to two batches of the stage after this one; a large one makes a step for each batch of atoms. A step
    in which nothing was done says that nothing waits.
    """
    while True:
        if not work.resources.settings.ingestion_enabled:
            yield IDLE
            continue
        given_up = give_up_exhausted(work)
        done = Counter({"dead-lettered": given_up} if given_up else {})
        claimed = claim(work)
        if not claimed:
            yield Progress(dict(done))
            continue
        yield from _read_claimed(work, claimed, read, done, lets_others_in=True)
        if len(claimed) == 1:
            # A source of a single batch has no place between two of them: smaller ones would wait for all such sources before them.
            yield from _let_smaller_ones_in(work, claimed[0], read)


def _read_claimed(
    work: Work, sources: Collection[ClaimedSource], read: Read, done: Counter[str], *, lets_others_in: bool
) -> Generator[Progress]:
    """Read sources and write them, but those that are given back meanwhile. Makes no step in which nothing was done."""
    give_back_at = time.monotonic() + work.resources.settings.lease_seconds / 4
    claimed = deque(sources)
    whole: list[SourcePart] = []  # sources that were read to their end, and are not written yet
    try:
        granted = _granted(work, claimed)
        while claimed:
            source = claimed.popleft()
            with closing(read(work, source, granted, whole)) as reading:
                done.update((yield from _in_turn(work, source, reading, claimed, read if lets_others_in else None)))
            if claimed and sum(len(part.rows) for part in whole) >= _ROWS_TOGETHER:
                yield Progress(dict(done + write_whole(work, whole)))
                done.clear()
            if time.monotonic() > give_back_at:  # documents may take long; the others are claimed anew
                _give_back(work, claimed)
        done.update(write_whole(work, whole))
    except Exception:  # an outage: what was done before it counts
        if done:
            yield Progress(dict(done))
        raise
    finally:
        release_all(work, [*(part.source for part in whole), *claimed])
        close_members(whole)
    if done:
        yield Progress(dict(done))


def _in_turn(
    work: Work,
    source: ClaimedSource,
    reading: Generator[Progress, None, dict[str, int]],
    others: deque[ClaimedSource],
    read_smaller: Read | None,
) -> Generator[Progress, None, dict[str, int]]:
    """Read a source; what was claimed with one that takes more than a batch is claimed anew, by who comes first.

    `read_smaller` reads those that have their turn between its batches; None: none has.
    """
    while True:
        try:
            progress = next(reading)
        except StopIteration as end:
            done: dict[str, int] = end.value
            return done
        yield progress
        _give_back(work, others)
        if read_smaller is not None:
            yield from _let_smaller_ones_in(work, source, read_smaller)


def _let_smaller_ones_in(work: Work, source: ClaimedSource, read: Read) -> Generator[Progress]:
    """Claim sources that are much smaller than one that is at work, if there are any, and do them; that one keeps its lease meanwhile.

    One that was tried before lets none in, nor is let in: what kills its process must be the only thing in it. While a document has a parser
    at work none is let in either, for theirs would be another, of as much memory; and within a turn there is none, so two sources at the
    most are in hand.
    """
    if source["attemptCount"] > 1 or work.resources.parsers.are_at_work:
        return
    smaller = claim(work, most_bytes=source["byteLength"] // _MUCH_SMALLER)
    if not smaller:
        return

    def keep(unit_of_work: UnitOfWork) -> None:
        with suppress(LeaseLost):  # its next batch meets it, too, and is not written
            renew_lease(unit_of_work, work, source)

    with closing(_read_claimed(work, smaller, read, Counter(), lets_others_in=False)) as reading:
        for progress in reading:
            transact(work.resources.database, keep)
            yield progress


def _granted(work: Work, sources: Collection[ClaimedSource]) -> dict[int, str]:
    """Return the uri that the message of a source may read, wherever it lies, by SourceId."""

    def read(unit_of_work: UnitOfWork) -> dict[int, str]:
        rows = ((source, unit_of_work.query("path_grant", message_id=source["messageId"])) for source in sources)
        return {source["sourceId"]: found[0]["uri"] for source, found in rows if found}

    return ask(work.resources.database, read) if sources else {}


def _give_back(work: Work, claimed: deque[ClaimedSource]) -> None:
    release_all(work, claimed)
    claimed.clear()
