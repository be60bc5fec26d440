"""Ranges of the Hilbert curve that cover a part of the cube [-1, 1]^3, and where in the cube a value of the curve lies.

A cell of half the cube's edge, of a quarter and so on is one run of the curve. So a region is covered by the runs of the cells that meet it, the
smallest cells of which there are not too many.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.hilbert import MAX_BITS, decode, encode_lines, grid_lines

Points = NDArray[np.float64]

_LAST_LINE = (1 << MAX_BITS) - 1
HALF_CELL = 1.0 / _LAST_LINE
"""No coordinate is farther than this from its grid line."""
ERROR = 2.0 * HALF_CELL
"""No point is farther than this from the place that its Hilbert value says: the square root of 3 half cells, and what rounding adds."""
_MOST_CELLS = 512
_LEVELS = np.arange(MAX_BITS + 1)[:, None]


@dataclass(frozen=True, slots=True)
class Region:
    """What lies in a box and in a ball: of the points from `low` to `high`, each (3,) float64, those at most `radius` from `centre`.

    A border belongs to it. An infinite radius is no ball.
    """

    low: Points
    high: Points
    centre: Points
    radius: float = np.inf

    def reach(self) -> float:
        """Return how far from the centre the box ends."""
        return float(np.linalg.norm(np.maximum(np.abs(self.low - self.centre), np.abs(self.high - self.centre))))


def places_of(values: NDArray[np.int64]) -> Points:
    """Return where Hilbert values of 21 bits an axis lie, (n,) int64 -> (n, 3) float64: no point with the value is farther away than ERROR."""
    return decode(values).astype(np.float64) * (2.0 / _LAST_LINE) - 1.0


def ranges_in(region: Region, most: int) -> NDArray[np.int64]:
    """Return at most `most` ranges of Hilbert values that cover a region of the cube, (m, 2) int64: in order, apart, both ends within.

    A point of the region has a value in one of them; not every point with such a value is in the region. None where it is empty.
    """
    lowest, highest = (np.clip(corner, -1.0, 1.0) for corner in _bounds(region))
    if (lowest > highest).any() or (region.low > region.high).any():
        return np.empty((0, 2), dtype=np.int64)
    cells, size = _cells(grid_lines(np.stack([lowest, highest])))
    if np.isfinite(region.radius):
        cells = cells[_meets_ball(cells, size, region)]
    if not len(cells):
        return np.empty((0, 2), dtype=np.int64)
    run = size**3
    firsts = np.sort(encode_lines(cells)) & ~np.int64(run - 1)
    return _joined(firsts, run, most)


def _bounds(region: Region) -> tuple[Points, Points]:
    radius = region.radius + ERROR  # what squares to nothing counts as no distance
    return np.maximum(region.low, region.centre - radius), np.minimum(region.high, region.centre + radius)


def _cells(lines: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the cells that a box of grid lines, (2, 3), meets, by their first lines, and their edge: the smallest that are not too many."""
    sides = (lines[1] >> _LEVELS) - (lines[0] >> _LEVELS) + 1
    level = int(np.argmax(sides.prod(axis=1, dtype=np.float64) <= _MOST_CELLS))
    steps = np.indices(sides[level]).reshape(3, -1).T
    return (steps + (lines[0] >> level)) << level, 1 << level


def _meets_ball(cells: NDArray[np.int64], size: int, region: Region) -> NDArray[np.bool_]:
    """Tell which cells, by their first grid lines, (n, 3), and their edge in lines, come as near to the centre as the radius."""
    low, high = cells * (2.0 / _LAST_LINE) - 1.0, (cells + (size - 1)) * (2.0 / _LAST_LINE) - 1.0
    beside = np.maximum(np.maximum(low - region.centre, region.centre - high), 0.0)
    near: NDArray[np.bool_] = (beside * beside).sum(axis=1) <= (region.radius + ERROR) ** 2
    return near


def _joined(firsts: NDArray[np.int64], run: int, most: int) -> NDArray[np.int64]:
    """Join runs, by their first values in order, over the smallest gaps until they are few enough."""
    gaps = np.diff(firsts) - run
    kept = gaps > 0
    if np.count_nonzero(kept) >= most:
        kept = np.zeros_like(kept)
        kept[np.argsort(gaps, kind="stable")[len(gaps) - (most - 1) :]] = True
    starts = firsts[np.concatenate([[True], kept])]
    ends = firsts[np.concatenate([kept, [True]])] + (run - 1)
    return np.stack([starts, ends], axis=1)
