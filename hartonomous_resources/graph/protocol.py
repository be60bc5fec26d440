"""The interface of graph backends. Nodes and edges follow W3C PROV: atoms and sources are entities, runs and inferences activities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from hartonomous_core.vocabulary import EdgeType, Label

Name = tuple[Label, str]
"""Label and key: what names a node within its tenant."""


class GraphUnavailable(Exception):
    """The graph, which the message names, cannot be reached or belongs to another database. Events wait and nothing is lost."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node, named by label and key within its tenant. Keys: an atom's hash in lower-case hex, else an id as text."""

    tenant_id: int
    label: Label
    key: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed edge between two nodes of one tenant, each given by its name."""

    tenant_id: int
    start: Name
    type: EdgeType
    end: Name
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Part of the graph; `truncated` says that more lies beyond the limits asked for."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Impact:
    """What depends on a node: `counts` by label are of all of it, `nodes` the first of them in stable order.

    `only_here` counts the atoms that would be left without any source if the node were a source that went.
    """

    counts: Mapping[str, int]
    only_here: int
    nodes: Sequence[Node]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Digest:
    """How many, and a sum over them that does not depend on their order: see hartonomous_resources/work/agreement.py."""

    count: int
    total: int


Direction = Literal["upstream", "downstream", "both"]


def belongs_to_another_database(name: str, owner: str) -> GraphUnavailable:
    """Make the error for a graph that belongs to another database."""
    return GraphUnavailable(
        f"{name} belongs to the Hartonomous database that was made at {owner}; give each its own, or empty it first (docs/operations.md)"
    )


class Graph(Protocol):
    """The provenance graph.

    Nodes and edges may carry the property `since`, the UTC time (text, as the tables hold it) at which they came to be; what has
    none has always been. Edges point from what was made to what it was made from: along them is upstream. Two types are exceptions for
    `lineage` and `impact`. PRODUCED_ATOM points the other way and is not followed: the atom's GENERATED_BY to the inference says the same.
    SUPERSEDES is followed upstream only: nothing that was made of the new version was made of the old one.
    """

    @property
    def name(self) -> str:
        """The name of this graph in messages to people."""

    def claim(self, owner: str) -> None:
        """Claim the graph for a database before writing to it; it stays that database's.

        Raises GraphUnavailable when it belongs to another database, whose ids mean something else.
        """

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        """Write nodes, then edges, in one transaction; what is there already is updated. Raises GraphUnavailable."""

    def delete(self, nodes: Sequence[Node]) -> None:
        """Remove nodes and their edges."""

    def lineage(
        self,
        tenant_id: int,
        label: Label,
        key: str,
        depth: int,
        limit: int,
        *,
        direction: Direction = "both",
        as_of: str | None = None,
        skip: int = 0,
    ) -> Subgraph:
        """Find what lies upstream and downstream of one node, each up to `depth` edges away, in stable order: by distance, then label, then key.

        Upstream is followed upwards only, and downstream downwards only. A page has the nodes `skip` to `skip + limit` and the edges by
        which they were reached or that join them to nodes of this and earlier pages; `truncated` says that a further page has more.
        What lies beyond `depth` was not asked for. With `as_of`, what came to be later is not there.

        Raises KeyError when the tenant has no such node.
        """

    def path(self, tenant_id: int, start: Name, end: Name, depth: int, *, as_of: str | None = None) -> Subgraph:
        """Find one shortest path of at most `depth` edges between two nodes, along edges in either direction; empty when there is none.

        Nodes are in the order of the path. Of several shortest paths it is always the same one.

        Raises KeyError when the tenant has no such node.
        """

    def impact(self, tenant_id: int, label: Label, key: str, limit: int) -> Impact:
        """Find everything downstream of a node at any distance: what would be affected if it went or were replaced.

        Raises KeyError when the tenant has no such node.
        """

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        """Count nodes by label and edges by type, of one tenant or of all."""

    def digests(self, tenant_id: int, hour: str) -> dict[str, Digest]:
        """Digest an hour of a tenant: `atoms`, `sources` and `inferences` whose property `ingestHour` it is, `edges`, the INGESTED_FROM
        edges to those sources, and `uses`, the USED_ATOM and PRODUCED_ATOM edges of those inferences. The sums are of the property
        `digest` of each."""

    def keys(self, tenant_id: int, label: Label, after: str, limit: int) -> list[str]:
        """Return the next `limit` keys of a label in text order, for a walk over all of them."""

    def close(self) -> None:
        """Give back connections; the next use opens new ones."""

    def bytes_on_disk(self) -> int:
        """Bytes that the graph occupies here; 0 for a server elsewhere."""
