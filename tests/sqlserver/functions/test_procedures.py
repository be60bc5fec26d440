"""sp_ProjectEmbeddingsToGeometry and sp_CrossModalQuery, executed on small tables."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.landmarks import bucket, landmark_axes, project, scale_for
from tests.tools.tsql_evaluator.server import Server
from tests.tools.tsql_evaluator.values import Point, SqlError

DIMENSION = 6
HOUR, OTHER_HOUR = "2026-11-23-09:00", "2026-11-23-10:00"
NOW = "2026-11-23T09:44:16.123"


def unit_vectors(count: int, seed: int = 0) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype="<f4")


def add_projection(server: Server, model: int, method: str = "landmark") -> None:
    server.table("ProjectionModel").insert(
        {"ModelId": model, "Method": method, "Parameters": "{}", "ArtifactHash": method, "Active": 1, "CreatedAt": NOW}
    )


def add_embedding(server: Server, atom: int, vector: NDArray[np.float32], **columns: Any) -> int:
    table = server.table("AtomEmbedding")
    table.insert(
        {"AtomId": atom, "TenantId": 0, "ModelId": 1, "Dimension": len(vector), "EmbeddingVector": vector.tobytes()}
        | {"IngestHour": HOUR, "CreatedAt": NOW, "WindowCount": 1, **columns}
    )
    return int(table.rows[-1]["atomembeddingid"])


def positions(server: Server) -> list[tuple[Any, ...]]:
    names = ("x", "y", "z", "hilbertvalue", "projectionmodelid")
    return [tuple(row[name] for name in names) for row in server.table("AtomEmbedding").rows]


def published(server: Server) -> list[Any]:
    return [row["atomembeddingid"] for row in server.table("Published").rows]


# ---- projection


def test_what_the_program_projected_is_written_and_nothing_else(server: Server) -> None:
    ids = [add_embedding(server, atom, vector) for atom, vector in enumerate(unit_vectors(3), start=1)]
    rows = [
        {"X": 0.1 * i, "Y": -0.2, "Z": 0.3, "HilbertValue": 7 + i, "ProjectionModelId": 5, "AtomEmbeddingId": ids[i]}
        for i in (0, 2)
    ]
    for procedure, name in (("sp_ProjectEmbeddingsToGeometry", "Embeddings"), ("usp_project_embedding", "rows")):
        assert server.execute(procedure, **{name: rows}) == [[{"rowsChanged": 2}]]
    assert published(server) == [ids[0], ids[2]]  # once: the program publishes what it projects itself
    assert positions(server) == [(0.0, -0.2, 0.3, 7, 5), (None,) * 5, (0.2, -0.2, 0.3, 9, 5)]


def test_columns_that_follow_from_the_position_follow(server: Server) -> None:
    row_id = add_embedding(server, 1, unit_vectors(1)[0])
    [row] = server.table("AtomEmbedding").rows
    assert [row[name] for name in ("spatialkey", "spatialbucketx")] == [None, None]

    position = {"X": 0.543, "Y": -0.217, "Z": 0.891}
    server.execute(
        "usp_project_embedding",
        rows=[{**position, "HilbertValue": 1, "ProjectionModelId": 1, "AtomEmbeddingId": row_id}],
    )
    assert row["spatialkey"] == Point(0.543, -0.217, 0.891, 0)
    assert [row[f"spatialbucket{axis}"] for axis in "xyz"] == [5, -2, 8]


@pytest.mark.parametrize("coordinate", [1.0, -1.0, 0.3, -0.3, 0.7, 0.09999999999999999, -0.0])
def test_buckets_are_those_of_python(server: Server, coordinate: float) -> None:
    row_id = add_embedding(server, 1, unit_vectors(1)[0])
    row = {"X": coordinate, "Y": 0.0, "Z": 0.0, "HilbertValue": 1, "ProjectionModelId": 1, "AtomEmbeddingId": row_id}
    server.execute("usp_project_embedding", rows=[row])
    assert server.table("AtomEmbedding").rows[0]["spatialbucketx"] == bucket(np.array([coordinate]))[0]


def test_without_rows_it_projects_what_has_no_position_as_python_does(server: Server) -> None:
    vectors = unit_vectors(5)
    add_projection(server, model=1)
    for atom, vector in enumerate(vectors, start=1):
        add_embedding(server, atom, vector)

    done = [server.execute("sp_ProjectEmbeddingsToGeometry", BatchSize=3)[-1][0]["rowsChanged"] for _ in range(3)]

    expected = project(vectors, landmark_axes(DIMENSION), np.zeros(3), scale_for(DIMENSION))
    written = positions(server)
    assert done == [3, 2, 0]
    assert sorted(published(server)) == [1, 2, 3, 4, 5]
    assert np.abs(np.array([row[:3] for row in written]) - expected).max() < 1e-9
    # The value is that of the coordinates that were written.
    assert [row[3] for row in written] == encode(np.array([row[:3] for row in written])).tolist()
    assert {row[4] for row in written} == {1}


def test_it_projects_only_the_hour_and_the_model_that_are_asked_for(server: Server) -> None:
    vectors = unit_vectors(3)
    for model in (1, 2):
        add_projection(server, model)
    add_embedding(server, 1, vectors[0])
    add_embedding(server, 1, vectors[1], ModelId=2)
    add_embedding(server, 2, vectors[2], IngestHour=OTHER_HOUR)

    assert server.execute("sp_ProjectEmbeddingsToGeometry", Hour=OTHER_HOUR)[-1] == [{"rowsChanged": 1}]
    assert [row[4] for row in positions(server)] == [None, None, 1]
    assert server.execute("sp_ProjectEmbeddingsToGeometry", ModelId=2)[-1] == [{"rowsChanged": 1}]
    assert [row[4] for row in positions(server)] == [None, 2, 1]


def test_another_method_than_landmark_is_the_programs(server: Server) -> None:
    add_projection(server, model=1)
    add_projection(server, model=2, method="umap")
    add_embedding(server, 1, unit_vectors(1)[0])

    for parameters in ({}, {"ModelId": 2}):
        with pytest.raises(SqlError, match="the program must project") as raised:
            server.execute("sp_ProjectEmbeddingsToGeometry", **parameters)
        assert raised.value.number == 51020
    assert server.execute("sp_ProjectEmbeddingsToGeometry", ModelId=1)[-1] == [{"rowsChanged": 1}]


# ---- search


def add_atom(server: Server, text: str, *, tenant: int = 0, modality: str = "text", by_hand: int = 1) -> int:
    table = server.table("Atom")
    columns = {
        "TenantId": tenant,
        "Modality": modality,
        "Subtype": "sentence",
        "ContentHash": text.encode().ljust(32, b"\xab"),
    }
    columns |= {
        "CanonicalText": text,
        "InsertedByHand": by_hand,
        "ReferenceCount": 0,
        "IngestHour": HOUR,
        "CreatedAt": NOW,
    }
    table.insert(columns)
    return int(table.rows[-1]["atomid"])


def add_source(server: Server, atom: int, *, status: str = "Atomized", superseded_by: int | None = None) -> None:
    table = server.table("Source")
    columns = {
        "TenantId": 0,
        "SourceUri": "u",
        "Version": 1,
        "SupersededBy": superseded_by,
        "ContentType": "text/plain",
    }
    columns |= {
        "ByteLength": 1,
        "IngestHour": HOUR,
        "Status": status,
        "MessageId": "m",
        "AttemptCount": 0,
        "Metadata": "{}",
    }
    table.insert({**columns, "ReceivedAt": NOW, "LastSeenAt": NOW})
    source = table.rows[-1]["sourceid"]
    server.table("SourceAtom").insert({"SourceId": source, "Role": "content", "Ordinal": 0, "AtomId": atom})


def found(server: Server, queries: dict[int, NDArray[np.float32]], **parameters: Any) -> list[dict[str, Any]]:
    rows = [{"ModelId": model, "EmbeddingVector": vector.tobytes()} for model, vector in queries.items()]
    [result] = server.execute("sp_CrossModalQuery", **{"TenantId": 0, "Queries": rows, **parameters})
    return result


def fused(*rankings: list[int]) -> list[tuple[int, float]]:
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, atom in enumerate(ranking, start=1):
            scores[atom] = scores.get(atom, 0.0) + 1 / (60 + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def test_ranks_of_all_models_are_fused(server: Server) -> None:
    first, second, queries = unit_vectors(12, seed=1), unit_vectors(12, seed=2), unit_vectors(2, seed=3)
    atoms = [add_atom(server, f"text {i}") for i in range(12)]
    for atom, one, other in zip(atoms, first, second, strict=True):
        add_embedding(server, atom, one)
        add_embedding(server, atom, other, ModelId=2)
    rankings = [
        [atoms[i] for i in np.argsort(-(vectors.astype(np.float64) @ query.astype(np.float64)), kind="stable")]
        for vectors, query in ((first, queries[0]), (second, queries[1]))
    ]

    results = found(server, {1: queries[0], 2: queries[1]}, K=5)

    expected = fused(*rankings)[:5]
    assert [row["atomId"] for row in results] == [atom for atom, _ in expected]
    assert [row["score"] for row in results] == pytest.approx([score for _, score in expected], abs=1e-15)
    assert [row["rank"] for row in results] == [1, 2, 3, 4, 5]
    best = results[0]["atomId"]
    assert results[0] == {
        **{"rank": 1, "score": results[0]["score"], "atomId": best, "modality": "text", "subtype": "sentence"},
        "atomHash": f"text {best - 1}".encode().ljust(32, b"\xab").hex(),
        "text": f"text {best - 1}",
    }


def test_equal_scores_go_by_atom(server: Server) -> None:
    vector = unit_vectors(1)[0]
    for text in ("b", "a", "c"):
        add_embedding(server, add_atom(server, text), vector)
    assert [row["atomId"] for row in found(server, {1: vector})] == [1, 2, 3]


def test_only_atoms_that_a_search_may_show_are_found(server: Server) -> None:
    vector = unit_vectors(1)[0]
    shown = add_atom(server, "held by a current source", by_hand=0)
    by_hand = add_atom(server, "inserted by hand")
    superseded = add_atom(server, "of a superseded source", by_hand=0)
    unfinished = add_atom(server, "of a source in work", by_hand=0)
    unheld = add_atom(server, "held by nothing", by_hand=0)
    add_source(server, shown)
    add_source(server, superseded, superseded_by=1)
    add_source(server, unfinished, status="Atomizing")
    for atom in (shown, by_hand, superseded, unfinished, unheld):
        add_embedding(server, atom, vector)

    assert [row["atomId"] for row in found(server, {1: vector})] == [shown, by_hand]


def test_no_read_crosses_tenants(server: Server) -> None:
    vector = unit_vectors(1)[0]
    own, other = add_atom(server, "own"), add_atom(server, "theirs", tenant=7)
    add_embedding(server, own, vector)
    add_embedding(server, other, vector, TenantId=7)

    assert [row["text"] for row in found(server, {1: vector})] == ["own"]
    assert [row["text"] for row in found(server, {1: vector}, TenantId=7)] == ["theirs"]


def test_a_modality_narrows_the_search_before_ranks_are_given(server: Server) -> None:
    vectors = unit_vectors(4)
    for i, vector in enumerate(vectors):
        add_embedding(server, add_atom(server, f"t{i}", modality="image" if i % 2 else "text"), vector)

    results = found(server, {1: vectors[0]}, Modality="image")
    assert {row["modality"] for row in results} == {"image"}
    assert [row["score"] for row in results] == pytest.approx([1 / 61, 1 / 62], abs=1e-15)


def test_a_query_of_another_dimension_finds_nothing(server: Server) -> None:
    vector = unit_vectors(1)[0]
    add_embedding(server, add_atom(server, "text"), vector)
    assert found(server, {1: vector[:5]}) == []


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_query_that_is_no_number_is_refused(server: Server, value: float) -> None:
    vectors = unit_vectors(2)
    add_embedding(server, add_atom(server, "text"), vectors[0])
    vectors[1][3] = value
    with pytest.raises(SqlError, match="NaN or infinity") as raised:
        found(server, {1: vectors[0], 2: vectors[1]})
    assert raised.value.number == 51012
