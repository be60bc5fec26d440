"""What a change of the graph is in Cypher: statements with their rows, in the order in which one transaction runs them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView
from hartonomous_resources.graph.materialized import EdgeRow, GraphChange, NodeRow, Replaced
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import held

_ROWS_AT_ONCE = 10_000

Node = tuple[int, int]
"""Tenant and number."""
Pair = tuple[int, int, int]
"""Tenant, number of the start, number of the end."""


class Rows(list[Any]):
    """Rows of a statement. The driver puts every parameter into a line of its debug log, written or not: this is all it gets."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


def statements_of_change(change: GraphChange) -> list[tuple[str, Rows]]:
    """Return the statements that write a change, with their rows.

    Rows are in the order of their numbers: writers that meet wait for one another and do not lock crosswise.

    Raises ValueError for a label or a type that the graph does not have.
    """
    edges = _edges_by_view(change.edges)
    return [
        *_written_nodes(change.nodes),
        *_removed_edges(change.replaced, edges),
        *_written_edges(edges),
        *_removed_nodes(change),
    ]


def _written_nodes(nodes: Iterable[NodeRow]) -> Iterator[tuple[str, Rows]]:
    """Each node once, as it was given last."""
    by_label: defaultdict[Label, dict[Node, NodeRow]] = defaultdict(dict)
    for node in nodes:
        by_label[node.label][node.tenant_id, node.number] = node
    for label, rows in sorted(by_label.items()):
        text = statement("write_nodes", label=label)
        yield from _in_parts(text, [(*name, _held_of_node(rows[name])) for name in sorted(rows)])


def _held_of_node(node: NodeRow) -> dict[str, object]:
    return {**held(node.properties), "tenantId": node.tenant_id, "number": node.number, "key": node.key}


def _edges_by_view(edges: Iterable[EdgeRow]) -> dict[EdgeView, dict[Pair, EdgeRow]]:
    """Each edge once, as it was given last."""
    by_view: defaultdict[EdgeView, dict[Pair, EdgeRow]] = defaultdict(dict)
    for edge in edges:
        by_view[edge.view][edge.tenant_id, edge.start, edge.end] = edge
    return by_view


def _removed_edges(
    replaced: Iterable[Replaced], edges: dict[EdgeView, dict[Pair, EdgeRow]]
) -> Iterator[tuple[str, Rows]]:
    """What is not written again. Where the ends are given, that is known here, and mostly nothing; else the server finds it."""
    pairs: defaultdict[EdgeView, set[Pair]] = defaultdict(set)
    starts: defaultdict[EdgeView, dict[Node, list[int]]] = defaultdict(dict)
    for each in replaced:
        tenant = each.tenant_id
        if each.ends is None:
            starts[each.view].update(((tenant, start), []) for start in each.starts)
        else:
            pairs[each.view].update((tenant, start, end) for start in each.starts for end in each.ends)
    for view, asked in sorted(pairs.items(), key=lambda item: item[0].name):
        gone = asked - edges.get(view, {}).keys()
        yield from _in_batches(_text("remove_edges", view), {pair: pair[1] for pair in gone})
    for view, kept in sorted(starts.items(), key=lambda item: item[0].name):
        for tenant, start, end in edges.get(view, {}):
            if (ends := kept.get((tenant, start))) is not None:
                ends.append(end)
        yield from _in_parts(_text("keep_edges", view), [(*start, kept[start]) for start in sorted(kept)])


def _written_edges(edges: dict[EdgeView, dict[Pair, EdgeRow]]) -> Iterator[tuple[str, Rows]]:
    for view, rows in sorted(edges.items(), key=lambda item: item[0].name):
        pairs = {pair: (pair[1], held(edge.properties)) for pair, edge in rows.items()}
        yield from _in_batches(_text("write_edges", view), pairs)


def _removed_nodes(change: GraphChange) -> Iterator[tuple[str, Rows]]:
    """One statement per label, few nodes first: in a transaction, every look-up costs as much as nodes were deleted before it."""
    by_label: defaultdict[Label, set[Node]] = defaultdict(set)
    for gone in change.gone:
        by_label[gone.label].update((gone.tenant_id, number) for number in gone.numbers)
    for label, rows in sorted(by_label.items(), key=lambda item: (len(item[1]), item[0])):
        if rows:
            yield statement("remove_nodes", label=label), Rows(sorted(rows))


def _text(name: str, view: EdgeView) -> str:
    return statement(name, start=view.start, type=view.type, end=view.end)


def _in_parts(text: str, rows: Sequence[object]) -> Iterator[tuple[str, Rows]]:
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        yield text, Rows(rows[first : first + _ROWS_AT_ONCE])


def _in_batches(text: str, pairs: Mapping[Pair, object]) -> Iterator[tuple[str, Rows]]:
    """Yield rows of what is said of pairs: those that end at the same node are one row."""
    in_order = sorted(pairs, key=lambda pair: (pair[0], pair[2], pair[1]))
    for first in range(0, len(in_order), _ROWS_AT_ONCE):
        rows: dict[Node, list[object]] = {}
        for pair in in_order[first : first + _ROWS_AT_ONCE]:
            rows.setdefault((pair[0], pair[2]), []).append(pairs[pair])
        yield text, Rows((*end, of_end) for end, of_end in rows.items())


WITHOUT_HOUR: Final[tuple[Label, ...]] = ("Run", "Model", "Tenant")
"""Labels whose nodes have no hour; they are digested once for each tenant. All edges have one."""


def digest_statements(*, of_hour: bool) -> dict[str, str]:
    """Return, by the names of views, the statements that digest what the graph holds of an hour, or what has none.

    An atom's edge to its source is of the source's hour, any other edge of its start's.
    """
    if not of_hour:
        return {NODE_VIEWS[label]: statement("node_digest", label=label) for label in WITHOUT_HOUR}
    nodes = {
        name: statement("node_digest_of_hour", label=label)
        for label, name in NODE_VIEWS.items()
        if label not in WITHOUT_HOUR
    }
    by_end = ("edge_digest_by_start", "edge_digest_by_end")
    return nodes | {view.name: _text(by_end[view.type == "INGESTED_FROM"], view) for view in EDGE_VIEWS}
