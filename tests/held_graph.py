"""A copy of the graph in dictionaries, which does what the protocol says and nothing more, and what a copy must hold by the views."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, EdgeView
from hartonomous_resources.graph.materialized import EdgeRow, GraphChange, MaterializedGraph
from hartonomous_resources.graph.neo4j_values import from_neo4j
from hartonomous_resources.graph.protocol import Digest, GraphUnavailable, Node
from tests.backends import rows
from tests.tools.neo4j.server import Address, run_cypher, shared_address

Content = dict[tuple[Any, ...], dict[str, Any]]
"""Properties of nodes by (tenant, view, number), of edges by (tenant, view, start, end)."""


class HeldGraph(MaterializedGraph):
    """Nodes and edges in memory."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[int, Label, int], Node] = {}
        self.edges: dict[tuple[int, EdgeView, int, int], EdgeRow] = {}
        self.owner: str | None = None

    @property
    def name(self) -> str:
        return "memory"

    def claim(self, owner: str) -> None:
        self.owner = self.owner or owner
        if self.owner != owner:
            raise GraphUnavailable("of another database")

    def write(self, change: GraphChange) -> None:
        for gone in change.gone:
            self._remove({(gone.tenant_id, gone.label, number) for number in gone.numbers})
        self.nodes.update({(node.tenant_id, node.label, node.number): node for node in change.nodes})
        for each in change.replaced:
            starts, ends = set(each.starts), None if each.ends is None else set(each.ends)
            for tenant, view, start, end in list(self.edges):
                if (tenant, view) == (each.tenant_id, each.view) and start in starts and (ends is None or end in ends):
                    del self.edges[tenant, view, start, end]
        for edge in change.edges:
            if {
                (edge.tenant_id, edge.view.start, edge.start),
                (edge.tenant_id, edge.view.end, edge.end),
            } <= self.nodes.keys():
                self.edges[edge.tenant_id, edge.view, edge.start, edge.end] = edge

    def _remove(self, gone: Collection[tuple[int, Label, int]]) -> None:
        for node in gone:
            self.nodes.pop(node, None)
        for tenant, view, start, end in list(self.edges):
            if (tenant, view.start, start) in gone or (tenant, view.end, end) in gone:
                del self.edges[tenant, view, start, end]

    def digests(self, tenant_id: int, hour: str | None) -> dict[str, Digest]:
        counts: Counter[str] = Counter()
        totals: Counter[str] = Counter()
        named = [
            (NODE_VIEWS[label], node, node) for (tenant, label, _), node in self.nodes.items() if tenant == tenant_id
        ]
        for (tenant, view, start, end), edge in self.edges.items():
            if tenant == tenant_id:
                by = ("Source", end) if view.type == "INGESTED_FROM" else (view.start, start)
                named.append((view.name, edge, self.nodes[tenant, *by]))
        for view, row, of_hour in named:
            if of_hour.properties.get("ingestHour") == hour:
                counts[view] += 1
                totals[view] += row.properties["digest"]
        return {view: Digest(n, totals[view]) for view, n in counts.items()}

    def numbers(self, tenant_id: int, label: Label, after: int, limit: int) -> list[int]:
        return sorted(n for tenant, of, n in self.nodes if (tenant, of) == (tenant_id, label) and n > after)[:limit]

    def starts(self, tenant_id: int, view: EdgeView, end: int, after: int, limit: int) -> list[int]:
        found = (s for tenant, of, s, e in self.edges if (tenant, of, e) == (tenant_id, view, end) and s > after)
        return sorted(found)[:limit]

    def atoms_by_hash(self, tenant_id: int, hashes: Collection[str]) -> list[int]:
        return sorted(
            number
            for (tenant, label, number), node in self.nodes.items()
            if (tenant, label) == (tenant_id, "Atom") and node.key in hashes
        )

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        nodes = Counter(label for tenant, label, _ in self.nodes if tenant_id in (None, tenant))
        edges = Counter(view.type for tenant, view, *_ in self.edges if tenant_id in (None, tenant))
        return dict(nodes), dict(edges)

    def keys_of(self, label: Label, tenant_id: int = 0) -> list[str]:
        """The keys of nodes, in order."""
        return sorted(node.key for (tenant, of, _), node in self.nodes.items() if (tenant, of) == (tenant_id, label))

    def content(self, tenant_id: int | None = None) -> Content:
        """All that is held, of a tenant or of all."""
        content: Content = {}
        for (tenant, label, number), node in self.nodes.items():
            content[tenant, NODE_VIEWS[label], number] = {"key": node.key, **node.properties}
        for (tenant, view, start, end), edge in self.edges.items():
            content[tenant, view.name, start, end] = dict(edge.properties)
        return {key: properties for key, properties in content.items() if tenant_id in (None, key[0])}

    def close(self) -> None:
        """Nothing to give back."""


