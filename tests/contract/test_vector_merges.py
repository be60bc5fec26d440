"""Merges: few segments, true to the database, each row written a few times, and measured before they come into force."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors import merging, ranking
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.graphs import Graph
from hartonomous_resources.vectors.protocol import Merge, RecallTooLow, VectorIndex
from hartonomous_resources.vectors.segments import SegmentWriter, read_segment
from tests.contract.drawn_vectors import DIMENSION, Vector, ask, best_of, drawn, files_of

Put = Callable[..., list[int]]
MakeModel = Callable[..., int]
MergeNow = Callable[..., Merge]

GRAPH_ROWS = 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def index(folder: Path) -> VectorIndex:
    """An index that writes every row into a file before it answers."""
    return ExactVectors(folder, GRAPH_ROWS, most_young_rows=0)


@pytest.fixture
def merge(database: Database) -> MergeNow:
    """Merges the segments of a model."""

    def run(index: VectorIndex, model_id: int) -> Merge:
        with database.read() as unit_of_work:
            return index.merge(unit_of_work, model_id)

    return run


def test_a_merge_makes_one_file_of_what_is_there_and_drops_what_is_not(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    client: Any,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(200, seed=1)
    ids = put_vectors(model_id, vectors)
    query = next(iter(drawn(1, seed=99).values()))
    ask(database, index, model_id, query)
    gone = ids[:150]
    client.cursor().execute(f"DELETE FROM AtomEmbedding WHERE AtomId IN ({', '.join(map(str, gone))})")
    client.commit()
    [before] = folder.glob("*/*.segment")
    components = read_segment(before.read_bytes()).rows.components[0].tobytes()
    assert components in before.read_bytes()

    first = merge(index, model_id)
    second = merge(index, model_id)

    assert (first.rows, first.recall, first.changed) == (50, 1.0, True)
    assert second == replace(first, changed=False, seconds=second.seconds)
    [after] = folder.glob("*/*.segment")
    assert first.byte_length == after.stat().st_size
    assert components not in after.read_bytes()
    assert ask(database, index, model_id, query) == best_of(ids[150:], dict(list(vectors.items())[150:]), query)


def test_a_merge_of_nothing_leaves_no_file(
    database: Database,
    index: VectorIndex,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    client: Any,
) -> None:
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(20, seed=1))
    merge(index, model_id)
    client.cursor().execute("DELETE FROM AtomEmbedding")
    client.commit()

    assert merge(index, model_id).rows == 0
    assert files_of(folder) == []
    assert not merge(index, model_id).changed


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
def is_merged(database: Database) -> Callable[..., bool]:
    """Asks whether a merge would change nothing."""

    def look(index: VectorIndex, model_id: int) -> bool:
        with database.read() as unit_of_work:
            return index.is_merged(unit_of_work, model_id)

    return look


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows were added to graphs, call by call."""
    counts: list[int] = []
    add = Graph.add
    monkeypatch.setattr(Graph, "add", lambda graph, rows: (counts.append(len(rows)), add(graph, rows))[1])
    return counts


def erase(client: Any, *atom_ids: int) -> None:
    """Delete the vectors of atoms, as a client."""
    client.cursor().execute(f"DELETE FROM AtomEmbedding WHERE AtomId IN ({', '.join(map(str, atom_ids))})")
    client.commit()


def rounded(vector: Vector) -> bytes:
    """The components of a vector as they stand in segments and graphs."""
    return np.rint(vector / (np.abs(vector).max() / np.float32(127))).astype(np.int8).tobytes()


