"""Reads nodes and edges from the views as a copy of them holds them."""

from collections.abc import Collection, Iterable, Sequence

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import WITHOUT_HOUR, EdgeView, Way, properties_of
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.materialized import EdgeRow, MaterializedGraph
from hartonomous_resources.graph.protocol import Node

NODES_AT_ONCE = 1000

BEFORE_ALL = -(2**63)
"""Where a walk over numbers begins: somebody may have chosen them."""


def nodes_of(unit_of_work: UnitOfWork, tenant_id: int, label: Label, numbers: Collection[int]) -> list[Node]:
    """Read those of the nodes that the views have."""
    rows = unit_of_work.graph_nodes(tenant_id, label, numbers) if numbers else []
    of_rows = zip(rows, properties_of(rows), strict=True)
    return [Node(tenant_id, label, row["Number"], row["Key"], properties) for row, properties in of_rows]


def edges_of(
    unit_of_work: UnitOfWork,
    tenant_id: int,
    view: EdgeView,
    way: Way,
    numbers: Collection[int],
    *,
    after: int | None = None,
    until: int | None = None,
) -> list[EdgeRow]:
    """Read the edges of a view that lead one way from nodes, to those above `after` and up to `until`."""
    rows = unit_of_work.graph_edges(tenant_id, view, way, numbers, after=after, until=until) if numbers else []
    of_rows = zip(rows, properties_of(rows), strict=True)
    return [EdgeRow(tenant_id, view, row["FromNumber"], row["ToNumber"], properties) for row, properties in of_rows]


def ends_of(
    unit_of_work: UnitOfWork, tenant_id: int, edges: Iterable[EdgeRow], labels: Sequence[Label] = WITHOUT_HOUR
) -> list[Node]:
    """Read the nodes of these labels that edges lead to."""
    ends: dict[Label, set[int]] = {}
    for edge in edges:
        if edge.view.end in labels:
            ends.setdefault(edge.view.end, set()).add(edge.end)
    return [node for label in labels if label in ends for node in nodes_of(unit_of_work, tenant_id, label, ends[label])]


def page_of_copy(
    database: Database, graph: MaterializedGraph, tenant_id: int, label: Label, after: int
) -> tuple[list[int], list[int]]:
    """Return the next numbers that the copy holds, and those of them that the views lack. No event may be synced meanwhile."""
    held = graph.numbers(tenant_id, label, after, NODES_AT_ONCE)
    if not held:
        return [], []
    known = {row["Number"] for row in ask(database, lambda unit: unit.graph_nodes(tenant_id, label, held))}
    return held, [number for number in held if number not in known]
