"""What a change of the graph is in Cypher: statements with their parameters, in the order in which one transaction runs them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EdgeView
from hartonomous_resources.graph.materialized import EdgeRow, Gone, GraphChange, Replaced
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import Rows, Times
from hartonomous_resources.graph.protocol import Node

_ROWS_AT_ONCE = 10_000

T = TypeVar("T")
Statement = tuple[str, dict[str, Rows]]
"""Text and parameters."""
_Node = tuple[int, int]
"""Tenant and number."""
_Pair = tuple[int, int, int]
"""Tenant, number of the start, number of the end."""


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
            times = Times()
            written = Rows((*name, *times.taken_from(_held(rows[name]))) for name in part)
            yield text, {"rows": written, "times": times.in_order()}


def _held(node: Node) -> dict[str, object]:
    return {**node.properties, "tenantId": node.tenant_id, "number": node.number, "key": node.key}


def _edges_by_view(edges: Iterable[EdgeRow]) -> dict[EdgeView, dict[_Pair, EdgeRow]]:
    """Return each edge once, as it was given last."""
    by_view: defaultdict[EdgeView, dict[_Pair, EdgeRow]] = defaultdict(dict)
    for edge in edges:
        by_view[edge.view][edge.tenant_id, edge.start, edge.end] = edge
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
            pairs[each.view].update((tenant, start, end) for start in each.starts for end in each.ends)
    for view, asked in _by_name(pairs):
        for part in _parts(sorted(asked - edges.get(view, {}).keys(), key=_end_first)):
            yield _text("remove_edges", view), {"rows": _by_end(part, lambda pair: pair[1])}
    for view, kept in _by_name(starts):
        for tenant, start, end in edges.get(view, {}):
            if (ends := kept.get((tenant, start))) is not None:
                ends.append(end)
        for nodes in _parts(sorted(kept)):
            yield _text("keep_edges", view), {"rows": Rows((*node, kept[node]) for node in nodes)}


def _written_edges(edges: Mapping[EdgeView, Mapping[_Pair, EdgeRow]]) -> Iterator[Statement]:
    for view, rows in _by_name(edges):
        for part in _parts(sorted(rows, key=_end_first)):
            times = Times()
            written = {pair: (pair[1], *times.taken_from(rows[pair].properties)) for pair in part}
            yield _text("write_edges", view), {"rows": _by_end(part, written.__getitem__), "times": times.in_order()}


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


def _end_first(pair: _Pair) -> _Pair:
    tenant, start, end = pair
    return tenant, end, start


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), _ROWS_AT_ONCE):
        yield items[first : first + _ROWS_AT_ONCE]


def _by_end(pairs: Iterable[_Pair], said: Callable[[_Pair], object]) -> Rows:
    """Return rows of what is said of pairs: those that end at the same node are one row."""
    rows: dict[_Node, list[object]] = {}
    for pair in pairs:
        rows.setdefault((pair[0], pair[2]), []).append(said(pair))
    return Rows((*end, of_end) for end, of_end in rows.items())
