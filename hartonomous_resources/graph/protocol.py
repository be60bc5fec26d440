"""What a graph backend promises. Nodes and edges follow W3C PROV: atoms and sources are entities, runs and inferences activities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class GraphUnavailable(Exception):
    """The graph cannot be reached; events wait on ProvenanceQueue and nothing is lost."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node, named by label and key within its tenant. Keys: an atom's hash in lower-case hex, else an id as text."""

    tenant_id: int
    label: str
    key: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed edge between two nodes of one tenant, each given as (label, key)."""

    tenant_id: int
    start: tuple[str, str]
    type: str
    end: tuple[str, str]
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Part of the graph; `truncated` says that more lies beyond the limits asked for."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    truncated: bool


class Graph(Protocol):
    """The provenance graph."""

    @property
    def name(self) -> str:
        """How messages to people call this graph."""

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Write nodes, then edges, in one transaction; what is there already is updated. Raises GraphUnavailable."""

    def delete(self, nodes: Sequence[Node]) -> None:
        """Remove nodes and their edges."""

    def lineage(self, tenant_id: int, label: str, key: str, depth: int, limit: int) -> Subgraph:
        """Upstream and downstream of one node, each up to `depth` edges away, in stable order.

        At most `limit` nodes in all and `limit` edges a level; `truncated` says that this cut something off. What lies
        beyond `depth` was not asked for.

        Raises KeyError when the tenant has no such node.
        """

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        """Nodes by label and edges by type, of one tenant or of all."""

    def bytes_on_disk(self) -> int:
        """Bytes that the graph occupies here; 0 for a server elsewhere."""
