"""Rows of the table types that are not those of a statement of `execute_many` (see ../rows/): a function for a row of each."""

from hartonomous_resources.database.statements import Values


def message_row(*, ordinal: int, message_id: str, ordering_key: str, body: bytes) -> Values:
    return ordinal, message_id, ordering_key, body
