"""The embedded provenance graph: a SQLite file of its own."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlite import SqliteDatabase, SqliteUnitOfWork
from hartonomous_resources.graph.protocol import (
    Digest,
    Direction,
    Edge,
    GraphUnavailable,
    Impact,
    Node,
    Subgraph,
    of_another,
)

_ANY_DISTANCE = sys.maxsize
# Edges point from what was made to what it was made from: along them is upstream.
_LEVELS = {
    "upstream": ("level_upstream",),
    "downstream": ("level_downstream",),
    "both": ("level_upstream", "level_downstream"),
}


class SqliteGraph:
    """Nodes and edges on two tables."""

    def __init__(self, path: Path) -> None:
        self._store = SqliteDatabase(path, migrations="graph_migrations", statements="graph_statements")
        self._migrated = False

    @property
    def name(self) -> str:
        return f"SQLite graph {self._store.path}"

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            if not self._migrated:
                self._store.migrate()
                self._migrated = True
            yield
        except DatabaseError as error:
            raise GraphUnavailable(f"{error} (or rebuild it from the database: docs/operations.md)") from error

    @contextmanager
    def _view(self, tenant_id: int, as_of: str | None = None) -> Iterator["_View"]:
        with self._reachable(), self._store.read() as unit_of_work:
            yield _View(unit_of_work, tenant_id, as_of)

    def claim(self, owner: str) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute("claim", owner=owner)
            [found] = unit_of_work.query("owner")
        if found["owner"] != owner:
            raise of_another(self.name, found["owner"])

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many("merge_node", ((n.tenant_id, n.label, n.key, _json(n.properties)) for n in nodes))
            unit_of_work.execute_many(
                "merge_edge", ((e.tenant_id, *e.start, e.type, *e.end, _json(e.properties)) for e in edges)
            )

    def delete(self, nodes: Sequence[Node]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many("delete_node", ((n.tenant_id, n.label, n.key) for n in nodes))

    def lineage(
        self,
        tenant_id: int,
        label: str,
        key: str,
        depth: int,
        limit: int,
        *,
        direction: Direction = "both",
        as_of: str | None = None,
        skip: int = 0,
    ) -> Subgraph:
        with self._view(tenant_id, as_of) as view:
            start = view.id_of(label, key)
            found = _nearest(view, start, _LEVELS[direction], depth, skip + limit + 1)
            page = found[skip : skip + limit]
            return Subgraph(view.nodes(page), view.edges_within(found[: skip + limit], page), len(found) > skip + limit)

    def path(
        self, tenant_id: int, start: tuple[str, str], end: tuple[str, str], depth: int, *, as_of: str | None = None
    ) -> Subgraph:
        with self._view(tenant_id, as_of) as view:
            path = _shortest_path(view, view.id_of(*start), view.id_of(*end), depth)
            nodes = view.nodes(path)
            return Subgraph(nodes, view.edges_along(path, nodes), False)

    def impact(self, tenant_id: int, label: str, key: str, limit: int) -> Impact:
        with self._view(tenant_id) as view:
            node_id = view.id_of(label, key)
            counts = {row["label"]: row["n"] for row in view.query("impact_counts", node_id=node_id)}
            [only_here] = view.query("atoms_only_here", node_id=node_id)
            _, *first = _nearest(view, node_id, _LEVELS["downstream"], _ANY_DISTANCE, limit + 1)
            return Impact(counts, only_here["n"], view.nodes(first), sum(counts.values()) > len(first))

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        with self._reachable(), self._store.read() as unit_of_work:
            nodes = {row["label"]: row["n"] for row in unit_of_work.query("node_counts", tenant_id=tenant_id)}
            edges = {row["type"]: row["n"] for row in unit_of_work.query("edge_counts", tenant_id=tenant_id)}
        return nodes, edges

    def digests(self, tenant_id: int, hour: str) -> dict[str, Digest]:
        with self._view(tenant_id) as view:
            return {row["what"]: Digest(row["n"], row["total"]) for row in view.query("digests", hour=hour)}

    def keys(self, tenant_id: int, label: str, after: str, n: int) -> list[str]:
        with self._view(tenant_id) as view:
            return [row["key"] for row in view.query("keys", label=label, after=after, n=n)]

    def close(self) -> None:
        self._store.close()

    def bytes_on_disk(self) -> int:
        return self._store.bytes_on_disk()


@dataclass(frozen=True, slots=True)
class _View:
    """What one tenant's graph was at a time, in one transaction."""

    unit_of_work: SqliteUnitOfWork
    tenant_id: int
    as_of: str | None

    def query(self, statement: str, **parameters: object) -> list[Row]:
        return self.unit_of_work.query(statement, tenant_id=self.tenant_id, as_of=self.as_of, **parameters)

    def ids(self, statement: str, **parameters: object) -> list[int]:
        return [row["nodeId"] for row in self.query(statement, **parameters)]

    def id_of(self, label: str, key: str) -> int:
        found = self.ids("node_by_key", label=label, key=key)
        if not found:
            raise KeyError(f"no {label} {key} in tenant {self.tenant_id}")
        return found[0]

    def nodes(self, node_ids: Sequence[int]) -> list[Node]:
        """Nodes, in the order of their ids here."""
        rows = {row["nodeId"]: row for row in self.query("nodes_by_id", node_ids=_ids(node_ids))}
        return [
            Node(self.tenant_id, row["label"], row["key"], json.loads(row["properties"]))
            for row in (rows[node_id] for node_id in node_ids)
        ]

    def edges_within(self, found: Sequence[int], page: Sequence[int]) -> list[Edge]:
        """Edges of the nodes of a page to one another and to nodes found before."""
        return [
            Edge(
                self.tenant_id,
                (row["fromLabel"], row["fromKey"]),
                row["type"],
                (row["toLabel"], row["toKey"]),
                json.loads(row["properties"]),
            )
            for row in self.query("edges_within", found=_ids(found), page=_ids(page))
        ]

    def edges_along(self, path: Sequence[int], nodes: Sequence[Node]) -> list[Edge]:
        """An edge for each step of a path, whose nodes are given as ids and as nodes."""
        names = {node_id: (node.label, node.key) for node_id, node in zip(path, nodes, strict=True)}
        edges = []
        for a, b in pairwise(path):
            [row] = self.query("edge_between", a=a, b=b)
            start, end = names[row["fromId"]], names[row["toId"]]
            edges.append(Edge(self.tenant_id, start, row["type"], end, json.loads(row["properties"])))
        return edges


