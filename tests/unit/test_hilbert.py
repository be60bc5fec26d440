"""Hilbert values: the integers of Skilling's paper, for every number of bits, and the inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hartonomous_core.spatial.hilbert import decode, encode
from tests import hilbert_by_levels


def skilling(point: list[int], bits: int) -> int:
    """The paper's AxestoTranspose for one point, plain Python, then the bits of the axes interleaved."""
    x = list(point)
    q = 1 << (bits - 1)
    while q > 1:
        for i in range(3):
            if x[i] & q:
                x[0] ^= q - 1
            else:
                t = (x[0] ^ x[i]) & (q - 1)
                x[0] ^= t
                x[i] ^= t
        q >>= 1
    for i in (1, 2):
        x[i] ^= x[i - 1]
    t = 0
    q = 1 << (bits - 1)
    while q > 1:
        if x[2] & q:
            t ^= q - 1
        q >>= 1
    digits = ["".join(f"{axis ^ t:0{bits}b}"[level] for axis in x) for level in range(bits)]
    return int("".join(digits), 2)


def centres(grid: NDArray[np.int64], bits: int) -> NDArray[np.float64]:
    return np.asarray(grid / (2**bits - 1) * 2.0 - 1.0, dtype=np.float64)


def whole_cube(bits: int) -> NDArray[np.int64]:
    axis = np.arange(2**bits)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)


@pytest.mark.parametrize("bits", range(1, 22))
def test_values_are_those_of_the_paper_and_decode_inverts_them(bits: int) -> None:
    rng = np.random.default_rng(bits)
    grid = rng.integers(0, 2**bits, (200, 3))
    grid[:4] = [[0, 0, 0], [2**bits - 1] * 3, [2**bits - 1, 0, 0], [0, 0, 2**bits - 1]]
    values = encode(centres(grid, bits), bits)
    assert values.tolist() == [skilling(point, bits) for point in grid.tolist()]
    assert decode(values, bits).tolist() == grid.tolist()


@pytest.mark.parametrize("bits", range(1, 22))
def test_values_are_those_of_the_paper_level_by_level(bits: int) -> None:
    rng = np.random.default_rng(bits)
    points = rng.uniform(-1.01, 1.01, (20_000, 3))
    points[:2000] = np.nextafter(centres(rng.integers(0, 2**bits, (2000, 3)), bits), rng.choice([-2.0, 2.0], (2000, 3)))
    points[2000:4000] = (rng.integers(0, 2**bits, (2000, 3)) + 0.5) / (
        2**bits - 1
    ) * 2 - 1  # half way, as near as can be
    points[4000:4100, 2] = np.nan
    assert np.array_equal(encode(points, bits), hilbert_by_levels.encode(points, bits))


@settings(derandomize=True, deadline=None, max_examples=500)
@given(
    st.tuples(*[st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300)] * 3),
    st.integers(1, 21),
)
def test_any_point_has_the_value_of_the_paper(point: tuple[float, float, float], bits: int) -> None:
    points = np.array([point])
    assert encode(points, bits).tolist() == hilbert_by_levels.encode(points, bits).tolist()


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_the_curve_visits_every_cell_of_a_cube_once(bits: int) -> None:
    values = encode(centres(whole_cube(bits), bits), bits)
    assert np.array_equal(np.sort(values), np.arange(8**bits))


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 5])
def test_successive_cells_are_one_step_apart_along_one_axis(bits: int) -> None:
    path = decode(np.arange(8**bits), bits).astype(np.int64)
    assert (np.abs(np.diff(path, axis=0)).sum(axis=1) == 1).all()


def test_values_are_the_same_as_ever() -> None:
    points = np.array(
        [
            [0, 0, 0],
            [-1, -1, -1],
            [1, 1, 1],
            [1, -1, -1],
            [0.543, -0.217, 0.891],
            [0.1, 0.2, 0.3],
            [-0.7, 0.05, -0.999],
        ]
    )
    # Confirmed with the package hilbertcurve 2.0.5.
    assert encode(points).tolist() == [
        5764607523034234880,
        0,
        6588122883467697005,
        9223372036854775807,
        7172086692397474077,
        5898041956315283678,
        4449793948911155104,
    ]


def test_a_missing_z_counts_as_zero() -> None:
    assert encode(np.array([[-0.25, 0.5, np.nan]])).tolist() == encode(np.array([[-0.25, 0.5, 0.0]])).tolist()


@pytest.mark.parametrize("axis", [0, 1])
def test_a_missing_x_or_y_is_an_error(axis: int) -> None:
    point = np.zeros((1, 3))
    point[0, axis] = np.nan
    with pytest.raises(ValueError, match="x and y"):
        encode(point)


def test_coordinates_outside_the_cube_are_clamped() -> None:
    outside = np.array([[5.0, -np.inf, 1.0000001], [np.inf, -1.5, 7]])
    assert decode(encode(outside)).tolist() == [[2**21 - 1, 0, 2**21 - 1]] * 2


def test_a_coordinate_half_way_between_two_lines_goes_to_the_even_one() -> None:
    # With 2 bits, 0.0 is at 1.5: exactly half way, so on line 2. With 1 bit it is at 0.5, so on line 0.
    assert decode(encode(np.zeros((1, 3)), 2), 2).tolist() == [[2, 2, 2]]
    assert decode(encode(np.zeros((1, 3)), 1), 1).tolist() == [[0, 0, 0]]


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.tuples(*[st.floats(-1, 1)] * 3), st.integers(1, 21))
def test_a_point_lies_on_the_line_that_python_rounds_to(point: tuple[float, float, float], bits: int) -> None:
    expected = [round((c + 1) / 2 * (2**bits - 1)) for c in point]
    assert decode(encode(np.array([point]), bits), bits).tolist() == [expected]


def test_a_value_does_not_depend_on_the_other_points() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (40_000, 3))
    together = encode(points)
    for i in (0, 16_383, 16_384, 39_999):
        assert encode(points[i : i + 1])[0] == together[i]


def test_the_points_given_are_not_changed() -> None:
    points = np.array([[0.1, 0.2, np.nan]])
    encode(points)
    assert np.isnan(points[0, 2])


def test_no_points_have_no_values() -> None:
    assert encode(np.empty((0, 3))).shape == (0,)
    assert decode(np.empty(0, dtype=np.int64)).shape == (0, 3)


@pytest.mark.parametrize("bits", [0, 22, -1])
def test_bits_that_do_not_fit_are_refused(bits: int) -> None:
    with pytest.raises(ValueError, match="bits"):
        encode(np.zeros((1, 3)), bits)
    with pytest.raises(ValueError, match="bits"):
        decode(np.zeros(1, dtype=np.int64), bits)


@pytest.mark.parametrize("value", [-1, 8])
def test_a_value_outside_the_curve_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="values"):
        decode(np.array([value]), 1)


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        encode(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="shape"):
        decode(np.zeros((2, 2), dtype=np.int64))
