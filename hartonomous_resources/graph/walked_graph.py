"""The questions that a graph answers by walking, the same on every backend."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from hartonomous_resources.graph.protocol import Direction, Impact, NodeId, Position, Subgraph
from hartonomous_resources.graph.walks import (
    ANY_DISTANCE,
    View,
    count_downstream,
    edges_along,
    nearest,
    shortest_path,
)

Answer = TypeVar("Answer")


class WalkedGraph(ABC):
    """Answers what protocol.Graph says of lineage, path and impact from a backend's view of one tenant."""

    @abstractmethod
    def _look(
        self, tenant_id: int, as_of: str | None, starts: Sequence[NodeId], question: Callable[[View], Answer]
    ) -> Answer:
        """Ask a question in one transaction. Raises KeyError where a node to begin with is not there."""

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
        def answer(view: View) -> Subgraph:
            page = nearest(view, start, direction, depth, limit, after)
            return Subgraph(*view.page(page.nodes, page.earlier), page.next)

        return self._look(tenant_id, as_of, [start], answer)

    def path(self, tenant_id: int, start: NodeId, end: NodeId, depth: int, *, as_of: str | None = None) -> Subgraph:
        def answer(view: View) -> Subgraph:
            path = shortest_path(view, start, end, depth)
            return Subgraph(view.nodes(path), edges_along(view, path))

        return self._look(tenant_id, as_of, [start, end], answer)

    def impact(self, tenant_id: int, start: NodeId, limit: int) -> Impact:
        def answer(view: View) -> Impact:
            counts = count_downstream(view, start)
            first = nearest(view, start, "downstream", ANY_DISTANCE, limit, Position(0, *start))
            return Impact(counts, view.atoms_only_here(start), view.nodes(first.nodes), first.next is not None)

        return self._look(tenant_id, None, [start], answer)
