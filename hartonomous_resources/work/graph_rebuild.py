"""Rebuilds an hour of the graph from the tables, a bounded part at a time: what is there already is merged again and unchanged."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial

from hartonomous_core.clock import bounds_of
from hartonomous_core.messages import ATOMS_PER_EVENT, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.atom_rows import AtomId
from hartonomous_resources.database.rows.provenance_rows import (
    ATOMIZED_SOURCES_OF_HOUR,
    INFERENCES_BETWEEN,
    LOOSE_ATOMS_OF_HOUR,
    SOURCE_ATOMS_AFTER,
    InferenceId,
    SourceAtomAfter,
)
from hartonomous_resources.database.statements import RowT
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import disagreements, tenants_of
from hartonomous_resources.work.provenance_parts import GraphPart, describe_atoms, describe_inferences
from hartonomous_resources.work.queue_leases import keep_queue_leased

_INFERENCES_AT_ONCE = 100


def rebuild_hour(
    resources: Resources, hour: str, tenant_id: int | None = None, *, everything: bool = False
) -> Iterator[GraphPart]:
    """Merge what the graph, which is claimed, lacks of an hour, of one tenant or of all; yields each part that was merged.

    A tenant whose hour agrees is left alone unless `everything` is asked for, so an interrupted rebuild of many hours goes on where
    it was. Inferences are written last: until they are, the hour does not agree.

    Raises GraphUnavailable.
    """
    for tenant in tenants_of(resources.database) if tenant_id is None else [tenant_id]:
        if everything or disagreements(resources.database, resources.graph, tenant, [hour]) != []:
            yield from _rebuild_sources(resources, tenant, hour)
            yield from _rebuild_loose_atoms(resources, tenant, hour)
            yield from _rebuild_inferences(resources, tenant, hour)


def claim_graph(resources: Resources) -> None:
    """Make sure that the graph is of this database and no other. Raises GraphUnavailable."""
    resources.graph.claim(ask(resources.database, owner_of_graph))


def owner_of_graph(unit_of_work: UnitOfWork) -> str:
    """Return what tells this database from others: when it was created."""
    return str(unit_of_work.query("schema")[0]["createdAt"])


def without_events(resources: Resources) -> AbstractContextManager[None]:
    """Keep events from being synced: what the context reads and writes to the graph then undoes no event.

    Raises DatabaseError as `keep_queue_leased` does.
    """
    return keep_queue_leased(
        resources.database, PROVENANCE_QUEUE, str(this_process()), resources.settings.lease_seconds
    )


def _rebuild_sources(resources: Resources, tenant: int, hour: str) -> Iterator[GraphPart]:
    def describe(
        unit_of_work: UnitOfWork, source_id: int, role: str, ordinal: int
    ) -> tuple[list[SourceAtomAfter], GraphPart]:
        rows = unit_of_work.query(
            SOURCE_ATOMS_AFTER, source_id=source_id, role=role, ordinal=ordinal, n=ATOMS_PER_EVENT
        )
        return rows, describe_atoms(unit_of_work, tenant, sorted({row["atomId"] for row in rows}), source_id)

    sources = query(resources.database, ATOMIZED_SOURCES_OF_HOUR, tenant_id=tenant, hour=hour)
    for source_id in (row["sourceId"] for row in sources):
        role, ordinal = "", -1
        while True:
            rows, part = _merge(resources, partial(describe, source_id=source_id, role=role, ordinal=ordinal))
            yield part
            if len(rows) < ATOMS_PER_EVENT:
                break
            role, ordinal = rows[-1]["role"], rows[-1]["ordinal"]


def _rebuild_loose_atoms(resources: Resources, tenant: int, hour: str) -> Iterator[GraphPart]:
    def describe(unit_of_work: UnitOfWork, after: int) -> tuple[list[AtomId], GraphPart]:
        rows = unit_of_work.query(LOOSE_ATOMS_OF_HOUR, tenant_id=tenant, hour=hour, after=after, n=ATOMS_PER_EVENT)
        return rows, describe_atoms(unit_of_work, tenant, [row["atomId"] for row in rows])

    after = 0
    while True:
        rows, part = _merge(resources, partial(describe, after=after))
        if not rows:
            break
        yield part
        after = rows[-1]["atomId"]


def _rebuild_inferences(resources: Resources, tenant: int, hour: str) -> Iterator[GraphPart]:
    since, until = bounds_of(hour)

    def describe(unit_of_work: UnitOfWork, after: str) -> tuple[list[InferenceId], GraphPart]:
        which = {"tenant_id": tenant, "since": since, "until": until, "after": after}
        rows = unit_of_work.query(INFERENCES_BETWEEN, **which, n=_INFERENCES_AT_ONCE)
        return rows, describe_inferences(unit_of_work, tenant, [row["inferenceId"] for row in rows])

    after = ""
    while True:
        rows, part = _merge(resources, partial(describe, after=after))
        if not rows:
            break
        yield part
        after = rows[-1]["inferenceId"]


def _merge(
    resources: Resources, describe: Callable[[UnitOfWork], tuple[list[RowT], GraphPart]]
) -> tuple[list[RowT], GraphPart]:
    """Write a part of the graph; returns the rows it was read from, and the part. No transaction waits for the graph."""
    with without_events(resources):
        rows, part = ask(resources.database, describe)
        resources.graph.merge(*part)
    return rows, part
