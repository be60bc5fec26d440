"""The provenance graph in Neo4j, by the official driver."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from hartonomous_core.vocabulary import EDGE_TYPES, LABELS, Label
from hartonomous_resources.database.graph_views import EdgeView
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.graph.neo4j_connection import Neo4jConnection, single_value
from hartonomous_resources.graph.neo4j_digests import digest_statements
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import Rows
from hartonomous_resources.graph.neo4j_view import Neo4jView
from hartonomous_resources.graph.neo4j_writing import statements_of_change
from hartonomous_resources.graph.protocol import Digest, NodeId, belongs_to_another_database
from hartonomous_resources.graph.walked_graph import Answer, WalkedGraph
from hartonomous_resources.graph.walks import View
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    import neo4j


class Neo4jGraph(WalkedGraph):
    """Nodes and relationships of one database, that of `owner` if given. Its schema is brought up to date at first use."""

    def __init__(self, settings: Settings, owner: Callable[[], str] | None = None) -> None:
        self._connection = Neo4jConnection(settings, owner)

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
            for text, parameters in statements:
                transaction.run(text, parameters).consume()

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

    def _look(
        self, tenant_id: int, as_of: str | None, starts: Sequence[NodeId], question: Callable[[View], Answer]
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


def _edges_of_tenant(transaction: Any, tenant_id: int, labels: Iterable[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for label in labels:
        counts.update(dict(single_value(transaction, statement("edges_of_tenant", label=label), tenant_id=tenant_id)))
    return dict(sorted(counts.items()))


def _without_zeros(counts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
