"""Claims landed sources with a lease, renews it while their atoms are written, and releases them or gives them up."""

import json
from collections.abc import Iterable, Sequence
from functools import partial

from hartonomous_assets.stage import Work
from hartonomous_core.clock import timestamp
from hartonomous_core.credentials import without_credentials
from hartonomous_core.limits import MAX_ATTEMPTS
from hartonomous_core.messages import PROVENANCE_QUEUE, atoms_events, deletion_events
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import DELETE_UNREFERENCED_ATOMS
from hartonomous_resources.database.rows.source_rows import (
    CLAIM_SOURCES,
    CLAIMABLE_SOURCES,
    EXHAUSTED_SOURCES,
    SUPERSEDE_MEMBERS,
    SUPERSEDE_OLDER_VERSIONS,
    ClaimableSource,
    ClaimedSource,
    UnfinishedSource,
)
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.source_uris import is_file_uri
from hartonomous_resources.work.claiming import claim_rows
from hartonomous_resources.work.giving_up import dead_letter_source
from hartonomous_resources.work.rows_read_later import forget_unread_of

SLOWEST_BYTES_PER_SECOND = 5_000_000

_BYTES_TOGETHER = 1024 * 1024
"""Sources up to this size together are claimed at once: they are atomized in a moment, and in one step."""

_PASSED_OVER = 1000


class LeaseLost(Exception):
    """Another run took the source over: whatever this one was about to write must not be written."""


def claim(work: Work, most_bytes: int | None = None) -> list[ClaimedSource]:
    """Claim the next sources of the hour, and delete what an earlier attempt wrote of them; returns none when there are none.

    Small ones that were never tried are claimed together. Any other comes alone, so that one that kills its process takes no other
    along. With `most_bytes`, larger ones and those tried before are passed over, where they are among the next 1,000; where nothing else is,
    nothing is written, nor locked.
    """
    if most_bytes is not None:
        smaller = {"hour": work.hour, "most_bytes": most_bytes, "n": _PASSED_OVER}
        if not query(work.resources.database, "has_smaller_sources", **smaller):
            return []

    def take(unit_of_work: UnitOfWork) -> list[ClaimedSource]:
        now = timestamp()
        batch_size = work.resources.settings.ingestion_batch_size
        n = batch_size if most_bytes is None else max(batch_size, _PASSED_OVER)
        next_ones = unit_of_work.query(CLAIMABLE_SOURCES, hour=work.hour, now=now, n=n)
        if most_bytes is not None:
            fresh = [source for source in next_ones if source["attemptCount"] == 0]
            next_ones = [source for source in fresh if source["byteLength"] <= most_bytes][:batch_size]
        chosen = _choose_together(next_ones)
        if not chosen:
            return []
        rows = unit_of_work.query(
            CLAIM_SOURCES,
            source_ids=json.dumps(chosen),
            owner=work.owner,
            lease_until=timestamp(work.resources.settings.lease_seconds),
        )
        _delete_half_written(unit_of_work, work, chosen)
        return sorted(rows, key=lambda row: row["sourceId"])

    return claim_rows(work.resources.database, take, partial(release_all, work))


def _choose_together(claimable: Sequence[ClaimableSource]) -> list[int]:
    """Return the ids of the sources to claim at once, of those that may be claimed."""
    chosen: list[int] = []
    size = 0
    for source in claimable:
        size += source["byteLength"]
        if chosen and (size > _BYTES_TOGETHER or source["attemptCount"] > 0):
            break
        chosen.append(source["sourceId"])
        if source["attemptCount"] > 0:
            break
    return chosen


def renew_lease(unit_of_work: UnitOfWork, work: Work, source: ClaimedSource) -> None:
    """Renew the lease. Raises LeaseLost where another run has taken over: it may have written already."""
    if not unit_of_work.execute(
        "renew_source_lease", source_id=source["sourceId"], owner=work.owner, lease_until=_lease_end(work, source)
    ):
        raise LeaseLost


def _lease_end(work: Work, source: ClaimedSource) -> str:
    """Return when a lease must end: late enough to read the source once, however slow its disk."""
    return timestamp(work.resources.settings.lease_seconds + source["byteLength"] / SLOWEST_BYTES_PER_SECOND)


def release(work: Work, source: ClaimedSource, error: str | None) -> None:
    """Give the claim back. Without an error it was a clean stop or an outage, not the source's fault: the attempt is not counted."""
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute(
            "release_source",
            source_id=source["sourceId"],
            owner=work.owner,
            forgiven=0 if error else 1,
            error=error and without_credentials(error),
        ),
    )


def release_all(work: Work, sources: Iterable[ClaimedSource]) -> None:
    """Give back claims on sources that were not begun."""
    for source in sources:
        release(work, source, error=None)


