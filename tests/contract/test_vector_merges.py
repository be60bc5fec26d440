"""Merges: few segments, true to the database, and each row written a few times."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors import merging
from hartonomous_resources.vectors.exact import ExactVectors
from hartonomous_resources.vectors.protocol import VectorIndex
from hartonomous_resources.vectors.segments import SegmentWriter, read_segment
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
