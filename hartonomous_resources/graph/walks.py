"""Walks through a graph, the same on every backend: level by level within limits, never one pattern of unbounded length."""

import sys
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any, Final, Literal, Protocol, TypeVar

from hartonomous_core.vocabulary import EdgeType
from hartonomous_resources.graph.protocol import Direction, Edge, Name

Way = Literal["upstream", "downstream"]
Id = TypeVar("Id", int, str)
"""What a backend calls a node within one transaction."""

ANY_DISTANCE: Final = sys.maxsize
_ALL: Final = sys.maxsize


class View(Protocol[Id]):
    """One tenant's graph as it was at a time, in one transaction: what a backend answers about the next step."""

    @property
    def tenant_id(self) -> int:
        """The tenant whose graph it is."""

    def levels(
        self, frontiers: Mapping[Way, Sequence[Id]], seen: Mapping[Way, AbstractSet[Id]], limit: int
    ) -> Mapping[Way, Sequence[tuple[Id, Name, bool]]]:
        """Go one level further each way: the first `limit` nodes by name that lineage reaches from a frontier, and whether each may lead further.

        Those of `seen` may be left out.
        """

    def neighbours(self, frontier: AbstractSet[Id], seen: AbstractSet[Id]) -> set[Id]:
        """Nodes one edge away from the frontier, whichever way the edge points, without those of `seen`."""

    def neighbours_among(self, frontier: Collection[Id], among: Collection[Id], limit: int) -> dict[Id, Name]:
        """Those of `among` that are one edge away from the frontier, with their names, the first `limit` by name."""

    def cost(self, level: AbstractSet[Id]) -> int:
        """What it costs to go on from a level, in any unit."""

    def edge_between(self, a: Id, b: Id) -> tuple[EdgeType, bool, dict[str, Any]]:
        """Of the edges between two neighbours the first by type, then the one from `a`: type, whether it is from `a`, properties."""


def nearest(view: View[Id], start: tuple[Id, Name], direction: Direction, depth: int, limit: int) -> dict[Id, Name]:
    """Find the first `limit` nodes by distance, label and key, with their names, beginning with the start.

    A level is asked for `limit` nodes at most. Where that cuts it off, the search ends with it: as many are found then.
    """
    ways: tuple[Way, ...] = ("upstream", "downstream") if direction == "both" else (direction,)
    found = dict([start])
    frontiers: dict[Way, list[Id]] = {way: [start[0]] for way in ways}
    seen = {way: {start[0]} for way in ways}
    for _ in range(depth):
        if len(found) >= limit or not any(frontiers.values()):
            break
        reached = view.levels(frontiers, seen, limit)
        for way, level in reached.items():
            frontiers[way] = [node_id for node_id, _, leads_on in level if leads_on and node_id not in seen[way]]
            seen[way].update(frontiers[way])
        new = {node_id: name for level in reached.values() for node_id, name, _ in level if node_id not in found}
        found |= sorted(new.items(), key=lambda item: item[1])
    return dict(list(found.items())[:limit])


def shortest_path(view: View[Id], start: tuple[Id, Name], end: tuple[Id, Name], depth: int) -> dict[Id, Name]:
    """Find the shortest path; of several, the one whose nodes are first by name, step by step; empty when there is none within the depth.

    Levels grow from both ends, each time where it costs less, until they meet: a run or a model that a million atoms share is not
    opened up unless the path leads through it.
    """
    from_start, from_end = [{start[0]}], [{end[0]}]  # nodes by their distance from either end
    while not (middle := from_start[-1] & from_end[-1]):
        if len(from_start) + len(from_end) - 2 >= depth:
            return {}
        side = min(from_start, from_end, key=lambda levels: view.cost(levels[-1]))
        # What is further back than one level is no neighbour of the last.
        level = view.neighbours(side[-1], set().union(*side[-2:]))
        if not level:
            return {}
        side.append(level)
    steps = [middle]  # the nodes of all shortest paths, by their distance from the start
    for level in reversed(from_start[:-1]):
        steps.insert(0, set(view.neighbours_among(steps[0], level, _ALL)))
    steps += reversed(from_end[:-1])
    path = dict([start])
    for among in steps[1:]:
        path |= view.neighbours_among(list(path)[-1:], among, 1)
    return path


def edges_along(view: View[Id], path: Mapping[Id, Name]) -> list[Edge]:
    """Return an edge for each step of a path."""
    edges = []
    for (a, start), (b, end) in pairwise(path.items()):
        kind, is_from_a, properties = view.edge_between(a, b)
        ends = (start, end) if is_from_a else (end, start)
        edges.append(Edge(view.tenant_id, ends[0], kind, ends[1], properties))
    return edges
