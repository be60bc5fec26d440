"""Rows of statements about messages: on their queue, or given up."""

from typing import TypedDict

from hartonomous_core.vocabulary import DeadLetterKind
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


class DeadLetter(TypedDict):
    """What was given up, as it was kept: a message, a source or a job; `replay` says how it is tried again."""

    deadLetterId: int
    kind: DeadLetterKind
    tenantId: int | None
    ingestHour: str
    queue: str | None
    orderingKey: str | None
    messageId: str | None
    sourceId: int | None
    jobId: str | None
    reason: str
    body: bytes
    attemptCount: int
    firstFailedAt: str
    lastFailedAt: str
    replay: str
    seenCount: int


QUEUED_MESSAGES = Statement("queued_messages", QueuedMessage)
COUNT_FAILED_RECEIVE = Statement("count_failed_receive", FailedReceive)
DEAD_LETTERS = Statement("dead_letters", DeadLetter)
SAME_DEAD_LETTER = Statement("same_dead_letter", SameDeadLetter)


def insert_message(*, message_id: str, queue: str, ordering_key: str, body: bytes, enqueued_at: str) -> Values:
    return message_id, queue, ordering_key, body, enqueued_at


def insert_path_grant(*, message_id: str, uri: str) -> Values:
    return message_id, uri
