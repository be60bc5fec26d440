"""Rebuilds an hour of a copy of the graph from the views, a bounded part at a time: what is there already is written again and unchanged."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import NamedTuple, TypeVar

from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import WITHOUT_HOUR
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_NUMBERS_OF_HOUR
from hartonomous_resources.database.rows.provenance_rows import SOURCE_ATOMS_AFTER, SourceAtomAfter
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.materialized import EdgeRow, GraphChange, MaterializedGraph, Replaced
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources, owner_of_graph
from hartonomous_resources.work.agreement import disagreements, tenants_of
from hartonomous_resources.work.graph_reading import (
    BEFORE_ALL,
    NODES_AT_ONCE,
    edges_of,
    ends_of,
    nodes_of,
)
from hartonomous_resources.work.graph_sync import INGESTED_FROM, views_from
from hartonomous_resources.work.queue_leases import keep_queue_leased

T = TypeVar("T")


class Rebuilt(NamedTuple):
    """What a part of a rebuild wrote: nodes of the hour, each of which is in one part, and edges; ends that other hours have are not counted."""

    nodes: int
    edges: int


_WITH_HOUR: tuple[Label, ...] = ("Atom", "Source", "Inference")
_AT_ONCE: dict[Label, int] = {"Inference": 100}
"""An inference may name thousands of atoms."""


def rebuild_hour(
    resources: Resources,
    graph: MaterializedGraph,
    hour: str | None,
    tenant_id: int | None = None,
    *,
    everything: bool = False,
) -> Iterator[Rebuilt]:
    """Write what the graph, which is claimed, lacks of an hour, or of what has none, of one tenant or of all; yields what each part wrote.

    Nodes bring those at the other ends of their edges. Edges that the views lack go, nodes stay: `hartonomous verify --graph --repair`
    removes them. A tenant whose hour agrees is left alone unless `everything` is asked for, so an interrupted rebuild of many hours goes
    on where it was.

    Raises GraphUnavailable.
    """
    for tenant in tenants_of(resources.database) if tenant_id is None else [tenant_id]:
        if everything or disagreements(resources.database, graph, tenant, [hour]) != []:
            for label in WITHOUT_HOUR if hour is None else _WITH_HOUR:
                yield from _rebuild_nodes(resources, graph, tenant, label, hour)


def claim_graph(resources: Resources, graph: MaterializedGraph) -> None:
    """Make sure that the graph is of this database and no other. Raises GraphUnavailable."""
    graph.claim(owner_of_graph(resources.database))


def without_events(resources: Resources) -> AbstractContextManager[None]:
    """Keep events from being synced: what the context reads and writes to the graph then undoes no event.

    Raises DatabaseError as `keep_queue_leased` does.
    """
    return keep_queue_leased(
        resources.database, PROVENANCE_QUEUE, str(this_process()), resources.settings.lease_seconds
    )


def _rebuild_nodes(
    resources: Resources, graph: MaterializedGraph, tenant: int, label: Label, hour: str | None
) -> Iterator[Rebuilt]:
    """Write nodes with their edges, and the nodes that these lead to."""
    views = views_from(label)

    def read(unit_of_work: UnitOfWork, after: int) -> tuple[list[int], Rebuilt, GraphChange]:
        which = {"tenant_id": tenant, "label": label, "hour": hour, "after": after}
        rows = unit_of_work.query(GRAPH_NUMBERS_OF_HOUR, **which, n=_AT_ONCE.get(label, NODES_AT_ONCE))
        numbers = [row["number"] for row in rows]
        edges = [edge for view in views for edge in edges_of(unit_of_work, tenant, view, "upstream", numbers)]
        nodes = nodes_of(unit_of_work, tenant, label, numbers)
        ends = ends_of(unit_of_work, tenant, edges, LABELS)
        replaced = [Replaced(tenant, view, numbers) for view in views]
        return numbers, Rebuilt(len(nodes), len(edges)), GraphChange([*ends, *nodes], edges, replaced)

    after = BEFORE_ALL
    while True:
        numbers, rebuilt = _write(resources, graph, partial(read, after=after))
        if not numbers:
            break
        yield rebuilt
        after = numbers[-1]
        for source_id in numbers if label == "Source" else []:
            yield from _rebuild_occurrences(resources, graph, tenant, hour, source_id)


def _rebuild_occurrences(
    resources: Resources, graph: MaterializedGraph, tenant: int, hour: str | None, source_id: int
) -> Iterator[Rebuilt]:
    """Join a source of an hour, whose own atoms are there, to its atoms, which may be of any hour, and to no others."""

    def pairs(unit_of_work: UnitOfWork, atoms: Sequence[int]) -> list[EdgeRow]:
        only = {"after": source_id - 1, "until": source_id}
        return edges_of(unit_of_work, tenant, INGESTED_FROM, "upstream", atoms, **only)

    def read(unit_of_work: UnitOfWork, role: str, ordinal: int) -> tuple[list[SourceAtomAfter], Rebuilt, GraphChange]:
        which = {"tenant_id": tenant, "source_id": source_id, "role": role, "ordinal": ordinal}
        rows = unit_of_work.query(SOURCE_ATOMS_AFTER, **which, n=NODES_AT_ONCE)
        atoms = sorted({row["atomId"] for row in rows})
        nodes = nodes_of(unit_of_work, tenant, "Atom", atoms)
        others = [node for node in nodes if node.properties["ingestHour"] != hour]
        edges = pairs(unit_of_work, atoms)
        here = {(row["atomId"], row["ordinal"]) for row in rows}
        first_here = sum((edge.start, edge.properties["firstOrdinal"]) in here for edge in edges)
        return rows, Rebuilt(0, first_here), GraphChange(others, edges)

    role, ordinal = "", -1
    while True:
        rows, rebuilt = _write(resources, graph, partial(read, role=role, ordinal=ordinal))
        if not rows:
            break
        yield rebuilt
        role, ordinal = rows[-1]["role"], rows[-1]["ordinal"]

    after = BEFORE_ALL
    while True:
        with without_events(resources):
            held = graph.starts(tenant, INGESTED_FROM, source_id, after, NODES_AT_ONCE)
            kept = {edge.start for edge in ask(resources.database, partial(pairs, atoms=held))}
            if others := set(held) - kept:
                graph.write(GraphChange(replaced=[Replaced(tenant, INGESTED_FROM, others, [source_id])]))
        if not held:
            break
        after = held[-1]


def _write(
    resources: Resources, graph: MaterializedGraph, read: Callable[[UnitOfWork], tuple[T, Rebuilt, GraphChange]]
) -> tuple[T, Rebuilt]:
    """Write a part of the graph; returns what it was read from, and what is counted of it. No transaction waits for the graph."""
    with without_events(resources):
        found, rebuilt, change = ask(resources.database, read)
        graph.write(change)
    return found, rebuilt
