"""The provenance graph in Neo4j, by the official driver."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from hartonomous_core.vocabulary import EDGE_TYPES, LABELS, EdgeType, Label
from hartonomous_resources.database.graph_views import EdgeView
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.graph.neo4j_connection import Neo4jConnection, single_value
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import node_row, to_neo4j
from hartonomous_resources.graph.neo4j_view import Neo4jView
from hartonomous_resources.graph.neo4j_writing import Rows, digest_statements, statements_of_change
from hartonomous_resources.graph.protocol import (
    Digest,
    Direction,
    Edge,
    Impact,
    Node,
    NodeId,
    Position,
    Subgraph,
    belongs_to_another_database,
)
from hartonomous_resources.graph.walks import ANY_DISTANCE, count_downstream, edges_along, nearest, shortest_path
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import neo4j

_ROWS_AT_ONCE = 10_000
Answer = TypeVar("Answer")


class Neo4jGraph:
    """Nodes and relationships of one database. Its schema is brought up to date at first use."""

    def __init__(self, settings: Settings) -> None:
        self._connection = Neo4jConnection(settings)

    @property
    def name(self) -> str:
        return self._connection.name

    def close(self) -> None:
        self._connection.close()

    def claim(self, owner: str) -> None:
        def work(transaction: "neo4j.ManagedTransaction") -> str:
            transaction.run(statement("claim"), owner=owner).consume()
            return str(single_value(transaction, statement("owner")))

        if (found := self._connection.write(work)) != owner:
            raise belongs_to_another_database(self.name, found)

    def write(self, change: GraphChange) -> None:
        statements = statements_of_change(change)

        def work(transaction: "neo4j.ManagedTransaction") -> None:
            for text, rows in statements:
                transaction.run(text, rows=rows).consume()

        if statements:
            self._connection.write(work)

    def numbers(self, tenant_id: int, label: Label, after: int, limit: int) -> list[int]:
        return self._ask(statement("numbers", label=label), tenant_id=tenant_id, after=after, n=limit)

    def starts(self, tenant_id: int, view: EdgeView, end: int, after: int, limit: int) -> list[int]:
        text = statement("starts", start=view.start, type=view.type, end=view.end)
        return self._ask(text, tenant_id=tenant_id, end=end, after=after, n=limit)

    def atoms_by_hash(self, tenant_id: int, hashes: Collection[str]) -> list[int]:
        return self._ask(statement("atoms_by_hash"), tenant_id=tenant_id, hashes=Rows(hashes))

    def _ask(self, text: str, **parameters: object) -> list[int]:
        def work(transaction: "neo4j.ManagedTransaction") -> list[int]:
            found: list[int] = single_value(transaction, text, **parameters)
            return found

        return self._connection.read(work)

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        def work(transaction: "neo4j.ManagedTransaction") -> None:
            for text, rows in chain(_node_writes(nodes), _edge_writes(edges)):
                transaction.run(text, rows=rows).consume()

        if nodes or edges:
            self._connection.write(work)

    def delete(self, nodes: Sequence[Node]) -> None:
        keys: defaultdict[tuple[int, str], set[str]] = defaultdict(set)
        for node in nodes:
            keys[node.tenant_id, node.label].add(node.key)

        def work(transaction: "neo4j.ManagedTransaction") -> None:
            for (tenant_id, label), of_label in sorted(keys.items()):
                text = statement("delete_nodes", label=label)
                transaction.run(text, tenant_id=tenant_id, keys=sorted(of_label)).consume()

        if keys:
            self._connection.write(work)

    def lineage(
        self,
        tenant_id: int,
        start: NodeId,
        depth: int,
        limit: int,
        *,
        direction: Direction = "both",
        as_of: str | None = None,
        after: Position | None = None,
    ) -> Subgraph:
        def answer(view: Neo4jView) -> Subgraph:
            page = nearest(view, start, direction, depth, limit, after)
            return Subgraph(*view.page(page.nodes, page.earlier), page.next)

        return self._look(tenant_id, as_of, [start], answer)

    def path(self, tenant_id: int, start: NodeId, end: NodeId, depth: int, *, as_of: str | None = None) -> Subgraph:
        def answer(view: Neo4jView) -> Subgraph:
            path = shortest_path(view, start, end, depth)
            return Subgraph(view.nodes(path), edges_along(view, path))

        return self._look(tenant_id, as_of, [start, end], answer)

    def impact(self, tenant_id: int, start: NodeId, limit: int) -> Impact:
        def answer(view: Neo4jView) -> Impact:
            counts = count_downstream(view, start)
            first = nearest(view, start, "downstream", ANY_DISTANCE, limit, Position(0, *start))
            return Impact(counts, view.atoms_only_here(start), view.nodes(first.nodes), first.next is not None)

        return self._look(tenant_id, None, [start], answer)

    def _look(
        self, tenant_id: int, as_of: str | None, starts: Iterable[NodeId], question: Callable[[Neo4jView], Answer]
    ) -> Answer:
        def work(transaction: "neo4j.ManagedTransaction") -> Answer:
            view = Neo4jView(transaction, tenant_id, as_of)
            for start in starts:
                view.find(start)
            return question(view)

        return self._connection.read(work)

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        def work(transaction: "neo4j.ManagedTransaction") -> tuple[dict[str, int], dict[str, int]]:
            nodes: dict[str, int] = {
                label: single_value(transaction, statement("all_nodes", label=label)) for label in LABELS
            }
            if tenant_id is not None:
                of_all, nodes = nodes, {label: 0 for label in LABELS}
                for label in filter(of_all.get, LABELS):
                    text = statement("nodes_of_tenant", label=label)
                    nodes[label] = single_value(transaction, text, tenant_id=tenant_id)
                if nodes != of_all:
                    return _without_zeros(nodes), _edges_of_tenant(transaction, tenant_id, _without_zeros(nodes))
            # The server keeps count of all edges; where no other tenant has a node, they are this tenant's.
            edges: dict[str, int] = {
                name: single_value(transaction, statement("all_edges", type=name)) for name in EDGE_TYPES
            }
            return _without_zeros(nodes), _without_zeros(edges)

        return self._connection.read(work)

    def digests(self, tenant_id: int, hour: str | None) -> dict[str, Digest]:
        texts = digest_statements(of_hour=hour is not None)

        def work(transaction: "neo4j.ManagedTransaction") -> dict[str, Digest]:
            digests = {
                name: Digest(*single_value(transaction, text, tenant_id=tenant_id, hour=hour))
                for name, text in texts.items()
            }
            return {name: digest for name, digest in digests.items() if digest.count}

        return self._connection.read(work)

    def keys(self, tenant_id: int, label: Label, after: str, limit: int) -> list[str]:
        text = statement("keys", label=label)

        def work(transaction: "neo4j.ManagedTransaction") -> list[str]:
            found: list[str] = single_value(transaction, text, tenant_id=tenant_id, after=after, n=limit)
            return found

        return self._connection.read(work)

    def bytes_on_disk(self) -> int:
        return 0


def _node_writes(nodes: Iterable[Node]) -> Iterator[tuple[str, Rows]]:
    """Yield a statement per label, with its rows: each node once, as it was given last.

    They are in the order of their keys: writers that meet wait for one another and do not lock crosswise.
    """
    by_label: defaultdict[str, dict[tuple[int, str], Any]] = defaultdict(dict)
    for node in nodes:
        by_label[node.label][node.tenant_id, node.key] = node_row(node)
    for label, rows in sorted(by_label.items()):
        in_order = [rows[name] for name in sorted(rows)]
        for first in range(0, len(in_order), _ROWS_AT_ONCE):
            yield statement("merge_nodes", label=label), Rows(in_order[first : first + _ROWS_AT_ONCE])


def _edge_writes(edges: Iterable[Edge]) -> Iterator[tuple[str, Rows]]:
    """Yield a statement per type and labels of the ends, with its rows: each edge once, as it was given last, in the order of keys.

    The edges that end at the same node are one row.
    """
    by_ends: defaultdict[tuple[Label, EdgeType, Label], defaultdict[tuple[int, str], dict[str, Any]]]
    by_ends = defaultdict(lambda: defaultdict(dict))
    for edge in edges:
        (start_label, start), (end_label, end) = edge.start, edge.end
        by_ends[start_label, edge.type, end_label][edge.tenant_id, end][start] = to_neo4j(edge.properties)
    for (start_label, kind, end_label), by_end in sorted(by_ends.items()):
        text = statement("merge_edges", start=start_label, type=kind, end=end_label)
        for batch in _edge_batches(by_end):
            yield text, batch


def _edge_batches(by_end: dict[tuple[int, str], dict[str, Any]]) -> Iterator[Rows]:
    batch, size = Rows(), 0
    for (tenant_id, end), by_start in sorted(by_end.items()):
        pairs = [(start, by_start[start]) for start in sorted(by_start)]
        for first in range(0, len(pairs), _ROWS_AT_ONCE):
            part = pairs[first : first + _ROWS_AT_ONCE]
            if size + len(part) > _ROWS_AT_ONCE:
                yield batch
                batch, size = Rows(), 0
            batch.append((tenant_id, end, part))
            size += len(part)
    if batch:
        yield batch


def _edges_of_tenant(transaction: Any, tenant_id: int, labels: Iterable[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for label in labels:
        counts.update(dict(single_value(transaction, statement("edges_of_tenant", label=label), tenant_id=tenant_id)))
    return dict(sorted(counts.items()))


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
