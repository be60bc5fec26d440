"""Landmark axes and projection: the same bits as a plain loop over Python floats, whatever the batch."""

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.spatial import landmarks
from hartonomous_core.spatial.landmarks import bucket, landmark_axes, project, scale_for

NO_MEAN = np.zeros(3)


@pytest.fixture(params=["numpy", "compiled"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors are multiplied by NumPy, as the first of a process are, or by compiled code."""
    monkeypatch.setattr(landmarks, "_WORTH_COMPILING", 2**62 if request.param == "numpy" else 0)


def unit_vectors(count: int, dimension: int = 384) -> NDArray[np.float32]:
    vectors = np.random.default_rng(count).normal(size=(count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def left_to_right(vector: list[float], axis: list[float]) -> float:
    total = 0.0
    for v, a in zip(vector, axis, strict=True):
        total += v * a
    return total


def test_axes_are_the_same_as_ever() -> None:
    axes = landmark_axes(384)
    assert {(a, i): float(axes[a, i]).hex() for a in range(3) for i in (0, 200, 383)} == {
        (0, 0): "0x1.ae352a006b679p-5",
        (0, 200): "-0x1.b5191f80f8969p-6",
        (0, 383): "-0x1.0632c73b973fap-4",
        (1, 0): "-0x1.d4af890bfece0p-5",
        (1, 200): "0x1.70562da9389b7p-6",
        (1, 383): "0x1.89ef59fd3abbep-5",
        (2, 0): "-0x1.dd702313a94e1p-6",
        (2, 200): "0x1.19738dfc3d644p-5",
        (2, 383): "-0x1.f16ef3bda527ep-5",
    }


@pytest.mark.parametrize("dimension", [3, 4, 384, 1024])
def test_axes_are_orthonormal(dimension: int) -> None:
    axes = landmark_axes(dimension)
    assert axes.shape == (3, dimension)
    assert np.abs(axes @ axes.T - np.eye(3)).max() < 1e-14


def test_the_first_axis_is_the_hashes_as_numbers_divided_by_their_length() -> None:
    hashes = [hashlib.sha256(f"hartonomous-landmark-v1|0|{i}".encode()).hexdigest() for i in range(5)]
    drawn = [(int(digits[:14], 16) // 8) * 2.0**-52 - 1.0 for digits in hashes]
    length = math.sqrt(left_to_right(drawn, drawn))
    assert landmark_axes(5)[0].tolist() == [x / length for x in drawn]


def test_axes_are_shared_and_cannot_be_changed() -> None:
    axes = landmark_axes(384)
    assert landmark_axes(384) is axes
    with pytest.raises(ValueError, match="read-only"):
        axes[0, 0] = 1.0


def test_fewer_than_three_dimensions_have_no_three_axes() -> None:
    with pytest.raises(ValueError, match="3 dimensions"):
        landmark_axes(2)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dimension", [3, 7, 384, 1024])
def test_projection_gives_the_bits_of_a_plain_loop(dimension: int) -> None:
    vectors, axes, scale = unit_vectors(20, dimension), landmark_axes(dimension), scale_for(dimension)
    mean = np.array([0.01, -0.02, 0.003])
    expected = [
        [(left_to_right(v, a) - m) / scale for a, m in zip(axes.tolist(), mean.tolist(), strict=True)]
        for v in vectors.tolist()
    ]
    assert project(vectors, axes, mean, scale).tolist() == np.clip(expected, -1, 1).tolist()


@pytest.mark.usefixtures("either_way")
def test_coordinates_do_not_depend_on_the_batch_or_on_the_memory_layout() -> None:
    vectors, axes, scale = unit_vectors(5000), landmark_axes(384), scale_for(384)
    together = project(vectors, axes, NO_MEAN, scale)
    assert np.array_equal(project(np.asfortranarray(vectors), axes, NO_MEAN, scale), together)
    assert np.array_equal(project(vectors[::-1], axes, NO_MEAN, scale)[::-1], together)
    for i in (0, 1, 4095, 4096, 4999):
        assert np.array_equal(project(vectors[i : i + 1], axes, NO_MEAN, scale)[0], together[i])


@pytest.mark.slow
def test_a_process_with_few_vectors_loads_no_compiler_and_one_with_many_does() -> None:
    program = """
import sys
import numpy as np
from hartonomous_core.spatial import landmarks
vectors = np.full((10_000, 3), 0.5, dtype=np.float32)
def project(count):
    return landmarks.project(vectors[:count], landmarks.landmark_axes(3), np.zeros(3), 1.0)
few = project(10)
project(10_000)
assert "numba" not in sys.modules
for _ in range(50):
    many = project(10_000)
assert "numba" in sys.modules
assert (many == few[0]).all()
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_scale_spreads_unit_vectors_over_a_quarter_of_the_cube() -> None:
    coordinates = project(unit_vectors(5000), landmark_axes(384), NO_MEAN, scale_for(384))
    assert np.abs(coordinates.std(axis=0) - 0.25).max() < 0.01


@pytest.mark.usefixtures("either_way")
def test_coordinates_are_clipped_to_the_cube() -> None:
    axes = landmark_axes(384)
    far = np.array([axes[0], -axes[0]], dtype=np.float32)
    assert project(far, axes, NO_MEAN, scale_for(384))[:, 0].tolist() == [1.0, -1.0]


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_a_vector_that_is_no_vector_is_refused(bad: float) -> None:
    vectors = unit_vectors(2)
    vectors[1, 7] = bad
    with pytest.raises(ValueError, match="NaN or infinity"):
        project(vectors, landmark_axes(384), NO_MEAN, scale_for(384))


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        project(unit_vectors(2, 10), landmark_axes(384), NO_MEAN, 1.0)


@pytest.mark.usefixtures("either_way")
def test_no_vectors_have_no_coordinates() -> None:
    assert project(unit_vectors(1)[:0], landmark_axes(384), NO_MEAN, 1.0).shape == (0, 3)


def test_buckets_truncate_toward_zero() -> None:
    assert bucket(np.array([0.543, -0.217, 0.891])).tolist() == [5, -2, 8]
    assert bucket(np.array([[1.0, -1.0, -0.099], [0.3, 0.099, -0.0]])).tolist() == [[10, -10, 0], [2, 0, 0]]
