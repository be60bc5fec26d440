"""Rows of the table types that are not those of a statement of `execute_many` (see ../rows/): a function for a row of each."""

from hartonomous_resources.database.statements import Values


def atom_row(
    *,
    role: str,
    ordinal: int,
    content_hash: bytes,
    byte_offset: int | None,
    byte_length: int,
    modality: str,
    subtype: str | None,
    content_type: str | None,
    canonical_text: str | None,
    content: bytes,
    blob_key: str | None,
    suffix: bytes,
    locator: str | None,
) -> Values:
    return (
        role, ordinal, content_hash, byte_offset, byte_length, modality, subtype, content_type, canonical_text, content,
        blob_key, suffix, locator,
    )  # fmt: skip


def message_row(*, ordinal: int, message_id: str, ordering_key: str, body: bytes) -> Values:
    return ordinal, message_id, ordering_key, body
