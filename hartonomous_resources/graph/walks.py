"""Walks through a graph, the same on every backend: level by level within limits, never one pattern of unbounded length."""

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Protocol

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import EDGE_VIEWS, Way
from hartonomous_resources.graph.protocol import Direction, Edge, Node, NodeId, Position

ANY_DISTANCE: Final = sys.maxsize
_LEADS_ON: Final[dict[Way, frozenset[Label]]] = {
    way: frozenset(view.here(way) for view in EDGE_VIEWS if view.is_followed(way)) for way in ("upstream", "downstream")
}
"""Labels from which lineage goes on that way."""
_CHEAP: Final = 1000
"""Nodes that a level of a path may have before the other end is tried."""
_AT_ONCE: Final = 10_000
"""Nodes of a level from which impact goes on at once."""


class View(Protocol):
    """One tenant's graph as it was at a time, in one transaction: what a backend answers about the next step."""

    def levels(
        self,
        frontiers: Mapping[Way, Collection[NodeId]],
        *,
        after: NodeId | None = None,
        until: NodeId | None = None,
        limit: int | None = None,
    ) -> Mapping[Way, Sequence[NodeId]]:
        """Go one level further each way: the nodes that lineage reaches from a frontier, those after and up to a node, the first `limit`.

        In order. Nodes of earlier levels may be among them.
        """

    def neighbours(self, nodes: Collection[NodeId], most: int) -> set[NodeId] | None:
        """Return the nodes one edge away, whichever way the edge points; None where it costs more than so many to tell."""

    def joined(self, nodes: Collection[NodeId], among: Collection[NodeId]) -> set[NodeId]:
        """Return those of `among` that are one edge away from one of the nodes, whichever way the edge points."""

    def edge_between(self, a: NodeId, b: NodeId) -> Edge:
        """Of the edges between two neighbours return the first by type, then the one from `a`."""

    def nodes(self, nodes: Sequence[NodeId]) -> list[Node]:
        """Return nodes in the order in which they are named here; one that is not there any more is left out."""

    def page(self, nodes: Sequence[NodeId], earlier: Sequence[NodeId]) -> tuple[list[Node], list[Edge]]:
        """Return the nodes of a page, and the edges that join them to one another or to earlier ones, in the order of the nodes' names."""

    def atoms_only_here(self, start: NodeId) -> int:
        """Count the atoms that stand in this source and in no other; 0 of what is no source."""


@dataclass(frozen=True, slots=True)
class Page:
    """Nodes in order of distance, label and number: those of a page, and all before them. `next` is where a further page goes on."""

    nodes: Sequence[NodeId]
    earlier: Sequence[NodeId]
    next: Position | None


def nearest(
    view: View, start: NodeId, direction: Direction, depth: int, limit: int, after: Position | None = None
) -> Page:
    """Find the first `limit` nodes after a position by distance, label and number, beginning with the start.

    Levels before the position are walked again, whole. After it, no level is asked for more than the page has room for, and the search
    ends once it is full.
    """
    walk = _Walk(view, start, ("upstream", "downstream") if direction == "both" else (direction,))
    earlier, found = ([start], []) if after and after >= (0, *start) else ([], [start])
    for distance in range(1, depth + 1):
        if len(found) > limit or not walk.go_on(distance):
            break
        last = None
        if after and distance <= after.distance:
            last = after.node if distance == after.distance else None
            earlier += walk.read(until=last)[0]
            if last is None:
                continue
        while len(found) <= limit:
            new, last = walk.read(after=last, limit=limit + 1 - len(found))
            found += new
            if last is None:
                break
    page = found[:limit]
    return Page(page, earlier, Position(walk.distances[page[-1]], *page[-1]) if len(found) > limit else None)