def content_of(graph: MaterializedGraph) -> Content:
    """All that a copy holds: one in memory, or the tests' Neo4j."""
    return graph.content() if isinstance(graph, HeldGraph) else content_of_server(shared_address())


def content_of_server(address: Address) -> Content:
    """All that a Neo4j holds, and nobody else wrote."""
    content: Content = {}
    nodes = "MATCH (n) WHERE n.tenantId IS NOT NULL RETURN labels(n)[0] AS label, properties(n) AS p"
    for row in run_cypher(address, nodes):
        number = row["p"].pop("number")
        content[row["p"]["tenantId"], NODE_VIEWS[row["label"]], number] = from_neo4j(row["p"])
    edges = (
        "MATCH (a)-[r]->(b) RETURN a.tenantId AS tenant, labels(a)[0] + '_' + type(r) + '_' + labels(b)[0] AS view,"
        " a.number AS start, b.number AS end, properties(r) AS p"
    )
    for row in run_cypher(address, edges):
        content[row["tenant"], row["view"], row["start"], row["end"]] = from_neo4j(row["p"])
    return content


def content_of_views(client: Any) -> Content:
    """All that the views of a store have."""
    content: Content = {}
    for view in NODE_VIEWS.values():
        for row in rows(client, f"SELECT * FROM {view}"):
            content[row["TenantId"], view, row["Number"]] = _properties(row, {"Label", "Number"})
    for edges in EDGE_VIEWS:
        names = {"TenantId", "FromLabel", "FromNumber", "ToLabel", "ToNumber"}
        for row in rows(client, f"SELECT * FROM {edges.name}"):
            content[row["TenantId"], edges.name, row["FromNumber"], row["ToNumber"]] = _properties(row, names)
    return content


def _properties(row: dict[str, Any], names: set[str]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in row.items() if name not in names and value is not None}


def forget_source(client: Any, source_id: int) -> None:
    """Delete a source, and the atoms that nothing else holds, as an erasure does."""
    cursor = client.cursor()
    atoms = rows(client, "SELECT DISTINCT AtomId AS id FROM SourceAtom WHERE SourceId = ?", source_id)
    cursor.execute("UPDATE Source SET Status = 'Erased' WHERE SourceId = ?", (source_id,))
    cursor.execute("UPDATE Source SET SupersededBy = NULL WHERE SupersededBy = ?", (source_id,))
    for table in ("SourceAtom", "SourceRun", "Source"):
        cursor.execute(f"DELETE FROM {table} WHERE SourceId = ?", (source_id,))
    only = "InsertedByHand = 0 AND NOT EXISTS (SELECT 1 FROM SourceAtom WHERE SourceAtom.AtomId = Atom.AtomId)"
    for atom in atoms:
        for table in ("AtomEmbedding", "AtomContent"):
            held = f"DELETE FROM {table} WHERE AtomId IN (SELECT AtomId FROM Atom WHERE AtomId = ? AND {only})"
            cursor.execute(held, (atom["id"],))
        cursor.execute(f"DELETE FROM Atom WHERE AtomId = ? AND {only}", (atom["id"],))
    client.commit()
