"""Stage `atoms`: breaks landed sources into atoms, in bounded steps.

A source is read twice: first its hash and encoding, then its atoms. What is written is hashed as it is written; the two hashes
must agree before the source becomes Atomized, so a file that changed in between is never half one version and half another.
"""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping
from typing import BinaryIO

import dagster as dg

from hartonomous_assets.source_claims import (
    SLOWEST_BYTES_PER_SECOND,
    LeaseLost,
    claim,
    delete_unreferenced,
    give_up,
    give_up_exhausted,
    release,
    release_all,
    renew_lease,
    supersede_older_versions,
)
from hartonomous_assets.source_types import content_type_to_use, kind_of
from hartonomous_assets.stage import IDLE, Progress, Stage, Work, hour_table, is_outage, os_errors_as_outage
from hartonomous_assets.stage_log import log_failure
from hartonomous_assets.table_schema import column_schema, store_kind
from hartonomous_core.atomizers import Atom, Atomizer, NotUtf8Error, atomizer_for, atomizer_version, atomizers
from hartonomous_core.atomizers.content_type import Scan, scan
from hartonomous_core.clock import timestamp
from hartonomous_core.messages import ATOMS_PER_EVENT, PROVENANCE_QUEUE, atoms_events
from hartonomous_core.vocabulary import ROLES, Role
from hartonomous_resources.database.protocol import UnitOfWork, WrittenAtoms
from hartonomous_resources.database.rows.atom_rows import SOURCE_ATOM_IDS, AtomRow
from hartonomous_resources.database.rows.source_rows import CURRENT_SOURCE_WITH_HASH, ClaimedSource
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings
from hartonomous_resources.source_files import ForbiddenSource, open_source_file
from hartonomous_resources.source_uris import UnreadableSource
from hartonomous_resources.work.landed_blobs import delete_unreferenced_blob

ROW_LIMIT_BYTES = 64 * 1024
"""Bytes of longer atoms go to the blob store, but not what their text says."""

_BATCH_BYTES = 8 * 1024 * 1024


class ChangedWhileRead(Exception):
    """The file was written to between the two reads."""


def steps(work: Work) -> Generator[Progress]:
    """Claim sources, atomize them, claim the next. Small ones make one step together, a large one makes one for each batch of atoms."""
    while True:
        if not work.resources.settings.ingestion_enabled:
            yield IDLE
            continue
        given_up = give_up_exhausted(work)
        done: Counter[str] = Counter()
        claimed = deque(claim(work))
        try:
            while claimed:
                done.update((yield from _atomize_or_give_up(work, claimed.popleft())))
        finally:
            release_all(work, claimed)
        if given_up:
            done["dead-lettered"] += given_up
        yield Progress(dict(done))


def _atomize_or_give_up(work: Work, source: ClaimedSource) -> Generator[Progress, None, dict[str, int]]:
    """Atomize a source, yielding between two batches; returns what the last batch did."""
    try:
        try:
            with os_errors_as_outage(), _open(work, source) as stream:
                counts = yield from _atomize(work, source, stream)
        except UnreadableSource as problem:
            reason, is_forbidden = str(problem), isinstance(problem, ForbiddenSource)

            def put_aside(unit_of_work: UnitOfWork) -> None:
                renew_lease(unit_of_work, work, source)
                give_up(unit_of_work, work, source, reason, supersede=not is_forbidden)

            transact(work.resources.database, put_aside)
            return {"dead-lettered": 1}
        _forget_landed_copy(work, source)
        return counts
    except LeaseLost:
        return {"taken over by another run": 1}
    except Exception as problem:
        if is_outage(problem):
            release(work, source, error=None)
            raise
        log_failure(work, "atoms", f"source {source['sourceId']}: attempt failed", problem)
        what = "" if isinstance(problem, ChangedWhileRead | NotUtf8Error | OSError) else f"{type(problem).__name__}: "
        release(work, source, error=f"{source['sourceUri']}: {what}{problem}")
        return {"failed attempts": 1}
    except BaseException:  # the loop stops, or a signal arrived within a step
        release(work, source, error=None)
        raise


def _open(work: Work, source: ClaimedSource) -> BinaryIO:
    if source["blobKey"] is not None:
        return work.resources.blobs.path(source["blobKey"]).open("rb")
    granted = query(work.resources.database, "path_grant", message_id=source["messageId"])
    return open_source_file(
        source["readUri"] or source["sourceUri"], work.resources.settings, granted[0]["uri"] if granted else None
    )


