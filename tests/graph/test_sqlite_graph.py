"""What is the embedded graph's own: the file it lies in."""

from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.graph.sqlite_graph import SqliteGraph
from hartonomous_resources.project_files import project_file

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
