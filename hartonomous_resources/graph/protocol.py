"""The interface of the provenance graph. Nodes and edges follow W3C PROV: atoms and sources are entities, runs and inferences activities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from hartonomous_core.vocabulary import EdgeType, Label

NodeId = tuple[Label, int]
"""Label and number: what names a node within its tenant."""
Name = tuple[Label, str]
"""Label and key: what people call a node. Keys: an atom's hash in lower-case hex, else an id or a name as text."""


class Position(NamedTuple):
    """A place in a lineage, whose nodes are in order of distance, label and number: that of the last node of a page."""

    distance: int
    label: Label
    number: int

    @property
    def node(self) -> NodeId:
        """The node there."""
        return self.label, self.number


class GraphUnavailable(Exception):
    """The graph, which the message names, cannot be reached or belongs to another database. Events wait and nothing is lost."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `properties` are what its view shows of it; what is NULL there is left out."""

    tenant_id: int
    label: Label
    number: int
    key: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edge:
    """A typed edge between two nodes of one tenant."""

    tenant_id: int
    start: Name
    type: EdgeType
    end: Name
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subgraph:
    """Part of the graph. Where more lies beyond the limits asked for, `next` is the position after which that begins."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    next: Position | None = None


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
    """The provenance graph, to be asked.

    Nodes and edges may have the property `since`, the UTC time (text, as the tables hold it) at which they came to be; what has
    none has always been. Edges point from what was made to what it was made from: along them is upstream. Two types are exceptions for
    `lineage` and `impact`. PRODUCED_ATOM points the other way and is not followed: the atom's GENERATED_BY to the inference says the same.
    SUPERSEDES is followed upstream only: nothing that was made of the new version was made of the old one.

    Nodes are asked for by label and number; the database knows those of a key. Every question raises KeyError, with the node, when the
    tenant's graph does not have it, and GraphUnavailable or a DatabaseError when the graph cannot be reached.
    """

    @property
    def name(self) -> str:
        """The name of this graph in messages to people."""

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
        """Find what lies upstream and downstream of one node, each up to `depth` edges away, in stable order: by distance, label and number.

        Upstream is followed upwards only, and downstream downwards only. A page has the first `limit` nodes, or those after a position,
        and the edges by which they were reached or that join them to nodes of this and earlier pages. A node that comes between two
        pages shifts nothing. What lies beyond `depth` was not asked for. With `as_of`, what came to be later is not there.
        """

    def path(self, tenant_id: int, start: NodeId, end: NodeId, depth: int, *, as_of: str | None = None) -> Subgraph:
        """Find one shortest path of at most `depth` edges between two nodes, along edges in either direction; empty when there is none.

        Nodes are in the order of the path. Of several shortest paths it is always the same one.
        """

    def impact(self, tenant_id: int, start: NodeId, limit: int) -> Impact:
        """Find everything downstream of a node at any distance: what would be affected if it went or were replaced."""

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        """Count nodes by label and edges by type, of one tenant or of all."""

    def close(self) -> None:
        """Give back connections; the next use opens new ones."""
