"""Stage `atoms`: breaks landed sources into atoms, in bounded steps.

A source is read twice: first its hash and encoding, then its atoms. What is written is hashed as it is written; the two hashes
must agree before the source becomes Atomized, so a file that changed in between is never half one version and half another.
"""

import hashlib
from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import BinaryIO

import dagster as dg

from hartonomous_assets.source_claims import (
    SLOWEST_BYTES_PER_SECOND,
    LeaseLost,
    give_up,
    move_to_parent_of,
    release,
    renew_lease,
)
from hartonomous_assets.source_members import FoundMembers
from hartonomous_assets.source_turns import take_turns
from hartonomous_assets.source_types import content_type_to_use, kind_of
from hartonomous_assets.source_writing import (
    ChangedWhileRead,
    SourceEnd,
    SourcePart,
    count_failed_attempt,
    forget_landed_copy,
    write_part,
    write_whole,
)
from hartonomous_assets.stage import Progress, Stage, Work, hour_table, is_outage, os_errors_as_outage
from hartonomous_assets.table_schema import column_schema, store_kind
from hartonomous_core.atomizers import (
    Atom,
    Atomizer,
    Context,
    Partial,
    atomizer_for,
    atomizer_version,
    atomizers,
)
from hartonomous_core.atomizers.content_type import Scan, scan
from hartonomous_core.clock import timestamp
from hartonomous_core.vocabulary import EMBEDDED_MODALITIES, NOT_SEARCHABLE, PARTIAL, ROLES
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import AtomRow
from hartonomous_resources.database.rows.source_rows import CURRENT_SOURCE_WITH_HASH, ClaimedSource
from hartonomous_resources.database.rows.unread_rows import insert_unread_batch
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.settings import Settings
from hartonomous_resources.source_files import ForbiddenSource, open_source_file
from hartonomous_resources.source_uris import UnreadableSource, file_name, is_member_uri
from hartonomous_resources.work.rows_of_atoms import row_of

ROW_LIMIT_BYTES = 64 * 1024
"""Bytes of longer atoms go to the blob store, but not what their text says."""

_BATCH_BYTES = 8 * 1024 * 1024

_READ_LATER_BYTES = 1024 * 1024
"""Of a larger table rows are read later, where the store can wait for that: so it is found by words five times as soon."""


def steps(work: Work) -> Generator[Progress]:
    """Claim sources, atomize them, claim the next."""
    return take_turns(work, _atomize_or_give_up)


def _atomize_or_give_up(
    work: Work, source: ClaimedSource, granted: Mapping[int, str], whole: list[SourcePart]
) -> Generator[Progress, None, dict[str, int]]:
    """Read a source. A small one joins `whole`; a large one is written, with a yield between two batches. Returns what was done last."""
    try:
        try:
            with os_errors_as_outage(), _open(work, source, granted) as stream:
                return (yield from _atomize(work, source, stream, whole))
        except UnreadableSource as problem:
            reason, is_forbidden = str(problem), isinstance(problem, ForbiddenSource)

            def put_aside(unit_of_work: UnitOfWork) -> None:
                renew_lease(unit_of_work, work, source)
                give_up(unit_of_work, work, source, reason, supersede=not is_forbidden)

            transact(work.resources.database, put_aside)
            return {"dead-lettered": 1}
    except LeaseLost:
        return {"taken over by another run": 1}
    except Exception as problem:
        if is_outage(problem):
            release(work, source, error=None)
            if counts := write_whole(work, whole):  # those read before one that cannot be read now do not wait for it
                yield Progress(dict(counts))
            raise
        count_failed_attempt(work, source, problem)
        return {"failed attempts": 1}
    except BaseException:  # the loop stops, or a signal arrived within a step
        release(work, source, error=None)
        raise


def _open(work: Work, source: ClaimedSource, granted: Mapping[int, str]) -> BinaryIO:
    if source["blobKey"] is not None:
        return work.resources.blobs.path(source["blobKey"]).open("rb")
    uri = source["readUri"] or source["sourceUri"]
    return open_source_file(uri, work.resources.settings, granted.get(source["sourceId"]))


def _atomize(
    work: Work, source: ClaimedSource, stream: BinaryIO, whole: list[SourcePart]
) -> Generator[Progress, None, dict[str, int]]:
    if source["byteLength"] > SLOWEST_BYTES_PER_SECOND:  # a small one is read within the lease of its claim
        transact(work.resources.database, lambda unit_of_work: renew_lease(unit_of_work, work, source))
    found = scan(stream)
    content_type, note = content_type_to_use(source["contentType"], stream, found)
    atomizer = atomizer_for(content_type, work.resources.settings.text_unit)
    if _is_unchanged(work, source, found, content_type, atomizer):
        forget_landed_copy(work, source)
        return {"unchanged": 1}
    stream.seek(0)
    members = FoundMembers(work, source)
    reads_later = work.resources.database.reads_rows_later and found.byte_length > _READ_LATER_BYTES
    context = Context(work.resources.parsers, members, reads_later, file_name(source["sourceUri"]))
    atoms = atomizer.atomize(stream, content_type, context)
    end = SourceEnd(found, content_type, atomizer_version(atomizer), note, members)
    try:
        for part in _parts(work, source, atoms, end):
            if part.is_whole:
                whole.append(part)
                return {}
            counts = write_part(work, part)
            if part.end is None:
                yield Progress(dict(Counter(counts) + write_whole(work, whole)))
    except BaseException:
        members.close()
        raise
    return counts