def test_many_merges_write_a_row_as_often_as_their_number_doubles(
    database: Database,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    is_merged: Callable[..., bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[int] = []
    add = SegmentWriter.add
    monkeypatch.setattr(
        SegmentWriter, "add", lambda writer, tenant, rows: (written.append(len(rows)), add(writer, tenant, rows))[1]
    )
    monkeypatch.setattr(merging, "LEAST_PART", 200)  # so that five rows are worth a segment
    index = ExactVectors(folder, GRAPH_ROWS)
    model_id = make_model(dimension=DIMENSION)
    vectors: dict[str | bytes, Vector] = {}
    ids: list[int] = []
    query = next(iter(drawn(1, seed=99).values()))
    most_files = 0
    for number in range(32):
        more = drawn(10, seed=number)
        ids += put_vectors(model_id, more, uri=f"file:///{number}")
        vectors |= more

        merged = merge(index, model_id)

        assert merged.rows == len(vectors)
        assert merged.recall == 1.0
        assert len(files_of(folder)) == merged.segments
        assert is_merged(index, model_id)
        assert ask(database, index, model_id, query) == best_of(ids, vectors, query)
        most_files = max(most_files, merged.segments)
    assert most_files <= 6
    assert sum(written) <= 320 * 6  # all of them every time would be 5,280


def test_what_was_deleted_leaves_the_segment_that_held_it_and_no_other_is_written(
    database: Database,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    is_merged: Callable[..., bool],
    client: Any,
) -> None:
    index = ExactVectors(folder, graph_rows=1300)  # of which 1,299 will be left: the graph stays all the same
    model_id = make_model(dimension=DIMENSION)
    first, second = drawn(1000, seed=1), drawn(300, seed=2)
    ids = put_vectors(model_id, first)
    merge(index, model_id)
    more = put_vectors(model_id, second, uri="file:///second")
    merge(index, model_id)
    old, young = files_of(folder)
    before = {file.name: file.read_bytes() for file in folder.glob("*/*.segment")}
    gone = next(iter(first.values()))
    assert before[old].count(rounded(gone)) == 2  # as a row and in the graph
    erase(client, ids[0])
    assert not is_merged(index, model_id)

    merged = merge(index, model_id)

    after = {file.name: file.read_bytes() for file in folder.glob("*/*.segment")}
    assert (merged.rows, merged.graphs, merged.changed) == (1299, 2, True)
    assert after[young] == before[young]
    assert rounded(gone) not in after[old]
    left = dict(list(first.items())[1:])
    assert ask(database, index, model_id, gone) == best_of(ids[1:] + more, left | second, gone)


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


def test_where_all_of_the_last_segment_was_deleted_it_goes(
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    is_merged: Callable[..., bool],
    client: Any,
) -> None:
    index = ExactVectors(folder, graph_rows=80)
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(50, seed=1))
    merge(index, model_id)
    more = put_vectors(model_id, drawn(20, seed=2), uri="file:///more")
    merge(index, model_id)
    erase(client, *more)
    assert (len(files_of(folder)), is_merged(index, model_id)) == (2, False)

    merged = merge(index, model_id)

    assert (merged.rows, merged.segments, merged.changed) == (50, 1, True)
    assert files_of(folder) == ["0-50.segment"]
    assert is_merged(index, model_id)


def test_a_vector_that_is_none_is_no_reason_to_merge_again(
    index: VectorIndex,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    is_merged: Callable[..., bool],
) -> None:
    model_id = make_model(dimension=DIMENSION)
    put_vectors(model_id, drawn(50, seed=1) | {"by hand": np.full(DIMENSION, np.nan, dtype=np.float32)})

    assert merge(index, model_id).rows == 50
    assert is_merged(index, model_id)


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


@pytest.mark.parametrize("graph_rows", [300, 10_000])
@pytest.mark.parametrize("seed", range(2))
def test_whatever_comes_goes_and_is_merged_the_nearest_are_found_and_nothing_that_went_stays(
    database: Database,
    folder: Path,
    make_model: MakeModel,
    put_vectors: Put,
    merge: MergeNow,
    is_merged: Callable[..., bool],
    client: Any,
    seed: int,
    graph_rows: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "LEAST_PART", graph_rows // 40)
    random = np.random.default_rng(seed)
    index = ExactVectors(folder, graph_rows, most_young_rows=30)
    model_id = make_model(dimension=DIMENSION)
    there: dict[int, dict[int, Vector]] = {0: {}, 7: {}}
    gone: list[Vector] = []
    missed = 0
    for step in range(25):
        tenant = int(random.choice([0, 0, 7]))
        rows = there[tenant]
        if rows and random.random() < 0.3:
            erased = random.choice([*rows], size=min(len(rows), int(random.integers(1, 40))), replace=False).tolist()
            gone += [rows.pop(atom_id) for atom_id in erased]
            erase(client, *erased)
        else:
            more = drawn(int(random.integers(1, 120)), seed=1000 * seed + step)
            ids = put_vectors(model_id, more, tenant=tenant, uri=f"file:///{step}")
            rows.update(zip(ids, more.values(), strict=True))
        if random.random() < 0.5:
            merged = merge(index, model_id)
            assert merged.rows == sum(map(len, there.values()))
            assert is_merged(index, model_id)
            files = [file.read_bytes() for file in folder.glob("*/*.segment")]
            assert not any(rounded(vector) in file for vector in gone for file in files)
        query = next(iter(drawn(1, seed=99 + step).values()))
        for asking in (index, ExactVectors(folder, graph_rows, most_young_rows=30)):
            for whose, of_tenant in there.items():
                wanted = best_of([*of_tenant], of_tenant, query) if of_tenant else []
                found = ask(database, asking, model_id, query, tenant=whose)
                assert len(found) == len(wanted)
                assert {*found} <= of_tenant.keys()
                missed += len({*wanted} - {*found})
    assert missed <= (10 if graph_rows == 300 else 0)  # of some 900; graphs may hide a hundredth
