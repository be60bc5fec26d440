"""The embedded provenance graph: a SQLite file of its own."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hartonomous_core.vocabulary import EdgeType, Label
from hartonomous_resources.database.connection_pool import CONNECTIONS
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlite import SqliteDatabase, SqliteUnitOfWork
from hartonomous_resources.graph.protocol import (
    Digest,
    Direction,
    Edge,
    GraphUnavailable,
    Impact,
    Name,
    Node,
    Subgraph,
    belongs_to_another_database,
)
from hartonomous_resources.graph.walks import ANY_DISTANCE, Way, edges_along, nearest, shortest_path

_LEVEL: dict[Way, str] = {"upstream": "level_upstream", "downstream": "level_downstream"}


class SqliteGraph:
    """Nodes and edges on two tables."""

    def __init__(self, path: Path, connections: int = CONNECTIONS) -> None:
        self._store = SqliteDatabase(path, "graph_migrations", "graph_statements", connections)
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
            raise belongs_to_another_database(self.name, found["owner"])

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many(
                "merge_node", ((node.tenant_id, node.label, node.key, _json(node.properties)) for node in nodes)
            )
            unit_of_work.execute_many(
                "merge_edge", ((e.tenant_id, *e.start, e.type, *e.end, _json(e.properties)) for e in edges)
            )

    def delete(self, nodes: Sequence[Node]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many("delete_node", ((node.tenant_id, node.label, node.key) for node in nodes))

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
        with self._view(tenant_id, as_of) as view:
            start = view.id_of(label, key), (label, key)
            found = list(nearest(view, start, direction, depth, skip + limit + 1))
            page = found[skip : skip + limit]
            return Subgraph(view.nodes(page), view.edges_within(found[: skip + limit], page), len(found) > skip + limit)

    def path(self, tenant_id: int, start: Name, end: Name, depth: int, *, as_of: str | None = None) -> Subgraph:
        with self._view(tenant_id, as_of) as view:
            path = shortest_path(view, (view.id_of(*start), start), (view.id_of(*end), end), depth)
            return Subgraph(view.nodes(list(path)), edges_along(view, path), False)

    def impact(self, tenant_id: int, label: Label, key: str, limit: int) -> Impact:
        with self._view(tenant_id) as view:
            node_id = view.id_of(label, key)
            counts = {row["label"]: row["n"] for row in view.query("impact_counts", node_id=node_id)}
            [only_here] = view.query("atoms_only_here", node_id=node_id)
            _, *first = nearest(view, (node_id, (label, key)), "downstream", ANY_DISTANCE, limit + 1)
            return Impact(counts, only_here["n"], view.nodes(first), sum(counts.values()) > len(first))

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        with self._reachable(), self._store.read() as unit_of_work:
            nodes = {row["label"]: row["n"] for row in unit_of_work.query("node_counts", tenant_id=tenant_id)}
            edges = {row["type"]: row["n"] for row in unit_of_work.query("edge_counts", tenant_id=tenant_id)}
        return nodes, edges

    def digests(self, tenant_id: int, hour: str) -> dict[str, Digest]:
        with self._view(tenant_id) as view:
            return {row["what"]: Digest(row["n"], row["total"]) for row in view.query("digests", hour=hour)}

    def keys(self, tenant_id: int, label: Label, after: str, limit: int) -> list[str]:
        with self._view(tenant_id) as view:
            return [row["key"] for row in view.query("keys", label=label, after=after, n=limit)]

    def close(self) -> None:
        self._store.close()

    def bytes_on_disk(self) -> int:
        return self._store.bytes_on_disk()


@dataclass(frozen=True, slots=True)
class _View:
    """One tenant's graph as it was at a time, in one transaction."""

    unit_of_work: SqliteUnitOfWork
    tenant_id: int
    as_of: str | None

    def query(self, statement: str, **parameters: object) -> list[Row]:
        return self.unit_of_work.query(statement, tenant_id=self.tenant_id, as_of=self.as_of, **parameters)

    def id_of(self, label: Label, key: str) -> int:
        found = self.query("node_by_key", label=label, key=key)
        if not found:
            raise KeyError(f"no {label} {key} in tenant {self.tenant_id}")
        return int(found[0]["nodeId"])

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

    def levels(
        self, frontiers: Mapping[Way, Sequence[int]], seen: Mapping[Way, AbstractSet[int]], limit: int
    ) -> Mapping[Way, Sequence[tuple[int, Name, bool]]]:
        return {
            way: [
                (row["nodeId"], (row["label"], row["key"]), True)
                for row in self.query(_LEVEL[way], frontier=_ids(frontier), seen=_ids(seen[way]), n=limit)
            ]
            for way, frontier in frontiers.items()
            if frontier
        }

    def neighbours(self, frontier: AbstractSet[int], seen: AbstractSet[int]) -> set[int]:
        rows = self.query("neighbours", frontier=_ids(frontier), seen=_ids(seen))
        return {row["nodeId"] for row in rows}

    def neighbours_among(self, frontier: Collection[int], among: Collection[int], limit: int) -> dict[int, Name]:
        rows = self.query("neighbours_among", frontier=_ids(frontier), among=_ids(among), n=limit)
        return {row["nodeId"]: (row["label"], row["key"]) for row in rows}

    def cost(self, level: AbstractSet[int]) -> int:
        """How many nodes they are: counting their edges would take as long as following them."""
        return len(level)

    def edge_between(self, a: int, b: int) -> tuple[EdgeType, bool, dict[str, Any]]:
        [row] = self.query("edge_between", a=a, b=b)
        return row["type"], row["fromId"] == a, json.loads(row["properties"])


def _ids(node_ids: Iterable[int]) -> str:
    return json.dumps(list(node_ids))


def _json(properties: Any) -> str:
    return json.dumps(properties, sort_keys=True, ensure_ascii=False)
