"""Rows of statements about messages: on their queue, or given up."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement, Values


class QueuedMessage(TypedDict):
    """A message as it lies on its queue; `attemptCount` says how often it was received and failed before."""

    sequence: int
    messageId: str
    orderingKey: str
    body: bytes
    attemptCount: int


class FailedReceive(TypedDict):
    """How often a message was received and failed, this time included."""

    attemptCount: int


class SameDeadLetter(TypedDict):
    """A dead letter of the same fingerprint."""

    messageId: str | None
    sourceId: int | None


QUEUED_MESSAGES = Statement("queued_messages", QueuedMessage)
COUNT_FAILED_RECEIVE = Statement("count_failed_receive", FailedReceive)
SAME_DEAD_LETTER = Statement("same_dead_letter", SameDeadLetter)


def insert_message(*, message_id: str, queue: str, ordering_key: str, body: bytes, enqueued_at: str) -> Values:
    return message_id, queue, ordering_key, body, enqueued_at


def insert_path_grant(*, message_id: str, uri: str) -> Values:
    return message_id, uri
