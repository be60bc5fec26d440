"""Walks through the graph, level by level within limits: never one pattern of unbounded length."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.graph.neo4j_connection import value
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import as_time, given, node_properties
from hartonomous_resources.graph.protocol import Direction, Edge, Node

if TYPE_CHECKING:
    import neo4j

_IDS_AT_ONCE = 10_000
_ALL = 2**63 - 1

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class View:
    """What one tenant's graph was at a time, in one transaction. Ids are the server's and hold within it."""

    transaction: "neo4j.ManagedTransaction"
    tenant_id: int
    as_of: str | None = None

    def query(self, name: str, label: str = "", **parameters: Any) -> Any:
        always = {"tenant_id": self.tenant_id, "as_of": as_time(self.as_of), "labels": list(LABELS)}
        return value(self.transaction, statement(name, label=label), **always, **parameters)

    def id_of(self, label: str, key: str) -> str:
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
        edges = [Edge(self.tenant_id, found[start], kind, found[end], given(held)) for start, kind, end, held in rows]
        return self._nodes(page, nodes), sorted(edges, key=lambda edge: (edge.start, edge.type, edge.end))

    def _nodes(self, names: dict[str, Name], rows: Iterable[tuple[str, dict[str, Any]]]) -> list[Node]:
        held = dict(rows)
        return [
            Node(self.tenant_id, *name, node_properties(held[node_id]))
            for node_id, name in names.items()
            if node_id in held
        ]

    def edges_along(self, path: dict[str, Name]) -> list[Edge]:
        """An edge for each step of a path."""
        edges = []
        for (a, start), (b, end) in pairwise(path.items()):
            kind, along, held = self.query("edge_between", a=a, b=b)
            ends = (start, end) if along else (end, start)
            edges.append(Edge(self.tenant_id, ends[0], kind, ends[1], given(held)))
        return edges


def nearest(view: View, start: tuple[str, Name], direction: Direction, depth: int, n: int) -> dict[str, Name]:
    """The first `n` nodes by distance, label and key, with their names, beginning with the start; a statement per level.

    A level is asked for `n` nodes at most. Where that cuts it off, the search ends with it: as many are found then.
    """
    found = dict([start])
    frontiers = [[start[0]] if direction != other else [] for other in ("downstream", "upstream")]
    seen = [{start[0]}, {start[0]}]
    for _ in range(depth):
        if len(found) >= n or not any(frontiers):
            break
        upstream, downstream = frontiers
        levels = view.query("level", upstream=upstream, downstream=downstream, n=n)
        reached = {node_id: (label, key) for level in levels for node_id, label, key, _ in level}
        frontiers = [
            [node_id for node_id, _, _, leads_further in level if leads_further and node_id not in seen_here]
            for level, seen_here in zip(levels, seen, strict=True)
        ]
        for seen_here, frontier in zip(seen, frontiers, strict=True):
            seen_here.update(frontier)
        new = {node_id: name for node_id, name in reached.items() if node_id not in found}
        found |= sorted(new.items(), key=lambda item: item[1])
    return dict(list(found.items())[:n])


def count_downstream(view: View, start: str) -> dict[str, int]:
    """How many nodes of each label were made from a node, at any distance."""
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


def shortest_path(view: View, start: tuple[str, Name], end: tuple[str, Name], depth: int) -> dict[str, Name]:
    """Of the shortest paths the one whose nodes are first by name, step by step; empty when there is none within the depth.

    Levels grow from both ends, each time where fewer edges lead on, until they meet: a run or a model that a million atoms share is
    not opened up unless the path leads through it.
    """
    from_start, from_end = [{start[0]}], [{end[0]}]  # nodes by their distance from either end
    while not (middle := from_start[-1] & from_end[-1]):
        if len(from_start) + len(from_end) - 2 >= depth:
            return {}
        side = min(from_start, from_end, key=lambda levels: _degree(view, levels[-1]))
        # What is further back than one level is no neighbour of the last.
        level = set(view.query("neighbours", frontier=list(side[-1]))).difference(*side[-2:])
        if not level:
            return {}
        side.append(level)
    steps = [middle]  # the nodes of all shortest paths, by their distance from the start
    for level in reversed(from_start[:-1]):
        steps.insert(0, set(_neighbours_among(view, steps[0], level, _ALL)))
    steps += reversed(from_end[:-1])
    path = dict([start])
    for among in steps[1:]:
        path |= _neighbours_among(view, list(path)[-1:], among, 1)
    return path


def _neighbours_among(view: View, frontier: Iterable[str], among: Iterable[str], n: int) -> dict[str, Name]:
    """Those of some nodes that are one edge away from the frontier, with their names, the first `n` by name."""
    frontier, among = list(frontier), list(among)
    from_among = _degree(view, among) < _degree(view, frontier)
    walked, others = (among, frontier) if from_among else (frontier, among)
    found = view.query("joined", walked=walked, others=others, of_walked=from_among, n=n)
    return {node_id: (label, key) for node_id, label, key in found}


def _degree(view: View, ids: Iterable[str]) -> int:
    return int(view.query("degree", frontier=list(ids)))
