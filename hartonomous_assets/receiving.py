"""Batches of messages: what cannot be understood is put aside, what fails is counted, the rest is acknowledged.

An InvalidMessage becomes a dead letter at once. Any other failure returns the batch: of several messages it is not known whose
fault it was, and they come one at a time then; of one, it counts against that message, which is put aside after five times and
never blocks the queue.

What is of the outside is raised: it is no message's fault. A conflict is one, unless no message was received yet: then it is nobody's, and
the batch is tried again.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from hartonomous_assets.stage import IDLE, Progress, Work, is_of_the_outside
from hartonomous_assets.stage_log import log_failure
from hartonomous_resources.database.dead_letters import dead_letter_received
from hartonomous_resources.database.leases import release_dead_claims
from hartonomous_resources.database.protocol import Message, UnitOfWork
from hartonomous_resources.database.queue_leases import QueueLease, acknowledge, claim_queue, release_queue, renewed
from hartonomous_resources.database.queue_messages import queued_messages, take_off
from hartonomous_resources.database.transactions import again, transact
from hartonomous_resources.messages import InvalidMessage

Handle = Callable[[UnitOfWork, Message], None]

_RETURNED = "returned to the queue"
_HELD = Progress(others_are_at_it=True)


def in_batches(n: int, batch: Callable[[int], Progress]) -> Iterator[Progress]:
    """A batch of up to `n` messages each time that one is asked for; those of a batch that failed come one at a time."""
    one_at_a_time = 0
    while True:
        progress = again(partial(batch, 1 if one_at_a_time else n))
        if progress.counts:
            one_at_a_time = progress.counts.get(_RETURNED, max(0, one_at_a_time - 1))
        yield progress


def receive_batch(work: Work, queue: str, handle: Handle, n: int) -> Progress:
    """Hand up to `n` messages to `handle`, in one transaction that acknowledges them all."""
    messages: Sequence[Message] = []
    try:
        with work.resources.database.receive(queue, n) as delivery:
            messages = delivery.messages
            refused = _handle(delivery.unit_of_work, messages, handle)
    except Exception as error:  # noqa: BLE001 - counted against the message, or raised again
        return _returned(work, queue, messages, error)
    return _counted(messages, refused)


def lease_batch(work: Work, queue: str, handle: Handle, carry_out: Callable[[], None], n: int) -> Progress:
    """Hand up to `n` messages to `handle` in one transaction, then do what they ask for outside of any, then acknowledge them.

    Whoever is killed in between has done nothing that may not be done again: the messages are still there. Nobody else works on the queue
    meanwhile, however long it takes.
    """
    database = work.resources.database
    messages: Sequence[Message] = []
    lease: QueueLease | None = None
    try:
        if not database.await_messages(queue):
            return IDLE
        with database.unit_of_work() as unit_of_work:
            lease = claim_queue(unit_of_work, queue, work.owner, work.resources.settings.lease_seconds)
            if lease is not None:
                messages = queued_messages(unit_of_work, queue, n)
                refused = _handle(unit_of_work, messages, handle)
                take_off(unit_of_work, refused)
        if lease is None:
            release_dead_claims(database)  # the next look may find it free
            return _HELD
        with renewed(database, lease, work.resources.settings.lease_seconds):
            carry_out()
        understood = [message for message in messages if message not in refused]
        transact(database, partial(acknowledge, lease=lease, messages=understood))
    except BaseException as error:
        if lease is not None:
            transact(database, partial(release_queue, lease=lease))
        if not isinstance(error, Exception):
            raise
        return _returned(work, queue, messages, error)
    return _counted(messages, refused)


def _handle(unit_of_work: UnitOfWork, messages: Sequence[Message], handle: Handle) -> list[Message]:
    """Returns those that were refused and are dead letters now."""
    refused = []
    for message in messages:
        try:
            handle(unit_of_work, message)
        except InvalidMessage as error:
            dead_letter_received(unit_of_work, message, str(error), error.tenant_id, held=error.held)
            refused.append(message)
    return refused


def _returned(work: Work, queue: str, messages: Sequence[Message], error: Exception) -> Progress:
    if is_of_the_outside(error) or not messages:
        raise error
    log_failure(work, queue, f"{len(messages)} messages of {queue} not taken in", error)
    if len(messages) > 1:
        return Progress({_RETURNED: len(messages)})
    dead = work.resources.database.fail(messages[0], f"{type(error).__name__}: {error}")
    return Progress({"failed receives": 1, "dead-lettered": 1} if dead else {"failed receives": 1})


def _counted(messages: Sequence[Message], refused: Sequence[Message]) -> Progress:
    counts = {"received": len(messages) - len(refused), "dead-lettered": len(refused)}
    return Progress({name: count for name, count in counts.items() if count})
