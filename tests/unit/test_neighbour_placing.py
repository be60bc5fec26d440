"""Vectors are placed beside their neighbours in a sample: by themselves, near where they belong, and from an artefact as before."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.spatial.fitted import (
    DamagedArtifact,
    FitOptions,
    ProjectionUnavailable,
    fit,
    from_artifact,
    to_artifact,
)
from hartonomous_core.spatial.neighbour_placing import NeighbourPlacing, _whole
from hartonomous_core.spatial.projection_quality import trustworthiness_of

DIMENSION = 24


def drawn(count: int, seed: int = 1, groups: int = 12, noise: float = 0.5) -> NDArray[np.float32]:
    """Unit vectors in some groups."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((groups, DIMENSION))
    vectors = centres[random.integers(groups, size=count)] + noise * random.standard_normal((count, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def placing() -> NeighbourPlacing:
    vectors = drawn(3000)
    return NeighbourPlacing.of(vectors, np.clip(vectors[:, :3].astype(np.float64), -1, 1), 15, 0)


def test_sums_of_whole_numbers_are_exact_in_whatever_order() -> None:
    for dimension in (3, 384, 1536):
        vectors = np.random.default_rng(2).standard_normal((200, dimension)).astype(np.float32)
        one = np.zeros((1, dimension), dtype=np.float32)
        one[0, 0] = 1
        whole = _whole(np.concatenate([vectors, one]))
        exact = whole.astype(np.int64) @ whole.astype(np.int64).T

        assert np.abs(exact).max() <= 2**24
        assert np.array_equal((whole @ whole.T).astype(np.int64), exact)
        assert np.array_equal((whole[:, ::-1] @ whole[:, ::-1].T).astype(np.int64), exact)


def test_a_place_depends_on_no_other_vector_in_the_call(placing: NeighbourPlacing) -> None:
    asked = drawn(500, seed=3)
    together = placing.place(asked)

    assert np.array_equal(placing.place(asked[::-1])[::-1], together)
    assert np.array_equal(np.concatenate([placing.place(asked[i : i + 1]) for i in range(50)]), together[:50])
    assert placing.place(asked[:0]).shape == (0, 3)
    assert np.abs(together).max() <= 1


def test_what_is_in_the_sample_keeps_its_place(placing: NeighbourPlacing) -> None:
    assert np.array_equal(placing.place(drawn(3000)), drawn(3000)[:, :3].astype(np.float64))


def test_neighbourhoods_remain_about_as_good_as_in_the_sample(placing: NeighbourPlacing) -> None:
    asked = drawn(600, seed=4)

    placed = trustworthiness_of(asked, placing.place(asked))

    assert placed > trustworthiness_of(asked, asked[:, :3].astype(np.float64))  # as the sample itself lies
    assert trustworthiness_of(asked, np.random.default_rng(5).uniform(-1, 1, (600, 3))) < 0.6 < placed


@pytest.mark.parametrize("count", [1, 2, 14, 65, 130])
def test_a_sample_may_be_small(count: int) -> None:
    sample = drawn(count)
    small = NeighbourPlacing.of(sample, np.zeros((count, 3)), 15, 0)

    assert np.array_equal(small.place(drawn(20, seed=6)), np.zeros((20, 3)))


def test_vectors_need_not_have_unit_length_and_may_be_zero(placing: NeighbourPlacing) -> None:
    asked = drawn(10, seed=7)

    assert np.allclose(placing.place(asked * np.float32(3e30)), placing.place(asked))
    assert np.isfinite(placing.place(np.zeros((2, DIMENSION), dtype=np.float32))).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_no_number_has_no_place(placing: NeighbourPlacing, value: float) -> None:
    asked = drawn(3, seed=8)
    asked[1, 2] = value

    with pytest.raises(ValueError, match="NaN or infinity"):
        placing.place(asked)


def test_another_length_is_refused(placing: NeighbourPlacing) -> None:
    with pytest.raises(ValueError, match="24 components"):
        placing.place(np.ones((1, 3), dtype=np.float32))


# ---- artefacts


def test_an_artefact_places_as_what_was_fitted_did(placing: NeighbourPlacing) -> None:
    content = to_artifact("umap", placing)
    again = from_artifact("umap", DIMENSION, content)

    assert np.array_equal(again.place(drawn(100, seed=9)), placing.place(drawn(100, seed=9)))
    assert to_artifact("umap", again) == content


def test_an_artefact_of_another_model_or_method_is_refused(placing: NeighbourPlacing) -> None:
    content = to_artifact("umap", placing)

    with pytest.raises(DamagedArtifact, match="24 components, those of the model 25"):
        from_artifact("umap", 25, content)
    with pytest.raises(DamagedArtifact):
        from_artifact("pca", DIMENSION, content)
    with pytest.raises(DamagedArtifact):
        from_artifact("tsne", DIMENSION, to_artifact("pca", fit("pca", drawn(50), FitOptions())))


def changed(**tensors: Any) -> bytes:
    from safetensors.numpy import load, save

    vectors = drawn(100)
    placing = NeighbourPlacing.of(vectors, vectors[:, :3].astype(np.float64), 15, 0)
    return save({**load(to_artifact("umap", placing)), **tensors})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"\xff" * 100,
        changed()[:-1],
        changed(points=np.full((100, 3), np.nan)),
        changed(points=np.zeros((99, 3))),
        changed(starts=np.array([0, 500], dtype=np.int32)),
        changed(near=np.full((13, 13), 999, dtype=np.int16)),
        changed(n_neighbors=np.array([0], dtype=np.int32)),
        changed(n_neighbors=np.array([1, 2], dtype=np.int32)),
    ],
)
def test_a_damaged_artefact_is_refused(content: bytes) -> None:
    with pytest.raises(DamagedArtifact):
        from_artifact("umap", DIMENSION, content)


