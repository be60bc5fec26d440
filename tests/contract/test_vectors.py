"""What every index of vectors promises: the nearest atoms that a search may show, exactly, in one order."""

import math
import tracemalloc
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.embedders.text_native import NativeTextEmbedder
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.vectors import filling, ranking
from hartonomous_resources.vectors.protocol import VectorIndex
from tests.contract.drawn_vectors import DIMENSION, best_of, drawn

Vector = NDArray[np.float32]
Nearest = Callable[..., list[tuple[int, float]]]
Put = Callable[..., list[int]]

X, Y, Z = np.eye(3, dtype=np.float32)


def between(degrees: float) -> Vector:
    """The unit vector so far from X, towards Y."""
    return np.array([math.cos(math.radians(degrees)), math.sin(math.radians(degrees)), 0], dtype=np.float32)


@pytest.fixture
def nearest(database: Database, vectors: VectorIndex) -> Nearest:
    """The nearest atoms as plain tuples, by default tenant 0's nearest to X."""

    def ask(model_id: int, k: int = 10, query: Vector = X, tenant: int = 0, **filters: Any) -> list[tuple[int, float]]:
        with database.read() as unit_of_work:
            return [tuple(hit) for hit in vectors.nearest(unit_of_work, tenant, model_id, query, k, **filters)]

    return ask


def ids_of(hits: Sequence[tuple[int, float]]) -> list[int]:
    return [atom_id for atom_id, _ in hits]


def random_vectors(n: int, seed: int) -> Vector:
    """Unit vectors, float32 (n, 384)."""
    drawn = np.random.default_rng(seed).standard_normal((n, 384)).astype(np.float32)
    unit: Vector = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def test_the_nearest_of_real_vectors_are_those_that_numpy_finds(
    make_model: Callable[..., int],
    put_vectors: Put,
    nearest: Nearest,
    embedder: NativeTextEmbedder,
    sts_pairs: list[tuple[str, str, float]],
) -> None:
    texts = list(dict.fromkeys(text for first, second, _ in sts_pairs[:300] for text in (first, second)))
    vectors = embedder.embed(texts).vectors
    model_id = make_model(dimension=384)
    ids = put_vectors(model_id, dict(zip(texts, vectors, strict=True)))
    for question in ("A man is playing a guitar.", "A plane is taking off.", "Oil prices fell."):
        query = embedder.embed([question]).vectors[0]
        cosines = dict(zip(ids, vectors.astype(np.float64) @ query.astype(np.float64), strict=True))

        hits = nearest(model_id, 25, query)

        assert [score for _, score in hits] == pytest.approx(sorted(cosines.values(), reverse=True)[:25], abs=1e-6)
        assert [score for _, score in hits] == pytest.approx([cosines[atom_id] for atom_id, _ in hits], abs=1e-6)


