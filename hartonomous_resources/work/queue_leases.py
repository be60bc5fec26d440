"""Leases a queue for work outside of the database, during which no transaction may be open.

A queue has one holder at a time, so what its messages ask for is done in their order. The messages stay where they are until they
are acknowledged; the lease of a process that died is free at once, or when it runs out. One that works renews its lease.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.protocol import Database, Message, UnitOfWork
from hartonomous_resources.database.queue_messages import remove_messages
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.work.leases import release_dead_claims

_POLL_SECONDS = 0.05
_LOOK_FOR_DEAD_SECONDS = 1.0


@dataclass(slots=True)
class QueueLease:
    """`owner` holds the queue until a time; no two leases of an owner end at the same time."""

    queue: str
    owner: str
    until: str


def claim_queue(unit_of_work: UnitOfWork, queue: str, owner: str, seconds: float) -> QueueLease | None:
    """Lease a queue; returns None while somebody holds it, even another thread of this process."""
    lease = QueueLease(queue, owner, timestamp(seconds))
    claimed = unit_of_work.execute("claim_queue", queue=queue, owner=owner, lease_until=lease.until, now=timestamp())
    return lease if claimed else None


@contextmanager
def keep_lease_renewed(database: Database, lease: QueueLease, seconds: float) -> Iterator[None]:
    """Keep a lease while something else takes its time: a thread renews it, each time a third of `seconds` has passed.

    A process that lost it all the same, because it was stopped for longer, learns so when it gives the queue back.
    """
    is_over = threading.Event()

    def renew(unit_of_work: UnitOfWork) -> str | None:
        until = timestamp(seconds)
        held = {"queue": lease.queue, "owner": lease.owner, "lease_until": lease.until}
        return until if unit_of_work.execute("renew_queue", **held, renewed_until=until) else None

    def keep() -> None:
        while not is_over.wait(seconds / 3) and (until := transact(database, renew)):
            lease.until = until

    with ThreadPoolExecutor(1) as pool:
        keeping = pool.submit(keep)
        try:
            yield
        finally:
            is_over.set()
    keeping.result()


def release_queue(unit_of_work: UnitOfWork, lease: QueueLease) -> bool:
    """Give a queue back; False when the lease had run out and somebody else has held the queue since."""
    return unit_of_work.execute("release_queue", queue=lease.queue, owner=lease.owner, lease_until=lease.until) > 0


def acknowledge(unit_of_work: UnitOfWork, lease: QueueLease, messages: Sequence[Message]) -> None:
    """Give the queue back, and take off it the messages that are done.

    Where somebody else has held it since, what was done for them may have overwritten what is newer: they are sent again.
    """
    if release_queue(unit_of_work, lease):
        remove_messages(unit_of_work, messages)
    else:
        unit_of_work.enqueue(lease.queue, [(message.ordering_key, message.body) for message in messages])


@contextmanager
def keep_queue_leased(database: Database, queue: str, owner: str, seconds: float) -> Iterator[None]:
    """Keep everybody else from working on a queue, once whoever holds it has given it back.

    Raises DatabaseError when that takes longer than `seconds`, or when somebody else has held it before the end: do it again then.
    """
    lease = _wait_for_queue(database, queue, owner, seconds)
    try:
        with keep_lease_renewed(database, lease, seconds):
            yield
    finally:
        is_ours = transact(database, partial(release_queue, lease=lease))
    if not is_ours:
        raise DatabaseError(
            f"{database.name}: this took longer than a claim holds, and another process has worked on {queue} meanwhile; "
            "do it again, or raise HARTONOMOUS_LEASE_SECONDS"
        )


def _wait_for_queue(database: Database, queue: str, owner: str, seconds: float) -> QueueLease:
    looked, deadline = 0.0, time.monotonic() + seconds
    while not (lease := transact(database, partial(claim_queue, queue=queue, owner=owner, seconds=seconds))):
        now = time.monotonic()
        if now - looked > _LOOK_FOR_DEAD_SECONDS:
            release_dead_claims(database)
            looked = now
        if now > deadline:
            raise DatabaseError(
                f"{database.name}: another process has worked on {queue} for {seconds:.0f} s; look what it waits for, then try again"
            )
        time.sleep(_POLL_SECONDS)
    return lease
