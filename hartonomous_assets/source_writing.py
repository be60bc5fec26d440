"""Writes what was read of claimed sources: the atoms of a large one a part at a time, those of many small ones in one transaction."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from hartonomous_assets.source_claims import (
    LeaseLost,
    delete_unreferenced,
    release,
    renew_lease,
    supersede_members,
    supersede_older_versions,
)
from hartonomous_assets.source_members import FoundMembers
from hartonomous_assets.stage import Work, is_outage
from hartonomous_assets.stage_log import log_failure
from hartonomous_core.atomizers import NotUtf8Error
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.messages import ATOMS_PER_EVENT, PROVENANCE_QUEUE, atoms_events
from hartonomous_core.vocabulary import NOT_SEARCHABLE, PARTIAL, Role
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import SOURCE_ATOM_IDS, AtomRow
from hartonomous_resources.database.rows.source_rows import ClaimedSource
from hartonomous_resources.database.statements import Values
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.work.landed_blobs import delete_unreferenced_blob
from hartonomous_resources.work.rows_read_later import write_unread

_EVENTS_TOGETHER = 100
"""Events that are queued at once, each of up to 1,000 atoms: a source of any size has some."""


class ChangedWhileRead(Exception):
    """The file was written to between the two reads."""


@dataclass(frozen=True, slots=True)
class SourceEnd:
    """What is recorded of a source with the last of its atoms."""

    found: Scan
    content_type: str
    atomizer_version: str
    note: str | None
    members: FoundMembers


@dataclass(frozen=True, slots=True)
class SourcePart:
    """The next atoms of a source, with the last of them its end. `counts` says how many there are up to here, by role.

    `unread`: rows of `insert_unread_batch`, for those of them that are batches of rows to be read later.
    """

    source: ClaimedSource
    rows: list[AtomRow]
    unread: list[Values]
    is_first: bool
    counts: Mapping[Role, int]
    end: SourceEnd | None

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the source."""
        return self.is_first and self.end is not None


def write_part(work: Work, part: SourcePart) -> dict[str, int]:
    """Write a part in a transaction of its own; returns counts. Raises LeaseLost."""

    def write(unit_of_work: UnitOfWork) -> Counter[str]:
        renew_lease(unit_of_work, work, part.source)
        return _write(unit_of_work, work, [part])

    counts = transact(work.resources.database, write)
    _after_commit(work, part)
    return dict(counts)


def write_whole(work: Work, parts: list[SourcePart]) -> Counter[str]:
    """Write whole sources in one transaction, and take them off the list; returns counts.

    What another run has taken over is left to it. Where the transaction fails for what is in it, each is written by itself: the attempt
    of the one that fails counts, and the others are in.
    """
    done: Counter[str] = Counter()
    if not parts:
        return done

    def write_all(unit_of_work: UnitOfWork) -> list[SourcePart]:
        done.clear()
        ours = []
        for part in parts:
            try:
                renew_lease(unit_of_work, work, part.source)
                ours.append(part)
            except LeaseLost:
                done["taken over by another run"] += 1
        done.update(_write(unit_of_work, work, ours))
        return ours

    try:
        written = transact(work.resources.database, write_all)
    except Exception as problem:
        if is_outage(problem):
            raise
        done.clear()
        if len(parts) > 1:
            for part in parts.copy():
                done.update(write_whole(work, [part]))
                parts.remove(part)
        else:
            count_failed_attempt(work, parts[0].source, problem)
            done["failed attempts"] = 1
            close_members(parts)
            parts.clear()
        return done
    parts.clear()
    for part in written:
        _after_commit(work, part)
    return done


def close_members(parts: Iterable[SourcePart]) -> None:
    """Let go of files that were found in sources that are not written."""
    for part in parts:
        if part.end is not None:
            part.end.members.close()


def count_failed_attempt(work: Work, source: ClaimedSource, problem: Exception) -> None:
    """Give back a source that could not be taken in this time."""
    log_failure(work, "atoms", f"source {source['sourceId']}: attempt failed", problem)
    what = "" if isinstance(problem, ChangedWhileRead | NotUtf8Error | OSError) else f"{type(problem).__name__}: "
    release(work, source, error=f"{source['sourceUri']}: {what}{problem}")