def give_up_exhausted(work: Work) -> int:
    """Dead-letter the sources of the hour that have used up their attempts; returns how many."""
    which = {"hour": work.hour, "max_attempts": MAX_ATTEMPTS, "now": timestamp()}
    if not query(work.resources.database, "has_exhausted_sources", **which):
        return 0

    def give_up_those_left(unit_of_work: UnitOfWork) -> int:
        exhausted = unit_of_work.query(EXHAUSTED_SOURCES, **which)  # another run may have given some up meanwhile
        for source in exhausted:
            why = source["errorMessage"] or "the process that worked on it died each time"
            give_up(
                unit_of_work,
                work,
                source,
                f"{source['sourceUri']}: given up after {source['attemptCount']} attempts: {why}",
            )
        return len(exhausted)

    return transact(work.resources.database, give_up_those_left)


def give_up(
    unit_of_work: UnitOfWork, work: Work, source: UnfinishedSource, reason: str, *, supersede: bool = True
) -> None:
    """Dead-letter a source and delete what was written of it. The version before it is current no more, unless `supersede` is false."""
    _delete_half_written(unit_of_work, work, [source["sourceId"]])
    delete_unreferenced(unit_of_work)
    # The older ones tell the graph: the new version, which holds nothing, is not in it.
    superseded = supersede_older_versions(unit_of_work, source) if supersede else []
    for older in superseded:
        _tell_the_graph(unit_of_work, work, source["tenantId"], older)
    supersede_members(unit_of_work, work, source, superseded, [])
    dead_letter_source(unit_of_work, source, reason)
    LOGGER.warning(
        "dead-lettered; `hartonomous dead-letters list` says why",
        extra=work.log_fields("atoms", source["tenantId"], source["sourceId"]),
    )


def supersede_older_versions(unit_of_work: UnitOfWork, source: UnfinishedSource) -> list[int]:
    """Let a version supersede what was current under its uri; returns the ids of what it superseded.

    Releases before this one named a file by whatever spelling its message used, so that spelling is looked for, too.
    """
    spelled = source["readUri"] if is_file_uri(source["sourceUri"]) else source["sourceUri"]
    rows = unit_of_work.query(
        SUPERSEDE_OLDER_VERSIONS,
        tenant_id=source["tenantId"],
        source_uri=source["sourceUri"],
        spelled=spelled,
        source_id=source["sourceId"],
    )
    return [row["sourceId"] for row in rows]


def supersede_members(
    unit_of_work: UnitOfWork, work: Work, source: UnfinishedSource, older: Sequence[int], uris: Sequence[str]
) -> None:
    """Let a version supersede what was found in older ones and is not among its own members, `uris`; all within that goes with it."""
    if older:
        which = {"older": json.dumps(older), "source_uris": json.dumps(uris)}
        for row in unit_of_work.query(SUPERSEDE_MEMBERS, source_id=source["sourceId"], **which):
            _tell_the_graph(unit_of_work, work, source["tenantId"], row["sourceId"])


def move_to_parent_of(unit_of_work: UnitOfWork, work: Work, source_id: int, found: UnfinishedSource) -> None:
    """Say of a member that was found unchanged that it belongs to the source in which it was found now."""
    unit_of_work.execute("move_to_parent_of", source_id=source_id, found_id=found["sourceId"])
    _tell_the_graph(unit_of_work, work, found["tenantId"], source_id)


def _tell_the_graph(unit_of_work: UnitOfWork, work: Work, tenant_id: int, source_id: int) -> None:
    """Have what points at a source, and what it points at, written anew where the graph is a copy."""
    unit_of_work.enqueue(PROVENANCE_QUEUE, atoms_events("AtomsCreated", tenant_id, [], source_id, work.run_id))


def delete_unreferenced(unit_of_work: UnitOfWork) -> None:
    """Delete atoms that no source holds, and queue the deletion of their nodes: they may have been synced already."""
    hashes: dict[int, list[str]] = {}
    for row in unit_of_work.query(DELETE_UNREFERENCED_ATOMS):
        hashes.setdefault(row["tenantId"], []).append(row["atomHash"])
    for tenant, of_tenant in hashes.items():
        unit_of_work.enqueue(PROVENANCE_QUEUE, deletion_events(tenant, of_tenant))


def _delete_half_written(unit_of_work: UnitOfWork, work: Work, source_ids: Sequence[int]) -> None:
    """Delete the occurrences that an earlier attempt wrote of these sources.

    Atoms that only these sources held stay until they are finished: most of them, with their embeddings, are needed again. The runs
    that wrote them stay recorded: they had a part in it.
    """
    ids = json.dumps(source_ids)
    if work.resources.database.reads_rows_later:
        forget_unread_of(unit_of_work, source_ids)
    unit_of_work.execute("remove_references", source_ids=ids)
    unit_of_work.execute("delete_source_atoms", source_ids=ids)
    unit_of_work.execute("delete_source_derivations", source_ids=ids)
