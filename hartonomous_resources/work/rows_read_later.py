"""Rows of large tables that are read later: their batches are found by words, and what each row says becomes an atom of its own when
somebody asks for it, or before it is embedded. Only where `Database.reads_rows_later`.

The ordinals of what is derived follow where the batch stands, for batches are read in any order: in order, with gaps between two batches.
"""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import groupby

from hartonomous_core.atomizers import Atom, atomizer_for
from hartonomous_core.atomizers.row_atomizer import HEAD_BYTES, RowAtomizer
from hartonomous_core.messages import PROVENANCE_QUEUE, atoms_events
from hartonomous_core.vocabulary import TextUnit
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import SOURCE_ATOM_IDS, AtomRow
from hartonomous_resources.database.rows.unread_rows import (
    LAST_UNREAD_BATCH,
    NEXT_UNREAD_BATCHES,
    UNREAD_BATCHES,
    UNREAD_BATCHES_OF,
    UnreadBatch,
    insert_unread_batch,
)
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.database.statements import Values
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.contents import source_head
from hartonomous_resources.work.rows_of_atoms import row_of

_READ_FOR_A_QUESTION = 10
"""Batches: of 720 questions about rows, the row that answers is in the ten best for all but 0.1% of those that find it otherwise."""
_MOST_FOR_A_QUESTION = 20
"""Batches, however many hits are asked for: reading is writing, and whoever asks waits for it."""
_PATIENCE_SECONDS = 0.2
"""How long a question waits for another writer."""
_READ_AT_ONCE = 16
"""Batches: as many rows as a model takes some seconds for."""
_PLACES_A_BYTE = 64
"""Ordinals kept for what is derived of a byte of a batch: beside the names of its columns a row is told in four times its characters and 60 more."""


def write_unread(unit_of_work: UnitOfWork, rows: Sequence[Values]) -> None:
    """Note batches of rows whose atoms are written, rows of `insert_unread_batch`, and index their words."""
    if rows:
        [last] = unit_of_work.query(LAST_UNREAD_BATCH)
        unit_of_work.execute_many(insert_unread_batch, rows)
        unit_of_work.execute("index_unread_batches", last=last["unreadBatchId"])


def forget_unread_of(unit_of_work: UnitOfWork, source_ids: Sequence[int]) -> None:
    """Forget the batches of sources, before their occurrences go."""
    found = unit_of_work.query(UNREAD_BATCHES_OF, source_ids=json.dumps(source_ids))
    _forget(unit_of_work, [row["unreadBatchId"] for row in found])


