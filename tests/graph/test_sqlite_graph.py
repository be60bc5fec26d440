"""What is the embedded graph's own: the file it lies in."""

import json
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.graph.protocol import Digest, Edge, GraphUnavailable, Node
from hartonomous_resources.graph.sqlite_graph import SqliteGraph
from hartonomous_resources.project_files import project_file
from tests.builders import HOUR

NODE = Node(0, "Atom", "a" * 64)


def test_a_graph_is_not_touched_before_it_is_used(tmp_path: Path) -> None:
    SqliteGraph(tmp_path / "graph.db")

    assert list(tmp_path.iterdir()) == []


def test_a_graph_whose_file_is_no_database_is_unavailable_until_it_is_mended(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    path.write_bytes(b"not a database " * 1000)
    graph = SqliteGraph(path)

    with pytest.raises(GraphUnavailable, match=r"graph\.db"):
        graph.merge([NODE], [])

    path.unlink()
    graph = SqliteGraph(path)
    graph.merge([NODE], [])
    assert graph.counts(0) == ({"Atom": 1}, {})


def test_a_graph_that_cannot_be_opened_is_unavailable_and_used_again_once_it_can(tmp_path: Path) -> None:
    path = tmp_path / "graph.db"
    path.mkdir()
    graph = SqliteGraph(path)
    for attempt in (lambda: graph.merge([NODE], []), lambda: graph.counts(0), lambda: graph.delete([NODE])):
        with pytest.raises(GraphUnavailable, match=r"graph\.db"):
            attempt()

    path.rmdir()

    graph.merge([NODE], [])
    assert graph.counts(0) == ({"Atom": 1}, {})


def test_a_graph_of_the_first_release_answers_what_came_since(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "graph.db", migrations="graph_migrations", statements="graph_statements")
    store.migrate(1)
    properties = {"ingestHour": HOUR, "digest": 5, "since": "2026-11-23T09:44:16.123Z"}
    with store.unit_of_work() as unit_of_work:
        source = (0, "Source", "1", "{}")
        unit_of_work.execute_many("merge_node", [(0, "Atom", NODE.key, json.dumps(properties)), source])
        unit_of_work.execute_many("merge_edge", [(0, "Atom", NODE.key, "INGESTED_FROM", "Source", "1", "{}")])
    store.close()

    graph = SqliteGraph(tmp_path / "graph.db")

    assert graph.digests(0, HOUR)["atoms"] == Digest(1, 5)
    with pytest.raises(KeyError):
        graph.lineage(0, "Atom", NODE.key, 1, 10, as_of="2026-11-23T09:44:16.122Z")
    assert dict(graph.lineage(0, "Atom", NODE.key, 1, 10).nodes[0].properties) == properties
    graph.merge([Node(0, "Model", "m")], [Edge(0, ("Atom", NODE.key), "PROJECTED_BY", ("Model", "m"))])
    assert graph.counts(0)[1] == {"INGESTED_FROM": 1, "PROJECTED_BY": 1}


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_a_level_is_not_looked_up_by_walking_all_nodes_of_a_tenant(tmp_path: Path, direction: str) -> None:
    graph = SqliteGraph(tmp_path / "graph.db")
    graph.merge([NODE], [])
    store = SqliteDatabase(tmp_path / "graph.db", migrations="graph_migrations", statements="graph_statements")
    statement = load_statements(project_file("sql") / "sqlite" / "graph_statements")[f"level_{direction}"]

    parameters = {"frontier": "[1]", "seen": "[1]", "tenant_id": 0, "as_of": None, "n": 10}
    rows = store.connection().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)

    plan = [row["detail"] for row in rows]
    assert "SEARCH n USING INTEGER PRIMARY KEY (rowid=?)" in plan
    assert [step for step in plan if step.startswith("SCAN") and "json_each" not in step] == []
    store.close()
