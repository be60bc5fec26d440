"""The graphs that merges make: of many rows, added to or made anew, and measured before they come into force."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors import ranking
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.graphs import Graph
from hartonomous_resources.vectors.protocol import RecallTooLow, VectorIndex
from hartonomous_resources.vectors.segments import read_segment
from tests.contract.drawn_vectors import (
    DIMENSION,
    GRAPH_ROWS,
    MakeModel,
    MergeNow,
    Put,
    Vector,
    ask,
    best_of,
    drawn,
    erase,
    files_of,
    rounded,
)


def test_many_rows_get_a_graph_which_finds_most_of_the_nearest(
    database: Database,
    index: VectorIndex,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    few, many = drawn(GRAPH_ROWS - 1, seed=1), drawn(3000, seed=2)
    put_vectors(model_id, few, tenant=7)
    ids = put_vectors(model_id, many)
    queries = list(drawn(50, seed=3).values())

    merged = merge(index, model_id)

    compared: list[int] = []
    scores = ranking.highest_scores
    monkeypatch.setattr(
        ranking, "highest_scores", lambda rows, query: (compared.append(len(rows)), scores(rows, query))[1]
    )
    found = [ask(database, index, model_id, query) for query in queries]
    assert merged.graphs == 1
    assert merged.recall >= 0.99
    assert max(compared) <= 40
    wanted = [best_of(ids, many, query) for query in queries]
    assert sum(len({*a} & {*b}) for a, b in zip(found, wanted, strict=True)) >= 0.99 * 500


def test_where_the_rows_of_a_graph_may_not_be_shown_all_are_compared(
    database: Database, index: VectorIndex, make_model: MakeModel, put_vectors: Put, merge: MergeNow
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(3000, seed=1)
    query = next(iter(vectors.values()))
    nearest_first = dict(sorted(vectors.items(), key=lambda item: -float(item[1] @ query)))
    put_vectors(model_id, dict(list(nearest_first.items())[:2700]))
    current = put_vectors(model_id, dict(list(nearest_first.items())[2700:]))

    assert merge(index, model_id).graphs == 1
    assert ask(database, index, model_id, query) == current[:10]


def test_what_would_hide_too_many_of_the_nearest_does_not_come_into_force(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(3000, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, model_id, query)
    [file] = folder.glob("*/*.segment")
    before = file.read_bytes()
    far = np.array(range(1, 41))
    monkeypatch.setattr(Graph, "nearest", lambda *_: far)

    with pytest.raises(RecallTooLow):
        merge(index, model_id)

    assert [path.read_bytes() for path in folder.glob("*/*.segment")] == [before]
    assert not [path.name for path in folder.glob("*/.*") if path.name != ".lock"]
    assert ask(database, index, model_id, query) == best_of(ids, vectors, query)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were added to graphs, call by call."""
    counts: list[int] = []
    add = Graph.add
    monkeypatch.setattr(Graph, "add", lambda graph, rows: (counts.append(len(rows)), add(graph, rows))[1])
    return counts


@pytest.mark.slow
def test_a_graph_is_added_to_unless_many_of_its_rows_were_deleted(
    database: Database,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    added: list[int],
    client: Any,
) -> None:
    index = ExactVectors(folder, graph_rows=400)
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(1000, seed=1)
    ids = put_vectors(model_id, vectors)
    merge(index, model_id)
    for n, in_all in ((700, 700), (400, 1100)):  # 700 are fewer than 1000; 400 more are too many beside them
        added.clear()
        more = drawn(n, seed=n)
        ids += put_vectors(model_id, more, uri=f"file:///{n}")
        vectors |= more
        merged = merge(index, model_id)
        assert sum(added) == in_all
    assert (merged.segments, merged.rows) == (1, 2100)
    assert merged.recall >= 0.99

    for few, in_all in ((100, 2500), (1000, 6000)):  # where a tenth went the graph is made anew
        gone = [vectors.pop(text) for text in list(vectors)[:few]]
        erase(client, *ids[:few])
        del ids[:few]
        more = drawn(2500, seed=few)
        ids += put_vectors(model_id, more, uri=f"file:///{few} went")
        vectors |= more
        added.clear()
        merged = merge(index, model_id)
        assert (sum(added), merged.rows) == (in_all, len(vectors))
        assert merged.recall >= 0.99
        whole = b"".join(file.read_bytes() for file in folder.glob("*/*.segment"))
        assert not any(rounded(vector) in whole for vector in gone)
        assert all(whole.count(rounded(vector)) == 2 for vector in list(vectors.values())[::100])
    queries = list(drawn(50, seed=99).values())
    found = [ask(database, index, model_id, query) for query in queries]
    wanted = [best_of(ids, vectors, query) for query in queries]
    assert sum(len({*a} & {*b}) for a, b in zip(found, wanted, strict=True)) >= 0.99 * 500


def test_a_graph_that_finds_too_few_is_gone_through_more_broadly(
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = ExactVectors(folder, graph_rows=400)
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(1000, seed=1))
    nearest = Graph.nearest

    def narrow(graph: Graph, query: Vector, count: int) -> Any:
        return nearest(graph, query, count if graph.breadth > 256 else 5)

    monkeypatch.setattr(Graph, "nearest", narrow)

    assert merge(index, model_id).recall >= 0.995
    [file] = folder.glob("*/*.segment")
    assert read_segment(file.read_bytes()).graphs[0].breadth == 512


def test_rows_that_come_after_a_graph_leave_it_in_force(
    database: Database, folder: Path, make_model: MakeModel, put_vectors: Put, merge: MergeNow
) -> None:
    index = ExactVectors(folder, graph_rows=400, most_young_rows=0)
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(500, seed=1)
    ids = put_vectors(model_id, vectors)
    merge(index, model_id)
    [file] = folder.glob("*/*.segment")
    more = drawn(900, seed=2)
    ids += put_vectors(model_id, more, uri="file:///more")
    query = next(iter(drawn(1, seed=99).values()))

    assert ask(database, index, model_id, query) == best_of(ids, vectors | more, query)
    assert files_of(folder) == ["0-500.segment", "500-1400.segment"]
    assert read_segment(file.read_bytes()).graphs.keys() == {0}


def test_a_graph_that_finds_too_few_with_what_was_added_is_made_anew(
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    added: list[int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    index = ExactVectors(folder, graph_rows=400)
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(500, seed=1))
    merge(index, model_id)
    put_vectors(model_id, drawn(600, seed=2), uri="file:///more")
    monkeypatch.setattr(Graph, "copied", lambda _, dimension: Graph(dimension))  # what was in it is not found any more
    added.clear()

    merged = merge(index, model_id)

    assert sum(added) == 600 + 1100
    assert (merged.segments, merged.rows) == (1, 1100)
    assert merged.recall >= 0.99
