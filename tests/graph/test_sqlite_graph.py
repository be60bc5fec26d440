"""What is the embedded graph's own: the file it lies in."""

from pathlib import Path

import pytest

from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.graph.sqlite import SqliteGraph

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
