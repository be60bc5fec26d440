"""Rows of statements about batches of rows that are read later."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement, Values


class UnreadBatchId(TypedDict):
    """Which batch, or part of one."""

    unreadBatchId: int


class UnreadBatch(UnreadBatchId):
    """A batch of rows, or a part of one, those of a batch in order, and the source that it is of: `firstOrdinal` is that of its first part."""

    sourceId: int
    tenantId: int
    ingestHour: str
    contentType: str
    isCurrent: int
    firstOrdinal: int
    firstRow: int
    byteOffset: int
    content: bytes


LAST_UNREAD_BATCH = Statement("last_unread_batch", UnreadBatchId)
NEXT_UNREAD_BATCHES = Statement("next_unread_batches", UnreadBatchId)
UNREAD_BATCHES_OF = Statement("unread_batches_of", UnreadBatchId)
UNREAD_BATCHES = Statement("unread_batches", UnreadBatch)


def insert_unread_batch(*, source_id: int, first_ordinal: int, ordinal: int, first_row: int, is_json: bool) -> Values:
    return source_id, first_ordinal, ordinal, first_row, is_json