def _atomize(work: Work, source: ClaimedSource, stream: BinaryIO) -> Generator[Progress, None, dict[str, int]]:
    if source["byteLength"] > SLOWEST_BYTES_PER_SECOND:  # a small one is read within the lease of its claim
        transact(work.resources.database, lambda unit_of_work: renew_lease(unit_of_work, work, source))
    found = scan(stream)
    content_type, note = content_type_to_use(source["contentType"], stream, found)
    atomizer = atomizer_for(content_type, work.resources.settings.text_unit)
    if _is_unchanged(work, source, found, content_type, atomizer):
        return {"unchanged": 1}
    stream.seek(0)
    written_hash = hashlib.sha256()
    ordinals = dict.fromkeys(ROLES, 0)
    offset = 0
    batches = _batches(atomizer.atomize(stream, content_type), work.resources.settings.atom_batch_size)
    batch = next(batches, [])
    while True:
        rows = []
        for atom in batch:
            rows.append(_row(work, source, atom, ordinals[atom.role], offset))
            ordinals[atom.role] += 1
            if atom.role == "content":
                written_hash.update(atom.content)
                written_hash.update(atom.suffix)
                offset += len(atom.content) + len(atom.suffix)
        batch = next(batches, [])
        last = not batch
        if last and written_hash.digest() != found.sha256:
            raise ChangedWhileRead("was written to while it was read; ingest a copy if it always is")

        def write(unit_of_work: UnitOfWork, rows: list[AtomRow] = rows, last: bool = last) -> WrittenAtoms:
            renew_lease(unit_of_work, work, source)
            unit_of_work.execute("record_source_run", source_id=source["sourceId"], run_id=work.run_id)
            written = unit_of_work.write_atoms(source["tenantId"], source["sourceId"], source["ingestHour"], rows)
            if last:
                _finish(unit_of_work, work, source, found, content_type, atomizer, note)
                _announce(unit_of_work, work, source, ordinals)
            return written

        written = transact(work.resources.database, write)
        counts = {"atoms": len(rows), "new atoms": written.new_atoms, "new bytes": written.new_bytes}
        if last:
            LOGGER.info(
                "Atomized source %(SourceId)s: %(AtomCount)s atoms created",
                {"SourceId": source["sourceId"], "AtomCount": sum(ordinals.values())},
                extra=work.log_fields("atoms", source["tenantId"], source["sourceId"]),
            )
            return {**counts, "sources": 1, "bytes": found.byte_length}
        yield Progress(counts)


def _is_unchanged(work: Work, source: ClaimedSource, found: Scan, content_type: str, atomizer: Atomizer) -> bool:
    """Return whether the current version has the same bytes and kind, and would have the same atoms.

    If so, note that it was seen again and delete the new row.
    """

    def see_once_more(unit_of_work: UnitOfWork) -> bool:
        current = unit_of_work.query(
            CURRENT_SOURCE_WITH_HASH,
            tenant_id=source["tenantId"],
            source_uri=source["sourceUri"],
            content_hash=found.sha256,
        )
        if not current or kind_of(current[0]["contentType"]) != kind_of(content_type):
            return False
        if current[0]["atomizerVersion"] != atomizer_version(atomizer):
            return False
        renew_lease(unit_of_work, work, source)
        unit_of_work.execute("touch_source", source_id=current[0]["sourceId"], now=timestamp())
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
        blob_key = work.resources.blobs.put(source["tenantId"], content)  # before the row that names it
        content = b""
    return AtomRow(
        hashlib.sha256(atom.content).digest(),
        content,
        len(atom.content),
        blob_key,
        atom.modality,
        atom.subtype,
        atom.content_type,
        atom.text,
        ordinal,
        offset if atom.role == "content" else None,
        atom.suffix,
        atom.role,
        None if atom.locator is None else json.dumps(atom.locator),
    )


def _finish(
    unit_of_work: UnitOfWork,
    work: Work,
    source: ClaimedSource,
    found: Scan,
    content_type: str,
    atomizer: Atomizer,
    note: str | None,
) -> None:
    source_id = source["sourceId"]
    supersede_older_versions(unit_of_work, source)
    unit_of_work.execute(
        "finish_source",
        source_id=source_id,
        owner=work.owner,
        content_hash=found.sha256,
        byte_length=found.byte_length,
        content_type=content_type,
        atomizer_version=atomizer_version(atomizer),
        note=note,
    )
    delete_unreferenced(unit_of_work)  # of an earlier attempt that read other bytes
    unit_of_work.execute("delete_path_grant", message_id=source["messageId"])


def _announce(unit_of_work: UnitOfWork, work: Work, source: ClaimedSource, counts: Mapping[Role, int]) -> None:
    """Tell the graph about the source and its atoms, if it has any; `counts` says how many there are of each role."""
    source_id = source["sourceId"]
    starts = [(role, start) for role, count in counts.items() for start in range(0, count, ATOMS_PER_EVENT)]
    for role, start in starts or [("content", 0)]:
        which = {"role": role, "from_ordinal": start, "to_ordinal": start + ATOMS_PER_EVENT}
        ids = [row["atomId"] for row in unit_of_work.query(SOURCE_ATOM_IDS, source_id=source_id, **which)]
        events = atoms_events("AtomsCreated", source["tenantId"], ids, source_id, work.run_id)
        unit_of_work.enqueue(PROVENANCE_QUEUE, events)


def _forget_landed_copy(work: Work, source: ClaimedSource) -> None:
    key = source["blobKey"]
    if key is None:
        return
    delete_unreferenced_blob(work.resources.database, work.resources.blobs, key)


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