def test_blocks_make_no_difference(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = make_model()
    ids = put_vectors(model_id, {f"text {n}": between(n) for n in range(50)})
    monkeypatch.setattr(filling, "ROWS_PER_BLOCK", 7)

    assert ids_of(nearest(model_id, 20)) == ids[:20]
    assert ids_of(nearest(model_id, 100)) == ids


@pytest.mark.parametrize("one_look_is_enough", [True, False])
def test_of_many_rows_few_more_are_read_than_are_found(
    make_model: Callable[..., int],
    put_vectors: Put,
    nearest: Nearest,
    monkeypatch: pytest.MonkeyPatch,
    one_look_is_enough: bool,
) -> None:
    """Whether the first look is enough, or leaves the nearest of all to the second."""
    model_id = make_model(dimension=DIMENSION)
    vectors = drawn(1000, seed=5)
    ids = put_vectors(model_id, vectors)
    [query] = drawn(1, seed=6).values()
    read: list[int] = []
    by_id = ranking.read_vectors_by_id

    def count(*given: Any) -> Any:
        read.append(len(given[-1]))
        return by_id(*given)

    monkeypatch.setattr(ranking, "read_vectors_by_id", count)
    if not one_look_is_enough:
        monkeypatch.setattr(ranking, "_ROWS_A_HIT", 1)
        monkeypatch.setattr(ranking, "_ROWS_FIRST", 0)

    hits = nearest(model_id, 100, query)

    assert ids_of(hits) == best_of(ids, vectors, query, 100)
    assert sum(read) < 200
    assert len(read) <= 2


def test_the_score_is_the_cosine_and_the_best_come_first(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest
) -> None:
    model_id = make_model()
    far, near, opposite = put_vectors(model_id, {"far": between(90), "near": between(60), "opposite": -X})

    hits = nearest(model_id)

    assert ids_of(hits) == [near, far, opposite]
    assert [score for _, score in hits] == pytest.approx([0.5, 0, -1], abs=1e-6)
    assert hits[:2] == nearest(model_id, 2)


@pytest.mark.parametrize("n", [5, 1021])
def test_equally_near_ones_come_in_the_order_of_their_ids(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest, n: int
) -> None:
    alike, query = random_vectors(2, seed=3)
    model_id = make_model(dimension=384)
    ids = sorted(put_vectors(model_id, {f"text {number}": alike for number in range(n)}))

    assert ids_of(nearest(model_id, n, query)) == ids
    assert ids_of(nearest(model_id, 3, query)) == ids[:3]


def test_tenants_and_models_see_their_own(make_model: Callable[..., int], put_vectors: Put, nearest: Nearest) -> None:
    one, two = make_model("one"), make_model("two")
    of_zero = put_vectors(one, {"a": X})
    of_seven = put_vectors(one, {"a": X}, tenant=7)
    by_two = put_vectors(two, {"b": X}, uri="file:///other")

    assert ids_of(nearest(one)) == of_zero
    assert ids_of(nearest(one, tenant=7)) == of_seven
    assert ids_of(nearest(two)) == by_two
    assert nearest(two, tenant=7) == []


def test_of_one_modality_if_one_is_given(make_model: Callable[..., int], put_vectors: Put, nearest: Nearest) -> None:
    model_id = make_model()
    text, chunk = put_vectors(model_id, {"text": X, b"chunk": X})

    assert ids_of(nearest(model_id, atom_filter=AtomFilter(modality="text"))) == [text]
    assert ids_of(nearest(model_id, atom_filter=AtomFilter(modality="binary"))) == [chunk]
    assert nearest(model_id, atom_filter=AtomFilter(modality="image")) == []


@pytest.mark.parametrize("few", [100, 1])
def test_those_of_a_source_however_many_others_are_nearer(
    make_model: Callable[..., int],
    put_vectors: Put,
    nearest: Nearest,
    monkeypatch: pytest.MonkeyPatch,
    few: int,
) -> None:
    monkeypatch.setattr("hartonomous_resources.database.searchable_atoms.FEW_ATOMS", few)
    model_id = make_model()
    wanted = put_vectors(model_id, {"far": between(80), "near": between(70)}, uri="mail:1")
    put_vectors(model_id, {f"text {n}": between(n / 10) for n in range(300)}, uri="mail:2")

    assert ids_of(nearest(model_id, 5, atom_filter=AtomFilter(uri_prefix="mail:1"))) == wanted[::-1]
    assert nearest(model_id, atom_filter=AtomFilter(uri_prefix="file:")) == []


def test_superseded_ones_are_hidden_however_many_are_nearer(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest
) -> None:
    model_id = make_model()
    put_vectors(model_id, {f"old {n}": X for n in range(40)})
    current = put_vectors(model_id, {"new 1": Y, "new 2": Z})

    assert ids_of(nearest(model_id, 2)) == current


def test_a_deleted_vector_is_gone_at_once(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest, client: Any
) -> None:
    model_id = make_model()
    first, second = put_vectors(model_id, {"a": X, "b": Y})
    assert ids_of(nearest(model_id)) == [first, second]

    client.cursor().execute("DELETE FROM AtomEmbedding WHERE AtomId = ?", (first,))
    client.commit()

    assert ids_of(nearest(model_id)) == [second]


@pytest.mark.parametrize("component", [math.nan, math.inf, -math.inf])
def test_what_is_no_vector_is_left_out(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest, component: float
) -> None:
    model_id = make_model()
    _, whole = put_vectors(model_id, {"broken": np.array([1, component, 0], dtype=np.float32), "whole": Y})

    assert ids_of(nearest(model_id)) == [whole]
    assert nearest(model_id, query=np.ones(4, dtype=np.float32)) == []


def test_memory_is_bounded_by_the_block(
    make_model: Callable[..., int], put_vectors: Put, nearest: Nearest, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = random_vectors(6000, seed=4)
    model_id = make_model(dimension=384)
    put_vectors(model_id, {f"text {number}": vector for number, vector in enumerate(vectors)})
    monkeypatch.setattr(filling, "ROWS_PER_BLOCK", 500)
    nearest(model_id, 10, vectors[0])

    tracemalloc.start()
    nearest(model_id, 10, vectors[0])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < vectors.nbytes / 2