class _Walk:
    """A search level by level, each way by itself: what lies upstream is followed upwards only, and downstream downwards only."""

    def __init__(self, view: View, start: NodeId, ways: Sequence[Way]) -> None:
        self.distances = {start: 0}
        self._view = view
        self._seen = {way: {start} for way in ways}
        self._levels: dict[Way, list[NodeId]] = {way: [start] for way in ways}
        self._frontiers: dict[Way, list[NodeId]] = {}
        self._distance = 0

    def go_on(self, distance: int) -> bool:
        """Go on to the next level from what was read of the last; returns whether anything can lead there."""
        self._distance = distance
        self._frontiers = {
            way: [node for node in level if node[0] in _LEADS_ON[way]] for way, level in self._levels.items()
        }
        self._levels = {way: [] for way in self._levels}
        return any(self._frontiers.values())

    def read(
        self, after: NodeId | None = None, until: NodeId | None = None, limit: int | None = None
    ) -> tuple[list[NodeId], NodeId | None]:
        """Read a part of the level: nodes that were not found before, in order; and the last node that was read, where there may be more."""
        reached = self._view.levels(self._frontiers, after=after, until=until, limit=limit)
        nodes = sorted({node for level in reached.values() for node in level})
        last = None
        if limit is not None and any(len(level) >= limit for level in reached.values()):
            last = nodes[limit - 1]  # of the way that was cut off, nothing beyond its end is known
            nodes = nodes[:limit]
        for way, level in reached.items():
            fresh = [node for node in level if node not in self._seen[way] and (last is None or node <= last)]
            self._levels[way] += fresh
            self._seen[way].update(fresh)
        new = [node for node in nodes if node not in self.distances]
        self.distances |= dict.fromkeys(new, self._distance)
        return new, last


def count_downstream(view: View, start: NodeId) -> dict[str, int]:
    """Count by label the nodes that were made from a node, at any distance."""
    seen = {start}
    counts: Counter[str] = Counter()
    frontier = [start]
    while frontier:
        further: list[NodeId] = []
        for first in range(0, len(frontier), _AT_ONCE):
            reached = view.levels({"downstream": frontier[first : first + _AT_ONCE]})
            new = [node for node in reached["downstream"] if node not in seen]
            seen.update(new)
            counts.update(label for label, _ in new)
            further += (node for node in new if node[0] in _LEADS_ON["downstream"])
        frontier = further
    return dict(sorted(counts.items()))


def shortest_path(view: View, start: NodeId, end: NodeId, depth: int) -> list[NodeId]:
    """Find the shortest path; of several, the one whose nodes are first by label and number, step by step; none within the depth is [].

    Levels grow from both ends until an edge joins them, each time where it costs less: a run or a model that a million atoms share is not
    opened up unless the path leads through it.
    """
    if start == end:
        return [start]
    from_start, from_end = [{start}], [{end}]  # nodes by their distance from either end
    while len(from_start) + len(from_end) - 1 <= depth:
        if beyond := view.joined(from_start[-1], from_end[-1]):
            return _first_path(view, from_start, [beyond, *reversed(from_end[:-1])])
        if not _grow(view, from_start, from_end):
            return []
    return []


def _grow(view: View, from_start: list[set[NodeId]], from_end: list[set[NodeId]]) -> bool:
    """Add a level where it costs less; returns whether there was anything more at that end."""
    most = _CHEAP
    while True:
        for levels in sorted((from_start, from_end), key=lambda levels: len(levels[-1])):
            level = view.neighbours(levels[-1], most)
            if level is not None:
                # What is further back than one level is no neighbour of the last.
                levels.append(level.difference(*levels[-2:]))
                return bool(levels[-1])
        most *= 100


def _first_path(view: View, from_start: Sequence[set[NodeId]], to_end: Sequence[set[NodeId]]) -> list[NodeId]:
    """Return the first of the paths through these levels, of which each node after the start is on one."""
    steps = [to_end[0]]  # the nodes of all shortest paths, by their distance from the start
    for level in reversed(from_start[1:]):
        steps.insert(0, view.joined(steps[0], level))
    path = [min(from_start[0])]
    for among in (*steps, *to_end[1:]):
        path.append(min(view.joined(path[-1:], among)))
    return path


def edges_along(view: View, path: Sequence[NodeId]) -> list[Edge]:
    """Return an edge for each step of a path."""
    return [view.edge_between(a, b) for a, b in pairwise(path)]