def _nearest(view: _View, start: int, levels: Sequence[str], depth: int, n: int) -> list[int]:
    """The first `n` nodes by distance, label and key, beginning with the start; a statement per level and direction.

    A level is asked for `n` nodes at most. Where that cuts it off, the search ends with it: of `n` nodes no more than `len(found)` can
    have been found before, from the other direction.
    """
    found = {start: None}
    seen = {statement: [start] for statement in levels}
    frontiers = {statement: [start] for statement in levels}
    for _ in range(depth):
        reached: dict[int, tuple[str, str]] = {}
        for statement, frontier in frontiers.items():
            rows = view.query(statement, frontier=_ids(frontier), seen=_ids(seen[statement]), n=n) if frontier else []
            frontiers[statement] = [row["nodeId"] for row in rows]
            seen[statement] += frontiers[statement]
            reached |= {row["nodeId"]: (row["label"], row["key"]) for row in rows}
        found |= dict.fromkeys(sorted(reached, key=reached.__getitem__))
        if len(found) >= n or not any(frontiers.values()):
            break
    return list(found)[:n]


def _shortest_path(view: _View, start: int, end: int, depth: int) -> list[int]:
    """Of the shortest paths the one whose nodes are first by name, step by step; empty when there is none within the depth.

    Levels grow from both ends, each time at the smaller one, until they meet: a hub is not opened up unless the path leads through it.
    """
    from_start, from_end = [{start}], [{end}]  # nodes by their distance from either end
    while not (middle := from_start[-1] & from_end[-1]):
        side = min(from_start, from_end, key=lambda levels: len(levels[-1]))
        if len(from_start) + len(from_end) - 2 >= depth or not side[-1]:
            return []
        # What is further back than one level is no neighbour of the last.
        seen = set().union(*side[-2:])
        side.append(set(view.ids("neighbours", frontier=_ids(side[-1]), seen=_ids(seen))))
    steps = [middle]  # the nodes of all shortest paths, by their distance from the start
    for level in reversed(from_start[:-1]):
        steps.insert(0, set(view.ids("neighbours_among", frontier=_ids(steps[0]), among=_ids(level), n=-1)))
    steps += reversed(from_end[:-1])
    path = [start]
    for among in steps[1:]:
        path += view.ids("neighbours_among", frontier=_ids(path[-1:]), among=_ids(among), n=1)
    return path


def _ids(node_ids: Iterable[int]) -> str:
    return json.dumps(list(node_ids))


def _json(properties: Any) -> str:
    return json.dumps(properties, sort_keys=True, ensure_ascii=False)
