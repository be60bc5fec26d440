"""Ranges of the curve cover a region: no point of it has a value outside of them, and there are as few as asked for."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.hilbert_ranges import ERROR, Region, places_of, ranges_in

COORDINATES = st.one_of(st.floats(-1, 1), st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]))
POINTS = st.tuples(COORDINATES, COORDINATES, COORDINATES)
FULL = [(-1.0, -1.0, -1.0), (1.0, 1.0, 1.0)]


def region(corners: list[tuple[float, float, float]], centre: tuple[float, float, float], radius: float) -> Region:
    low, high = np.sort(np.array(corners), axis=0)
    return Region(low, high, np.array(centre), radius)


def is_inside(points: np.ndarray, of: Region) -> np.ndarray:
    in_box = ((points >= of.low) & (points <= of.high)).all(axis=1)
    return np.asarray(in_box & (np.linalg.norm(points - of.centre, axis=1) <= of.radius))


@settings(max_examples=200, deadline=None)
@given(
    corners=st.lists(POINTS, min_size=2, max_size=2),
    centre=POINTS,
    radius=st.one_of(st.floats(0, 4), st.sampled_from([0.0, 1e-9, 1e-6, np.inf])),
    most=st.sampled_from([1, 2, 64]),
    seed=st.integers(0, 99),
)
@example(FULL, (1.0, 1.0, 1.0), 0.0, 64, 0)
@example(FULL, (0.0, 0.0, 0.0), np.inf, 1, 0)
def test_every_point_of_a_region_is_on_a_range(
    corners: list[tuple[float, float, float]], centre: tuple[float, float, float], radius: float, most: int, seed: int
) -> None:
    of = region(corners, centre, radius)
    ranges = ranges_in(of, most)
    generator = np.random.default_rng(seed)
    reach = min(radius, 2.0)
    points = np.concatenate(
        [
            generator.uniform(of.low, of.high, (200, 3)),
            of.centre + generator.uniform(-reach, reach, (200, 3)),
            np.array([of.low, of.high, of.centre]),
            of.centre + reach * np.concatenate([np.eye(3), -np.eye(3)]),
        ]
    ).clip(-1, 1)

    values = encode(points[is_inside(points, of)])
    covered = ((values[:, None] >= ranges[:, 0]) & (values[:, None] <= ranges[:, 1])).any(axis=1)
    assert covered.all()
    assert len(ranges) <= most
    assert (ranges[:, 0] <= ranges[:, 1]).all()
    assert (ranges[1:, 0] > ranges[:-1, 1] + 1).all()


def test_a_small_ball_is_a_small_part_of_the_curve() -> None:
    generator = np.random.default_rng(1)
    for centre in generator.uniform(-0.9, 0.9, (50, 3)):
        ranges = ranges_in(region(FULL, tuple(centre), 0.05), 64)
        share = (ranges[:, 1] - ranges[:, 0] + 1).sum() / 8.0**21
        assert share < 4 * (4 / 3 * np.pi * 0.05**3) / 8


@pytest.mark.parametrize(
    ("corners", "centre", "radius"),
    [
        (((0.5, 0, 0), (0.4, 1, 1)), (0, 0, 0), np.inf),
        (((0.5, 0.5, 0.5), (1, 1, 1)), (-0.5, -0.5, -0.5), 0.1),
    ],
)
def test_an_empty_region_has_no_range(
    corners: tuple[tuple[float, ...], ...], centre: tuple[float, ...], radius: float
) -> None:
    of = Region(np.array(corners[0]), np.array(corners[1]), np.array(centre), radius)
    assert ranges_in(of, 64).tolist() == []


@given(st.lists(POINTS, min_size=1, max_size=20))
def test_a_value_says_where_its_point_lies(points: list[tuple[float, float, float]]) -> None:
    given_points = np.array(points)
    distances = np.linalg.norm(places_of(encode(given_points)) - given_points, axis=1)
    assert (distances < ERROR).all()