# ---- fits


def test_pca_is_the_directions_of_most_variance_and_the_same_each_time() -> None:
    vectors = drawn(500)
    placing = fit("pca", vectors, FitOptions())

    places = placing.place(vectors)
    centred = vectors - vectors.mean(axis=0)
    _, singular, _ = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    assert places.std(axis=0) == pytest.approx(singular[:3] / singular[0] / 4, rel=1e-4)
    assert np.abs(places.mean(axis=0)).max() < 1e-6
    assert to_artifact("pca", fit("pca", vectors[::-1].copy(), FitOptions())) == to_artifact("pca", placing)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["umap", "tsne"])
def test_new_vectors_fit_into_a_map_as_its_own_do_and_it_is_the_same_each_time(method: str) -> None:
    vectors, asked = drawn(400, groups=20, noise=0.2), drawn(200, seed=11, groups=20, noise=0.2)
    options = FitOptions(seed=3, n_neighbors=10)

    placing = fit(method, vectors, options)

    placed = trustworthiness_of(asked, placing.place(asked))
    assert placed > 0.8 and placed > trustworthiness_of(vectors[:200], placing.place(vectors[:200])) - 0.05
    assert to_artifact(method, fit(method, vectors, options)) == to_artifact(method, placing)


@pytest.mark.parametrize(
    ("vectors", "problem"),
    [
        (drawn(1), "17 vectors at least, and there are 1"),
        (drawn(16), "17 vectors at least, and there are 16"),
        (np.tile(drawn(1), (100, 1)), "of 100 vectors only 1 differ"),
    ],
)
def test_a_sample_that_says_nothing_is_refused(vectors: NDArray[np.float32], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fit("umap", vectors, FitOptions())


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "openTSNE", None)

    with pytest.raises(
        ProjectionUnavailable, match=r"openTSNE is not installed: pip install 'hartonomous\[projections\]'"
    ):
        fit("tsne", drawn(100), FitOptions())
