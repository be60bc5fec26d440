"""Receives messages in batches: dead-letters what cannot be understood, counts what fails, acknowledges the rest.

An InvalidMessage becomes a dead letter at once. Any other failure returns the batch to its queue. Of several messages nobody knows which
one failed, so they come one at a time then. A single message that failed is counted, and the fifth time makes it a dead letter, so
that it never blocks the queue.

An outage is raised: it is no message's fault. A conflict counts against the messages, unless none was received yet: then the batch is
tried again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Generic, TypeVar

from hartonomous_assets.stage import IDLE, Progress, Work, is_outage
from hartonomous_assets.stage_log import log_failure
from hartonomous_core.messages import InvalidMessage
from hartonomous_resources.database.protocol import Message, UnitOfWork
from hartonomous_resources.database.queue_messages import queued_messages, remove_messages
from hartonomous_resources.database.transactions import retry_conflicts, transact
from hartonomous_resources.work.giving_up import count_failed_receive, dead_letter_received
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.queue_leases import (
    QueueLease,
    acknowledge,
    claim_queue,
    keep_lease_renewed,
    release_queue,
)

Handle = Callable[[UnitOfWork, Message], object]
T = TypeVar("T")

_RETURNED = "returned to the queue"
_HELD = Progress(others_are_working=True)


def in_batches(batch_size: int, batch: Callable[[int], Progress]) -> Iterator[Progress]:
    """Do a batch of up to `batch_size` messages at each step; those of a batch that failed come one at a time."""
    one_at_a_time = 0
    while True:
        progress = retry_conflicts(partial(batch, 1 if one_at_a_time else batch_size))
        if progress.counts:
            one_at_a_time = progress.counts.get(_RETURNED, max(0, one_at_a_time - 1))
        yield progress


def receive_batch(work: Work, queue: str, handle: Handle, batch_size: int) -> Progress:
    """Hand up to `batch_size` messages to `handle`, in one transaction that acknowledges them all."""
    messages: Sequence[Message] = []
    try:
        with work.resources.database.receive(queue, batch_size) as delivery:
            messages = delivery.messages
            _, refused = _handle(delivery.unit_of_work, messages, handle)
    except Exception as error:  # noqa: BLE001 - counted against the message, or raised again
        return _return_messages(work, queue, messages, error)
    return _progress_of(messages, refused)


@dataclass
class _Leased(Generic[T]):
    """What a transaction that leases a queue has taken. It may be run again, and then takes anew."""

    lease: QueueLease | None = None
    messages: Sequence[Message] = ()
    handled: list[T] = field(default_factory=list)
    refused: list[Message] = field(default_factory=list)


def lease_batch(
    work: Work,
    queue: str,
    handle: Callable[[UnitOfWork, Message], T],
    carry_out: Callable[[list[T]], dict[str, int]],
    batch_size: int,
) -> Progress:
    """Hand up to `batch_size` messages to `handle` in one transaction, carry out what it returned for them outside of any, then acknowledge them.

    `carry_out` returns counts of what it did. A process that is killed in between loses nothing: the messages are still on the queue, and
    carrying them out again changes nothing. Nobody else works on the queue meanwhile, however long it takes.
    """
    database, seconds = work.resources.database, work.resources.settings.lease_seconds
    taken: _Leased[T] = _Leased()

    def take(unit_of_work: UnitOfWork) -> None:
        taken.lease = claim_queue(unit_of_work, queue, work.owner, seconds)
        if taken.lease is None:
            return
        taken.messages = queued_messages(unit_of_work, queue, batch_size)
        taken.handled, taken.refused = _handle(unit_of_work, taken.messages, handle)
        remove_messages(unit_of_work, taken.refused)

    try:
        if not database.await_messages(queue):
            return IDLE
        transact(database, take)
        if taken.lease is None:
            release_dead_claims(database)  # the next look may find it free
            return _HELD
        with keep_lease_renewed(database, taken.lease, seconds):
            counts = carry_out(taken.handled)
        understood = [message for message in taken.messages if message not in taken.refused]
        transact(database, partial(acknowledge, lease=taken.lease, messages=understood))
    except BaseException as error:
        if taken.lease is not None:
            transact(database, partial(release_queue, lease=taken.lease))
        if not isinstance(error, Exception):
            raise
        return _return_messages(work, queue, taken.messages, error)
    return _progress_of(taken.messages, taken.refused, counts)


def _handle(
    unit_of_work: UnitOfWork, messages: Sequence[Message], handle: Callable[[UnitOfWork, Message], T]
) -> tuple[list[T], list[Message]]:
    """Hand messages to `handle`; returns what it returned, and the messages that it refused, which are dead letters now."""
    handled, refused = [], []
    for message in messages:
        try:
            handled.append(handle(unit_of_work, message))
        except InvalidMessage as error:
            dead_letter_received(
                unit_of_work, message, str(error), error.tenant_id, canonical_body=error.canonical_body
            )
            refused.append(message)
    return handled, refused


def _return_messages(work: Work, queue: str, messages: Sequence[Message], error: Exception) -> Progress:
    if is_outage(error) or not messages:
        raise error
    log_failure(work, queue, f"{len(messages)} messages of {queue} not taken in", error)
    if len(messages) > 1:
        return Progress({_RETURNED: len(messages)})
    dead = count_failed_receive(work.resources.database, messages[0], f"{type(error).__name__}: {error}")
    return Progress({"failed receives": 1, "dead-lettered": 1} if dead else {"failed receives": 1})


def _progress_of(
    messages: Sequence[Message], refused: Sequence[Message], carried_out: Mapping[str, int] | None = None
) -> Progress:
    counts = {"received": len(messages) - len(refused), **(carried_out or {}), "dead-lettered": len(refused)}
    return Progress({name: count for name, count in counts.items() if count})
