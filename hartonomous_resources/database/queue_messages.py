"""Reads and removes messages of QueueMessage, the same way on every store."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hartonomous_resources.database.protocol import Database, Delivery, Message, UnitOfWork
from hartonomous_resources.database.rows.queue_rows import QUEUED_MESSAGES


def queued_messages(unit_of_work: UnitOfWork, queue: str, limit: int) -> list[Message]:
    """Return the first `limit` messages of a queue, in order; they stay where they are."""
    return [
        Message(row["sequence"], row["messageId"], queue, row["orderingKey"], row["body"], row["attemptCount"])
        for row in unit_of_work.query(QUEUED_MESSAGES, queue=queue, n=limit)
    ]


def remove_messages(unit_of_work: UnitOfWork, messages: Sequence[Message]) -> None:
    """Remove messages from their queue."""
    unit_of_work.execute("delete_messages", sequences=json.dumps([message.sequence for message in messages]))


@contextmanager
def receive_messages(database: Database, queue: str, limit: int, timeout: float) -> Iterator[Delivery]:
    """See `Database.receive`. The messages are removed at the end; nobody else receives until the transaction ends."""
    if not database.await_messages(queue, timeout):
        with database.read() as unit_of_work:
            yield Delivery([], unit_of_work)
        return
    with database.unit_of_work() as unit_of_work:
        unit_of_work.query("lock_queue", queue=queue)
        messages = queued_messages(unit_of_work, queue, limit)
        yield Delivery(messages, unit_of_work)
        remove_messages(unit_of_work, messages)
