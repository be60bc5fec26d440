"""One step of a walk through the graph, as queries to Neo4j."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hartonomous_core.vocabulary import LABELS, EdgeType, Label
from hartonomous_resources.graph.neo4j_connection import single_value
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import as_time, from_neo4j, node_properties
from hartonomous_resources.graph.protocol import Edge, Name, Node
from hartonomous_resources.graph.walks import Way

if TYPE_CHECKING:
    import neo4j

_IDS_AT_ONCE = 10_000
_WAYS: tuple[Way, ...] = ("upstream", "downstream")


@dataclass(frozen=True, slots=True)
class Neo4jView:
    """One tenant's graph as it was at a time, in one transaction. Ids are the server's and hold within it."""

    transaction: "neo4j.ManagedTransaction"
    tenant_id: int
    as_of: str | None = None

    def query(self, name: str, label: str = "", **parameters: Any) -> Any:
        always = {"tenant_id": self.tenant_id, "as_of": as_time(self.as_of), "labels": list(LABELS)}
        return single_value(self.transaction, statement(name, label=label), **always, **parameters)

    def id_of(self, label: Label, key: str) -> str:
        found = self.query("node_by_key", label, key=key) if label in LABELS else None
        if found is None:
            raise KeyError(f"no {label} {key} in tenant {self.tenant_id}")
        return str(found)

    def nodes(self, names: dict[str, Name]) -> list[Node]:
        """Nodes, in the order in which they are named here; one that was deleted meanwhile is left out."""
        return self._nodes(names, self.query("nodes", page=list(names)))

    def page(self, found: dict[str, Name], skip: int) -> tuple[list[Node], list[Edge]]:
        """What was found after the first `skip` nodes, and its edges to one another and to those, in the order of their ends' names."""
        page = dict(list(found.items())[skip:])
        nodes, rows = self.query("page", found=list(found), page=list(page))
        edges = [
            Edge(self.tenant_id, found[start], kind, found[end], from_neo4j(held)) for start, kind, end, held in rows
        ]
        return self._nodes(page, nodes), sorted(edges, key=lambda edge: (edge.start, edge.type, edge.end))

    def _nodes(self, names: dict[str, Name], rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Node]:
        held = dict(rows)
        return [
            Node(self.tenant_id, *name, node_properties(held[node_id]))
            for node_id, name in names.items()
            if node_id in held
        ]

    def levels(
        self, frontiers: Mapping[Way, Sequence[str]], seen: Mapping[Way, AbstractSet[str]], limit: int
    ) -> Mapping[Way, Sequence[tuple[str, Name, bool]]]:
        """Both ways in one statement: every statement is a message there and back."""
        upstream, downstream = (list(frontiers.get(way, ())) for way in _WAYS)
        levels = self.query("level", upstream=upstream, downstream=downstream, n=limit)
        return {
            way: [(node_id, (label, key), leads_further) for node_id, label, key, leads_further in level]
            for way, level in zip(_WAYS, levels, strict=True)
            if way in frontiers
        }

    def neighbours(self, frontier: AbstractSet[str], seen: AbstractSet[str]) -> set[str]:
        return set(self.query("neighbours", frontier=list(frontier))) - seen

    def neighbours_among(self, frontier: Collection[str], among: Collection[str], limit: int) -> dict[str, Name]:
        from_among = self.cost(among) < self.cost(frontier)
        walked, others = (among, frontier) if from_among else (frontier, among)
        found = self.query("joined", walked=list(walked), others=list(others), of_walked=from_among, n=limit)
        return {node_id: (label, key) for node_id, label, key in found}

    def cost(self, level: Collection[str]) -> int:
        """How many edges the nodes have."""
        return int(self.query("degree", frontier=list(level)))

    def edge_between(self, a: str, b: str) -> tuple[EdgeType, bool, dict[str, Any]]:
        kind, along, held = self.query("edge_between", a=a, b=b)
        return kind, along, from_neo4j(held)


def count_downstream(view: Neo4jView, start: str) -> dict[str, int]:
    """Count by label the nodes that were made from a node, at any distance."""
    seen = {start}
    counts: Counter[str] = Counter()
    frontier = [start]
    while frontier:
        further = []
        for first in range(0, len(frontier), _IDS_AT_ONCE):
            for node_id, label, leads_further in view.query(
                "downstream", frontier=frontier[first : first + _IDS_AT_ONCE]
            ):
                if node_id not in seen:
                    seen.add(node_id)
                    counts[label] += 1
                    if leads_further:
                        further.append(node_id)
        frontier = further
    return dict(sorted(counts.items()))