def read_matching_rows(
    resources: Resources, tenant: int, terms: Sequence[str], wanted: AtomFilter, k: int, *, of_each_source: bool
) -> bool:
    """Read the rows of the batches that hold the terms of a question best, at most 20 of them, so that they are found as any text is.

    `of_each_source`: of `k` sources, if so many have some. Returns False where there are some and the store could not be written to just now:
    the question then finds what was read before.
    """
    if not resources.database.reads_rows_later:
        return True
    taken = set(wanted.other_than)
    rounds = min(k, _MOST_FOR_A_QUESTION) if of_each_source else 1
    n = min(max(k, _READ_FOR_A_QUESTION), _MOST_FOR_A_QUESTION // rounds)
    for _ in range(rounds):
        sources = replace(wanted, other_than=tuple(sorted(taken))).of_sources()
        found = ask(resources.database, partial(_match, tenant, terms, n, sources))
        if not found:
            break
        read = partial(_read, resources.settings.text_unit, found, None)
        try:
            taken |= transact(resources.database, read, _PATIENCE_SECONDS).keys()
        except DatabaseError as error:  # it can only be read, its disk is full, another one is writing
            _warn_once(str(error))
            return False
    return True


@lru_cache(maxsize=16)
def _warn_once(reason: str) -> None:
    LOGGER.warning("questions do not find rows of large tables that were not read yet: %s", reason)


def _match(
    tenant: int, terms: Sequence[str], n: int, sources: Mapping[str, object], unit_of_work: UnitOfWork
) -> list[int]:
    return unit_of_work.match_unread(tenant, terms, n, sources)


def read_next_rows(resources: Resources, hour: str, run_id: str) -> dict[str, int]:
    """Read the rows of the next batches of an hour, in order; returns counts: of batches, and of atoms that came of them. None if none is left.

    Of batches whose version was superseded meanwhile no atom comes; they are taken off the list all the same.
    """
    if not resources.database.reads_rows_later:
        return {}
    found = [row["unreadBatchId"] for row in query(resources.database, NEXT_UNREAD_BATCHES, hour=hour, n=_READ_AT_ONCE)]
    if not found:
        return {}
    counts = transact(resources.database, partial(_read, resources.settings.text_unit, found, run_id))
    return {"batches of rows": len(found), "rows read": sum(counts.values())}


def _read(unit: TextUnit, batch_ids: Collection[int], run_id: str | None, unit_of_work: UnitOfWork) -> dict[int, int]:
    """Make atoms of the rows of those batches that nobody else has read meanwhile; of superseded sources none. Returns how many of each source."""
    parts = unit_of_work.query(UNREAD_BATCHES, batch_ids=json.dumps(list(batch_ids)))
    _forget(unit_of_work, [part["unreadBatchId"] for part in parts])
    counts = {}
    for source_id, of_source in groupby(parts, key=lambda part: part["sourceId"]):
        current = [part for part in of_source if part["isCurrent"]]
        counts[source_id] = _read_source(unit_of_work, unit, source_id, current, run_id) if current else 0
    return counts


def _read_source(
    unit_of_work: UnitOfWork, unit: TextUnit, source_id: int, parts: Sequence[UnreadBatch], run_id: str | None
) -> int:
    tenant, hour = parts[0]["tenantId"], parts[0]["ingestHour"]
    head = source_head(unit_of_work, source_id, HEAD_BYTES + 1)
    rows: list[AtomRow] = []
    ranges = []
    for first, atoms in _said(unit, head, parts):
        of_batch = [
            row_of(atom, AtomRow.only_copy(atom.text, atom.content), None, ordinal, None)
            for ordinal, atom in enumerate(atoms, first)
        ]
        rows += of_batch
        ranges.append((first, first + len(of_batch)))
    unit_of_work.write_atoms(tenant, hour, {source_id: rows})
    if run_id is not None:
        unit_of_work.execute("record_source_run", source_id=source_id, run_id=run_id)
    ids = [
        row["atomId"]
        for start, end in ranges
        for row in unit_of_work.query(
            SOURCE_ATOM_IDS, source_id=source_id, role="derived", from_ordinal=start, to_ordinal=end
        )
    ]
    if ids:
        unit_of_work.enqueue(PROVENANCE_QUEUE, atoms_events("AtomsCreated", tenant, ids, source_id, run_id))
    return len(rows)


def _said(unit: TextUnit, head: bytes, parts: Sequence[UnreadBatch]) -> Iterator[tuple[int, list[Atom]]]:
    """Yield what the rows of each batch say, with the ordinal of the first."""
    content_type = parts[0]["contentType"]
    atomizer = atomizer_for(content_type, unit)
    if not isinstance(atomizer, RowAtomizer):  # a package brought another one since
        return
    reader = atomizer.line_reader(head, content_type)
    for _, of_batch in groupby(parts, key=lambda part: part["firstOrdinal"]):
        first, *others = of_batch
        batch = b"".join([bytes(part["content"]) for part in (first, *others)])
        place = batch, first["firstRow"], first["byteOffset"]
        try:
            atoms = list(atomizer.said_in(reader, *place))
        except Exception:  # noqa: BLE001 - else it would hold up all that come after it
            LOGGER.exception("the rows from byte %d on are read as plain text", first["byteOffset"])
            atoms = list(atomizer.said_in(None, *place))
        yield _PLACES_A_BYTE * first["byteOffset"], atoms


def _forget(unit_of_work: UnitOfWork, batch_ids: Sequence[int]) -> None:
    if batch_ids:
        ids = json.dumps(batch_ids)
        unit_of_work.execute("forget_words_of_batches", batch_ids=ids)
        unit_of_work.execute("delete_unread_batches", batch_ids=ids)
