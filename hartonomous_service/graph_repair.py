"""Compares a copy of the graph with the views, hour by hour, and repairs it from them on request."""

from collections.abc import Callable, Iterator
from typing import Any

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.transactions import query
from hartonomous_resources.graph.materialized import Gone, GraphChange, MaterializedGraph
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import REPAIR, disagreements, hours_of, tenants_of
from hartonomous_resources.work.graph_reading import BEFORE_ALL, page_of_copy
from hartonomous_resources.work.graph_rebuild import claim_graph, rebuild_hour, without_events
from hartonomous_resources.work.invariants import EDGES_HAVE_ENDS
from hartonomous_service.arguments import Tenant, checked
from hartonomous_service.errors import Conflict, Unavailable

_NO_COPY = (
    "The graph is views over the tables, of which there is no copy to compare: every end of an edge was looked for."
)

_NOT_COMPARED = (
    "Events are waiting to be synced, so nothing was compared after the repair: run an ingest or the daemon, then"
    " verify the graph."
)


@checked
def verify_graph(
    resources: Resources,
    *,
    tenant: Tenant | None = 0,
    repair: bool = False,
    everything: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """Compare the graph in Neo4j with the views, for every hour of a tenant, or of all tenants for None, and for what has no hour.

    With `repair`, first remove what the views no longer have and write what the graph lacks. An hour that agrees is not written again,
    so an interrupted repair goes on where it stopped; with `everything` it is, because not every property is compared.

    Without a copy, look whether every edge has its ends.

    Returns {"checked": hours, "failed": [{"invariant", "error"}], "repaired": nodes and edges that were written, each
    once, and nodes that were removed: {"nodes", "edges", "removed"}, "tenants": how many, "note": what was compared}. Every tenant has its
    own hours, and "checked" counts them.

    While events wait to be synced, nothing can be compared. A repair has done its work then, for it reads the views: the hours that could
    not be compared are not among the "checked", and "note" says so. Without one, that is Conflict.

    Raises Unavailable when the graph cannot be reached, Conflict while events wait to be synced and nothing is to be repaired.
    """
    tenants = tenants_of(resources.database) if tenant is None else [tenant]
    hours = [(each, hour) for each in tenants for hour in (None, *hours_of(resources.database, each))]
    repaired = {"nodes": 0, "edges": 0, "removed": 0}
    graph = resources.graph_copy
    if graph is None:
        failed, note = _broken_edges(resources, tenant), _NO_COPY
    else:
        note = f"The graph in {graph.name} was compared with the views over the tables."
        try:
            if repair:
                repaired = _repair(resources, graph, hours, everything, progress)
            failed, compared = _differences(resources, graph, hours, progress)
        except GraphUnavailable as error:
            raise Unavailable(str(error)) from error
        if len(compared) < len(hours):
            if not repair:
                raise Conflict("events are waiting to be synced", remedy="sync_events")
            hours, note = compared, _NOT_COMPARED
    checked = sum(hour is not None for _, hour in hours)
    return {"checked": checked, "failed": failed, "repaired": repaired, "tenants": len(tenants), "note": note}


def _broken_edges(resources: Resources, tenant: int | None) -> list[dict[str, Any]]:
    rows = query(resources.database, EDGES_HAVE_ENDS.statement, hour=None, tenant_id=tenant)
    return [{"invariant": EDGES_HAVE_ENDS.name, "error": EDGES_HAVE_ENDS.rule, **row} for row in rows]


def _differences(
    resources: Resources,
    graph: MaterializedGraph,
    hours: list[tuple[int, str | None]],
    progress: Callable[[int, int], None],
) -> tuple[list[dict[str, Any]], list[tuple[int, str | None]]]:
    """Return what differs, and the hours that were compared: those before one of which events wait to be synced."""
    failed: list[dict[str, Any]] = []
    for done, (tenant, hour) in enumerate(hours):
        progress(done, len(hours))
        found = disagreements(resources.database, graph, tenant, [hour])
        if found is None:
            return failed, hours[:done]
        failed += [{"invariant": "graph_agrees", "error": text, "remedy": REPAIR} for text in found]
    return failed, hours


def _repair(
    resources: Resources,
    graph: MaterializedGraph,
    hours: list[tuple[int, str | None]],
    everything: bool,
    progress: Callable[[int, int], None],
) -> dict[str, int]:
    """Make the graph what the views say: all hours of it before any comparison, for an edge may lead to another hour."""
    repaired = {"nodes": 0, "edges": 0, "removed": 0}
    claim_graph(resources, graph)
    for tenant in sorted({tenant for tenant, _ in hours}):
        repaired["removed"] += sum(_remove_unknown(resources, graph, tenant))
    # Which hours differ is asked before any is written: writing one brings nodes of others, which then would not be counted.
    due = []
    for done, (tenant, hour) in enumerate(hours):
        progress(done, len(hours))
        if everything or disagreements(resources.database, graph, tenant, [hour]) != []:
            due.append((tenant, hour))
    for done, (tenant, hour) in enumerate(due):
        progress(done, len(due))
        for part in rebuild_hour(resources, graph, hour, tenant, everything=True):
            repaired["nodes"] += part.nodes
            repaired["edges"] += part.edges
    return repaired


def _remove_unknown(resources: Resources, graph: MaterializedGraph, tenant: int) -> Iterator[int]:
    """Remove from the graph the nodes that the views do not have; yields the number of each batch."""
    for label in LABELS:
        after = BEFORE_ALL
        while True:
            with without_events(resources):
                held, unknown = page_of_copy(resources.database, graph, tenant, label, after)
                if unknown:
                    graph.write(GraphChange(gone=[Gone(tenant, label, unknown)]))
            if not held:
                break
            yield len(unknown)
            after = held[-1]
