"""One step of a walk through the graph, as queries to Neo4j."""

import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import Way
from hartonomous_resources.graph.neo4j_connection import single_value
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import as_time, from_neo4j
from hartonomous_resources.graph.protocol import Edge, Node, NodeId

if TYPE_CHECKING:
    import neo4j

_WAYS: tuple[Way, ...] = ("upstream", "downstream")
_NAMES = ("number", "key")
"""What a node is called, beside its properties."""


@dataclass(frozen=True, slots=True)
class Neo4jView:
    """One tenant's graph as it was at a time, in one transaction."""

    transaction: "neo4j.ManagedTransaction"
    tenant_id: int
    as_of: str | None = None
    ids: dict[NodeId, str] = field(default_factory=dict)
    """The server's, which hold within the transaction, of the nodes that were met."""

    def query(self, name: str, label: str = "", **parameters: Any) -> Any:
        always = {"tenant_id": self.tenant_id, "as_of": as_time(self.as_of), "labels": list(LABELS)}
        return single_value(self.transaction, statement(name, label=label), **always, **parameters)

    def find(self, node: NodeId) -> None:
        """Find a node to begin with. Raises KeyError."""
        label, number = node
        found = self.query("node_by_number", label, number=number)
        if found is None:
            raise KeyError(node)
        self.ids[node] = found

    def nodes(self, nodes: Sequence[NodeId]) -> list[Node]:
        return self._nodes(nodes, self.query("nodes", page=self._ids(nodes)))

    def page(self, nodes: Sequence[NodeId], earlier: Sequence[NodeId]) -> tuple[list[Node], list[Edge]]:
        """Both in one statement, as `levels`."""
        found, page = [*nodes, *earlier], self._ids(nodes)
        held, rows = self.query("page", found=self._ids(found), page=page)
        edges = self._edges(found, rows)
        return self._nodes(nodes, held), sorted(edges, key=lambda edge: (edge.start, edge.type, edge.end))

    def atoms_only_here(self, start: NodeId) -> int:
        return int(self.query("atoms_only_here", id=self.ids[start]))

    def levels(
        self,
        frontiers: Mapping[Way, Collection[NodeId]],
        *,
        after: NodeId | None = None,
        until: NodeId | None = None,
        limit: int | None = None,
    ) -> Mapping[Way, Sequence[NodeId]]:
        """Both ways in one statement: every statement is a message there and back."""
        upstream, downstream = (self._ids(frontiers.get(way, ())) for way in _WAYS)
        levels = self.query(
            "level",
            upstream=upstream,
            downstream=downstream,
            after=after,
            until=until,
            n=sys.maxsize if limit is None else limit,
        )
        return {way: self._met(level) for way, level in zip(_WAYS, levels, strict=True) if way in frontiers}

    def neighbours(self, nodes: Collection[NodeId], most: int) -> set[NodeId] | None:
        found = self._met(self.query("neighbours", frontier=self._ids(nodes), n=most + 1))
        return set(found) if len(found) <= most else None

    def joined(self, nodes: Collection[NodeId], among: Collection[NodeId]) -> set[NodeId]:
        found = set(self.query("joined", nodes=self._ids(nodes), among=self._ids(among)))
        return {node for node in among if self.ids[node] in found}

    def edge_between(self, a: NodeId, b: NodeId) -> Edge:
        return self._edges([a, b], [self.query("edge_between", a=self.ids[a], b=self.ids[b])])[0]

    def _ids(self, nodes: Iterable[NodeId]) -> list[str]:
        return [self.ids[node] for node in nodes]

    def _met(self, rows: Iterable[tuple[str, Label, int]]) -> list[NodeId]:
        found = {(label, number): node_id for node_id, label, number in rows}
        self.ids.update(found)
        return list(found)

    def _nodes(self, nodes: Iterable[NodeId], rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Node]:
        held = dict(rows)
        return [
            Node(self.tenant_id, *node, held[node_id]["key"], _without_names(held[node_id]))
            for node in nodes
            if (node_id := self.ids[node]) in held
        ]

    def _edges(self, among: Iterable[NodeId], rows: Iterable[Any]) -> list[Edge]:
        labels = {self.ids[node]: node[0] for node in among}
        return [
            Edge(self.tenant_id, (labels[start], start_key), kind, (labels[end], end_key), from_neo4j(held))
            for (start, start_key), kind, (end, end_key), held in rows
        ]


def _without_names(properties: Mapping[str, Any]) -> dict[str, Any]:
    return from_neo4j({name: value for name, value in properties.items() if name not in _NAMES})
