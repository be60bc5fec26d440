"""The interface of a graph that is a copy of the views: Neo4j. What it holds is what they say, a row for each node and edge."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EdgeView
from hartonomous_resources.graph.protocol import Digest, Graph, Node


class EdgeRow(NamedTuple):
    """A row of an edge view, its ends given by their numbers. A tuple, for there are very many."""

    tenant_id: int
    view: EdgeView
    start: int
    end: int
    properties: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Replaced:
    """Edges of a view from these starts (to these ends, if given): what is not written with them goes, for the views no longer have it."""

    tenant_id: int
    view: EdgeView
    starts: Collection[int]
    ends: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class Gone:
    """Nodes that the views no longer have, with all their edges."""

    tenant_id: int
    label: Label
    numbers: Collection[int]


@dataclass(frozen=True, slots=True)
class GraphChange:
    """What is written at once; no node is both written and gone.

    An edge whose ends are not both there is not written: what brings the missing end writes it.
    """

    nodes: Sequence[Node] = ()
    edges: Sequence[EdgeRow] = ()
    replaced: Sequence[Replaced] = ()
    gone: Sequence[Gone] = ()


@runtime_checkable
class MaterializedGraph(Graph, Protocol):
    """A graph of its own, which may be down, late, or of another database."""

    def claim(self, owner: str) -> None:
        """Claim the graph for a database before writing to it; it stays that database's.

        Raises GraphUnavailable when it belongs to another database, whose numbers mean something else, or is of an older layout.
        """

    def write(self, change: GraphChange) -> None:
        """Write a change in one transaction: nodes, then edges; what is there already is updated. Twice is as once. Raises GraphUnavailable."""

    def digests(self, tenant_id: int, hour: str | None) -> dict[str, Digest]:
        """Digest what the graph holds of a tenant and hour, or of what has no hour, by the name of each node and edge view."""

    def numbers(self, tenant_id: int, label: Label, after: int, limit: int) -> list[int]:
        """Return the next `limit` numbers of a label above `after`, in order: for a walk over all that the graph holds."""

    def starts(self, tenant_id: int, view: EdgeView, end: int, after: int, limit: int) -> list[int]:
        """Return the next `limit` numbers above `after` of nodes that edges of a view lead from to one node, in order."""

    def atoms_by_hash(self, tenant_id: int, hashes: Collection[str]) -> list[int]:
        """Return the numbers of the atoms that have these hashes in lower-case hex, in order."""
