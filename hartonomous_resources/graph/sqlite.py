"""The embedded provenance graph: a SQLite file of its own."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hartonomous_resources.database.errors import DatabaseError
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.sqlite import SqliteDatabase, SqliteUnitOfWork
from hartonomous_resources.graph.protocol import Edge, GraphUnavailable, Node, Subgraph


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

    def merge(self, nodes: Sequence[Node], edges: Sequence[Edge]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many("merge_node", ((n.tenant_id, n.label, n.key, _json(n.properties)) for n in nodes))
            unit_of_work.execute_many(
                "merge_edge", ((e.tenant_id, *e.start, e.type, *e.end, _json(e.properties)) for e in edges)
            )

    def delete(self, nodes: Sequence[Node]) -> None:
        with self._reachable(), self._store.unit_of_work() as unit_of_work:
            unit_of_work.execute_many("delete_node", ((n.tenant_id, n.label, n.key) for n in nodes))

    def lineage(self, tenant_id: int, label: str, key: str, depth: int, limit: int) -> Subgraph:
        with self._reachable(), self._store.read() as unit_of_work:
            start = unit_of_work.query("nodes_by_key", tenant_id=tenant_id, label=label, key=key)
            if not start:
                raise KeyError(f"no {label} {key} in tenant {tenant_id}")
            found: dict[int, None] = {start[0]["nodeId"]: None}
            edges: dict[tuple[int, str, int], Row] = {}
            truncated = False
            # Edges point from what was made to what it was made from: along them is upstream, against them downstream.
            for statement, far_end in (("edges_from", "toId"), ("edges_to", "fromId")):
                truncated |= _walk(unit_of_work, statement, far_end, start[0]["nodeId"], depth, limit, found, edges)
            rows = unit_of_work.query("nodes_by_id", node_ids=json.dumps(list(found)))
        nodes = {
            row["nodeId"]: Node(tenant_id, row["label"], row["key"], json.loads(row["properties"])) for row in rows
        }
        return Subgraph(
            list(nodes.values()),
            [
                Edge(
                    tenant_id,
                    _name(nodes[row["fromId"]]),
                    row["type"],
                    _name(nodes[row["toId"]]),
                    json.loads(row["properties"]),
                )
                for row in edges.values()
            ],
            truncated,
        )

    def counts(self, tenant_id: int | None) -> tuple[dict[str, int], dict[str, int]]:
        with self._reachable(), self._store.read() as unit_of_work:
            nodes = {row["label"]: row["n"] for row in unit_of_work.query("node_counts", tenant_id=tenant_id)}
            edges = {row["type"]: row["n"] for row in unit_of_work.query("edge_counts", tenant_id=tenant_id)}
        return nodes, edges

    def bytes_on_disk(self) -> int:
        return self._store.bytes_on_disk()


def _walk(
    unit_of_work: SqliteUnitOfWork,
    statement: str,
    far_end: str,
    start: int,
    depth: int,
    limit: int,
    found: dict[int, None],
    edges: dict[tuple[int, str, int], Row],
) -> bool:
    """Breadth first, one statement a level; returns True when the limit cut something off."""
    frontier = [start]
    seen = {start}
    truncated = False
    for _ in range(depth):
        reached = []
        rows = unit_of_work.query(statement, node_ids=json.dumps(frontier), n=limit + 1)
        truncated |= len(rows) > limit
        for row in rows[:limit]:
            node = row[far_end]
            if node not in found and len(found) >= limit:
                truncated = True
                continue
            found[node] = None
            edges[row["fromId"], row["type"], row["toId"]] = row
            if node not in seen:
                seen.add(node)
                reached.append(node)
        if not reached:
            break
        frontier = reached
    return truncated


def _name(node: Node) -> tuple[str, str]:
    return node.label, node.key


def _json(properties: object) -> str:
    return json.dumps(properties, sort_keys=True, ensure_ascii=False)
