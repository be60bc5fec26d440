"""What a change of the graph is in Cypher: statements with their parameters, in the order in which one transaction runs them.

Rows are lists: the driver calls a function of Python for each tuple that it sends.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EdgeView
from hartonomous_resources.graph.materialized import EdgeRow, Gone, GraphChange, Replaced
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import TIMES, Rows, Shared
from hartonomous_resources.graph.protocol import Node

_ROWS_AT_ONCE = 10_000

T = TypeVar("T")
Statement = tuple[str, dict[str, Rows]]
"""Text and parameters."""
_Node = tuple[int, int]
"""Tenant and number."""
_Pair = tuple[int, int, int]
"""Tenant, number of the end, number of the start: in their order those that end at the same node are together."""

OF_MANY_EDGES = ("since", "ingestHour", "runId")
OF_EACH_EDGE = ("digest", "firstOrdinal", "count")
"""All that an edge has, in the order in which `write_edges` takes it."""


def statements_of_change(change: GraphChange) -> list[Statement]:
    """Return the statements that write a change.

    Rows are in the order of their numbers: writers that meet wait for one another and do not lock crosswise.

    Raises ValueError for a label or a type that the graph does not have.
    """
    edges = _edges_by_view(change.edges)
    return [
        *_written_nodes(change.nodes),
        *_removed_edges(change.replaced, edges),
        *_written_edges(edges),
        *_removed_nodes(change.gone),
    ]


def _written_nodes(nodes: Iterable[Node]) -> Iterator[Statement]:
    """Yield what writes each node once, as it was given last."""
    by_label: defaultdict[Label, dict[_Node, Node]] = defaultdict(dict)
    for node in nodes:
        by_label[node.label][node.tenant_id, node.number] = node
    for label, rows in sorted(by_label.items()):
        text = statement("write_nodes", label=label)
        for part in _parts(sorted(rows)):
            times = Shared(TIMES)
            written = Rows([*name, _without_times(rows[name]), times.place(rows[name].properties)] for name in part)
            yield text, {"rows": written, "times": times.in_order()}


def _without_times(node: Node) -> dict[str, object]:
    """Return what a node holds but for its times. Neo4j holds no null: what is None is left out."""
    others = {name: value for name, value in node.properties.items() if value is not None and name not in TIMES}
    return {**others, "tenantId": node.tenant_id, "number": node.number, "key": node.key}


def _edges_by_view(edges: Iterable[EdgeRow]) -> dict[EdgeView, dict[_Pair, EdgeRow]]:
    """Return each edge once, as it was given last."""
    by_view: defaultdict[EdgeView, dict[_Pair, EdgeRow]] = defaultdict(dict)
    for edge in edges:
        by_view[edge.view][edge.tenant_id, edge.end, edge.start] = edge
    return by_view


def _removed_edges(
    replaced: Iterable[Replaced], edges: Mapping[EdgeView, Mapping[_Pair, EdgeRow]]
) -> Iterator[Statement]:
    """Yield what removes edges that are not written again. Where ends are given, it is known here which, mostly none; else the server finds them."""
    pairs: defaultdict[EdgeView, set[_Pair]] = defaultdict(set)
    starts: defaultdict[EdgeView, dict[_Node, list[int]]] = defaultdict(dict)
    for each in replaced:
        tenant = each.tenant_id
        if each.ends is None:
            starts[each.view].update(((tenant, start), []) for start in each.starts)
        else:
            pairs[each.view].update((tenant, end, start) for start in each.starts for end in each.ends)
    for view, asked in _by_name(pairs):
        for part in _parts(sorted(asked - edges.get(view, {}).keys())):
            yield _text("remove_edges", view), {"rows": _by_end((pair, pair[2]) for pair in part)}
    for view, kept in _by_name(starts):
        for tenant, end, start in edges.get(view, {}):
            if (ends := kept.get((tenant, start))) is not None:
                ends.append(end)
        for nodes in _parts(sorted(kept)):
            yield _text("keep_edges", view), {"rows": Rows([*node, kept[node]] for node in nodes)}


def _written_edges(edges: Mapping[EdgeView, Mapping[_Pair, EdgeRow]]) -> Iterator[Statement]:
    for view, rows in _by_name(edges):
        text = _text("write_edges", view)
        for part in _parts(sorted(rows)):
            shared = Shared(OF_MANY_EDGES)
            written = ((pair, _written_edge(rows[pair], shared)) for pair in part)
            yield text, {"rows": _by_end(written), "shared": shared.in_order()}


def _written_edge(edge: EdgeRow, shared: Shared) -> list[object]:
    return [edge.start, shared.place(edge.properties), *map(edge.properties.get, OF_EACH_EDGE)]


def _removed_nodes(gone: Iterable[Gone]) -> Iterator[Statement]:
    """Yield one statement per label, few nodes first: in a transaction, each look-up costs as much as nodes were deleted before it."""
    by_label: defaultdict[Label, set[_Node]] = defaultdict(set)
    for each in gone:
        by_label[each.label].update((each.tenant_id, number) for number in each.numbers)
    for label, nodes in sorted(by_label.items(), key=lambda item: (len(item[1]), item[0])):
        yield statement("remove_nodes", label=label), {"rows": Rows(sorted(nodes))}


def _text(name: str, view: EdgeView) -> str:
    return statement(name, start=view.start, type=view.type, end=view.end)


def _by_name(of_views: Mapping[EdgeView, T]) -> list[tuple[EdgeView, T]]:
    return sorted(of_views.items(), key=lambda item: item[0].name)


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), _ROWS_AT_ONCE):
        yield items[first : first + _ROWS_AT_ONCE]


def _by_end(said: Iterable[tuple[_Pair, object]]) -> Rows:
    """Return rows of what is said of pairs: those that end at the same node are one row."""
    rows: dict[_Node, list[object]] = {}
    for (tenant, end, _), of_pair in said:
        rows.setdefault((tenant, end), []).append(of_pair)
    return Rows([*end, of_end] for end, of_end in rows.items())
