"""Reads the bytes of atoms and of whole sources."""

import hashlib
from collections.abc import Iterator

from hartonomous_core.vocabulary import Role
from hartonomous_resources.blobs import Blobs
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.atom_rows import SOURCE_CONTENTS, AtomContent, StoredBytes
from hartonomous_resources.database.transactions import ask, query

_ROWS_PER_READ = 512
_ROWS_OF_HEAD = 16


def read_content(row: StoredBytes, blobs: Blobs) -> bytes:
    """Return the bytes of an atom: only this function knows the four places where they may lie.

    An atom inserted by hand has both a value and a text, of which the value may be no more than the first 64 bytes: its hash says which counts.
    """
    return blobs.get(row["blobKey"]) if row["blobKey"] is not None else _stored_content(row)


def _stored_content(row: StoredBytes) -> bytes:
    if row["content"] is not None:
        return bytes(row["content"])
    if row["atomicValue"] is None or row["textBytes"] is None:
        return bytes(row["atomicValue"] or row["textBytes"] or b"")
    value, text = bytes(row["atomicValue"]), bytes(row["textBytes"])
    is_text = hashlib.sha256(value).digest() != row["contentHash"] == hashlib.sha256(text).digest()
    return text if is_text else value


def source_contents(
    database: Database,
    blobs: Blobs,
    source_id: int,
    role: Role = "content",
    *,
    from_ordinal: int = 0,
    rows_per_read: int = _ROWS_PER_READ,
) -> Iterator[tuple[AtomContent, bytes]]:
    """Yield each occurrence of that role in a source in order, with the atom's bytes; of content, the row's `suffix` follows them in the source.

    Read in blocks of rows, so memory is bounded by the largest atoms and not by the source.
    """
    ordinal = from_ordinal
    while True:
        rows = query(database, SOURCE_CONTENTS, source_id=source_id, role=role, from_ordinal=ordinal, n=rows_per_read)
        for row in rows:
            yield row, read_content(row, blobs)
        if len(rows) < rows_per_read:
            return
        ordinal = rows[-1]["ordinal"] + 1


def source_head(unit_of_work: UnitOfWork, source_id: int, size: int) -> bytes:
    """Return the first bytes of a source whose atoms are no larger than a row of the database holds: `size` of them at least, or all."""
    head = b""
    ordinal = 0
    while len(head) < size:
        rows = unit_of_work.query(
            SOURCE_CONTENTS, source_id=source_id, role="content", from_ordinal=ordinal, n=_ROWS_OF_HEAD
        )
        head += b"".join([_stored_content(row) + (row["suffix"] or b"") for row in rows])
        if len(rows) < _ROWS_OF_HEAD:
            break
        ordinal = rows[-1]["ordinal"] + 1
    return head


def ordinal_at(database: Database, source_id: int, byte_offset: int) -> int:
    """Return the ordinal of the atom in which a byte of a source lies, or behind which as its suffix: some forty rows are read of a million."""
    return ask(database, lambda unit_of_work: _last_content(unit_of_work, source_id, byte_offset)[0])


def bytes_written(unit_of_work: UnitOfWork, source_id: int) -> int:
    """Return the bytes before the last atom that a source has, which may be in the middle of being read; as few rows are read."""
    return _last_content(unit_of_work, source_id, None)[1]


def _last_content(unit_of_work: UnitOfWork, source_id: int, most_offset: int | None) -> tuple[int, int]:
    """Return ordinal and byte offset of the last content atom, or of the last that begins at or before an offset; 0 and 0 without one."""
    offsets = {0: 0}

    def is_behind(ordinal: int) -> bool:
        rows = unit_of_work.query(SOURCE_CONTENTS, source_id=source_id, role="content", from_ordinal=ordinal, n=1)
        offsets[ordinal] = (rows[0]["byteOffset"] or 0) if rows else 0
        return not rows or (most_offset is not None and offsets[ordinal] > most_offset)

    low, high = 0, 1
    while not is_behind(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_behind(middle) else (middle, high)
    return low, offsets[low]