def _write(unit_of_work: UnitOfWork, work: Work, parts: Sequence[SourcePart]) -> Counter[str]:
    """Write the next parts of sources that are ours, and finish those that end; returns counts."""
    done: Counter[str] = Counter()
    atoms: dict[tuple[int, str], dict[int, list[AtomRow]]] = {}
    for part in parts:
        source = part.source
        if part.is_first:
            unit_of_work.execute("record_source_run", source_id=source["sourceId"], run_id=work.run_id)
        atoms.setdefault((source["tenantId"], source["ingestHour"]), {})[source["sourceId"]] = part.rows
    for (tenant_id, ingest_hour), of_sources in atoms.items():
        written = unit_of_work.write_atoms(tenant_id, ingest_hour, of_sources)
        done.update({"new atoms": written.new_atoms, "new bytes": written.new_bytes})
    for part in parts:
        write_unread(unit_of_work, part.unread)
    done["atoms"] = sum(len(part.rows) for part in parts)
    ended = [(part.source, part.counts, part.end) for part in parts if part.end is not None]
    for source, _, end in ended:
        if found := _finish(unit_of_work, work, source, end):
            done["files found in sources"] += found
        done.update({"sources": 1, "bytes": end.found.byte_length})
        for beginning in (PARTIAL, NOT_SEARCHABLE):
            if (end.note or "").startswith(beginning):
                done[f"sources {beginning.rstrip(': ')}"] += 1
    if ended:
        delete_unreferenced(unit_of_work)  # of an earlier attempt that read other bytes
    events = chain.from_iterable(_events(unit_of_work, work, source, counts) for source, counts, _ in ended)
    while some := list(islice(events, _EVENTS_TOGETHER)):
        unit_of_work.enqueue(PROVENANCE_QUEUE, some)
    return done


def _finish(unit_of_work: UnitOfWork, work: Work, source: ClaimedSource, end: SourceEnd) -> int:
    """Finish a source; returns how many files were found in it."""
    older = supersede_older_versions(unit_of_work, source)
    supersede_members(unit_of_work, work, source, older, end.members.uris)
    unit_of_work.execute(
        "finish_source",
        source_id=source["sourceId"],
        owner=work.owner,
        content_hash=end.found.sha256,
        byte_length=end.found.byte_length,
        content_type=end.content_type,
        atomizer_version=end.atomizer_version,
        note=end.note,
    )
    found = end.members.land(unit_of_work)
    unit_of_work.execute("delete_path_grant", message_id=source["messageId"])
    return found


def _events(
    unit_of_work: UnitOfWork, work: Work, source: ClaimedSource, counts: Mapping[Role, int]
) -> Iterator[tuple[str, bytes]]:
    """Yield what tells the graph about the source and its atoms, if it has any; `counts` says how many there are of each role."""
    source_id = source["sourceId"]
    starts = [(role, start) for role, count in counts.items() for start in range(0, count, ATOMS_PER_EVENT)]
    for role, start in starts or [("content", 0)]:
        which = {"role": role, "from_ordinal": start, "to_ordinal": start + ATOMS_PER_EVENT}
        ids = [row["atomId"] for row in unit_of_work.query(SOURCE_ATOM_IDS, source_id=source_id, **which)]
        yield from atoms_events("AtomsCreated", source["tenantId"], ids, source_id, work.run_id)


def _after_commit(work: Work, part: SourcePart) -> None:
    """Log a source that is finished, and delete its landed copy."""
    source, end = part.source, part.end
    if end is None:
        return
    end.members.close()
    LOGGER.info(
        "Atomized source %(SourceId)s: %(AtomCount)s atoms created",
        {"SourceId": source["sourceId"], "AtomCount": sum(part.counts.values())},
        extra=work.log_fields("atoms", source["tenantId"], source["sourceId"]),
    )
    forget_landed_copy(work, source)


def forget_landed_copy(work: Work, source: ClaimedSource) -> None:
    """Delete the landed copy of a source's bytes, unless a row still names it; one that cannot be deleted now is swept later."""
    if source["blobKey"] is None:
        return
    try:
        delete_unreferenced_blob(work.resources.database, work.resources.blobs, source["blobKey"])
    except OSError as problem:
        log_failure(work, "atoms", f"source {source['sourceId']}: its landed copy is not deleted yet", problem)