def _parts(work: Work, source: ClaimedSource, atoms: Iterator[Atom], end: SourceEnd) -> Iterator[SourcePart]:
    """Yield the rows of a source in batches; the end is noted to be partial where the atomizer says so.

    Raises ChangedWhileRead before the last of them where the bytes are not those of the end.
    """
    written_hash = hashlib.sha256()
    ordinals = dict.fromkeys(ROLES, 0)
    offset = 0
    missing: list[str] = []
    batches = _batches(_until_partial(atoms, missing), work.resources.settings.atom_batch_size)
    batch: list[Atom] | None = next(batches, [])
    is_found = False
    is_first = True
    while batch is not None:
        rows = []
        unread = []
        for atom in batch:
            ordinal = ordinals[atom.role]
            rows.append(_row(work, source, atom, ordinal, offset))
            if atom.unread is not None:
                row, part_of_batch = atom.unread
                place = {"source_id": source["sourceId"], "first_ordinal": ordinal - part_of_batch, "ordinal": ordinal}
                unread.append(insert_unread_batch(**place, first_row=row, is_json="json" in atom.content_type))
            ordinals[atom.role] += 1
            is_found = is_found or atom.text is not None or atom.unread is not None
            is_found = is_found or atom.modality in EMBEDDED_MODALITIES
            if atom.role == "content":
                written_hash.update(atom.content)
                written_hash.update(atom.suffix)
                offset += len(atom.content) + len(atom.suffix)
        batch = next(batches, None)
        if batch is None and written_hash.digest() != end.found.sha256:
            raise ChangedWhileRead("was written to while it was read; ingest a copy if it always is")
        if batch is None and missing:
            end = replace(end, note=f"{PARTIAL if is_found else NOT_SEARCHABLE}{missing[0]}")
        yield SourcePart(source, rows, unread, is_first, dict(ordinals), end if batch is None else None)
        is_first = False


def _until_partial(atoms: Iterator[Atom], missing: list[str]) -> Iterator[Atom]:
    """Yield the atoms that there are; add to `missing` why there are not more."""
    try:
        yield from atoms
    except Partial as problem:
        missing.append(str(problem))


def _is_unchanged(work: Work, source: ClaimedSource, found: Scan, content_type: str, atomizer: Atomizer) -> bool:
    """Return whether the current version has the same bytes and kind, and would have the same atoms.

    If so, note that it was seen again and delete the new row.
    """
    key = {
        "tenant_id": source["tenantId"],
        "source_uri": source["sourceUri"],
        "content_hash": found.sha256,
    }
    if source["version"] == 1 or not query(work.resources.database, CURRENT_SOURCE_WITH_HASH, **key):
        return False

    def see_once_more(unit_of_work: UnitOfWork) -> bool:
        current = unit_of_work.query(CURRENT_SOURCE_WITH_HASH, **key)
        if not current or kind_of(current[0]["contentType"]) != kind_of(content_type):
            return False
        if current[0]["atomizerVersion"] != atomizer_version(atomizer):
            return False
        renew_lease(unit_of_work, work, source)
        unit_of_work.execute("touch_source", source_id=current[0]["sourceId"], now=timestamp())
        if is_member_uri(source["sourceUri"]):
            move_to_parent_of(unit_of_work, work, current[0]["sourceId"], source)
        unit_of_work.execute("delete_source", source_id=source["sourceId"])
        unit_of_work.execute("delete_path_grant", message_id=source["messageId"])
        return True

    return transact(work.resources.database, see_once_more)


def _batches(atoms: Iterator[Atom], limit: int) -> Iterator[list[Atom]]:
    batch: list[Atom] = []
    size = 0
    for atom in atoms:
        batch.append(atom)
        size += len(atom.content)
        if len(batch) >= limit or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _row(work: Work, source: ClaimedSource, atom: Atom, ordinal: int, offset: int) -> AtomRow:
    """Make the row of an atom. Raises ValueError for a derived one with a suffix: nothing can follow it, for it has no place in the source."""
    if atom.role == "derived" and atom.suffix:
        raise ValueError(f"derived atom {ordinal} has a suffix")
    content = AtomRow.only_copy(atom.text, atom.content)
    blob_key = None
    if content is not None and len(content) > ROW_LIMIT_BYTES:
        blob_key = work.resources.blobs.put(
            source["tenantId"], content, atom.content_type
        )  # before the row that names it
        content = b""
    return row_of(atom, content, blob_key, ordinal, offset if atom.role == "content" else None)


STAGE = Stage(
    spec=dg.AssetSpec(
        "atoms",
        deps=["sources"],
        group_name="ingestion",
        kinds={store_kind(), "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("Atom"),
        code_version=", ".join(map(atomizer_version, atomizers(Settings().text_unit))),
        description="Sources broken into content-addressed atoms, one per tenant and SHA-256, with the order, offsets and separators "
        "that rebuild every source byte for byte.",
    ),
    steps=steps,
    totals=hour_table("hour_atoms"),
    batch_size=lambda settings: settings.atom_batch_size,
    main_count="atoms",
)
