"""Receiving a batch of messages: what cannot be understood is put aside, what fails is counted, the rest is acknowledged."""

from collections.abc import Callable, Iterator

from hartonomous_assets.stage import IDLE, Progress, StageUnavailable, Work
from hartonomous_assets.stage_log import log_failure
from hartonomous_resources.database.dead_letters import dead_letter_received
from hartonomous_resources.database.errors import DatabaseError, TransactionConflict
from hartonomous_resources.database.protocol import Message, UnitOfWork
from hartonomous_resources.messages import InvalidMessage

_RETURNED = "returned to the queue"


def receive_batches(
    work: Work,
    queue: str,
    n: int,
    handle: Callable[[UnitOfWork, Message], None],
    before_commit: Callable[[], None] = lambda: None,
) -> Iterator[Progress]:
    """Receive a batch of up to `n` messages each time that one is asked for; those of a batch that failed come one at a time.

    Raises as `receive_batch` does.
    """
    one_at_a_time = 0
    while True:
        progress = receive_batch(work, queue, 1 if one_at_a_time else n, handle, before_commit)
        one_at_a_time = progress.counts.get(_RETURNED, max(0, one_at_a_time - 1))
        yield progress


def receive_batch(
    work: Work,
    queue: str,
    n: int,
    handle: Callable[[UnitOfWork, Message], None],
    before_commit: Callable[[], None],
) -> Progress:
    """Hand up to `n` messages to `handle`, in one transaction that acknowledges them all.

    An InvalidMessage becomes a dead letter at once. Any other failure returns the batch: of several messages it is not
    known whose fault it was, and they should come one at a time then; of one, it counts against that
    message, which is put aside after five times and never blocks the queue.

    Raises StageUnavailable and DatabaseError: they are no message's fault. A TransactionConflict is treated as any other failure: what
    always conflicts, such as a row that can never be unique, must not hold up the queue for ever.
    """
    database = work.resources.database
    received = refused = 0
    current: Message | None = None
    try:
        with database.receive(queue, n) as delivery:
            for current in delivery.messages:
                try:
                    handle(delivery.unit_of_work, current)
                    received += 1
                except InvalidMessage as error:
                    dead_letter_received(delivery.unit_of_work, current, str(error), error.tenant_id)
                    refused += 1
            before_commit()
    except Exception as error:
        outside = isinstance(error, StageUnavailable | DatabaseError) and not isinstance(error, TransactionConflict)
        if outside or current is None:
            raise
        log_failure(work, queue, f"{len(delivery.messages)} messages of {queue} not taken in", error)
        if len(delivery.messages) > 1:
            return Progress({_RETURNED: len(delivery.messages)})
        dead = database.fail(current, f"{type(error).__name__}: {error}")
        return Progress({"failed receives": 1, "dead-lettered": 1} if dead else {"failed receives": 1})
    counts = {"received": received, "dead-lettered": refused}
    return Progress({name: count for name, count in counts.items() if count}) if received or refused else IDLE
