"""Hilbert order of points in the cube [-1, 1]^3, vectorised over the points.

The curve is that of J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707, 381 (2004):
axes in the order x, y, z; of each level's three bits in the value, x's is the highest. The function
`clr_ComputeHilbertValue` in SQL Server gives the same integers.

What the paper does to all lower bits at each level is here the orientation of the cell that the level leads to, of which
there are 24. So the curve is a table of orientations, which gives three levels, nine bits, at once.
"""

from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from operator import xor

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 21
"""Bits per axis: 3 x 21 = 63 fit a signed 64-bit integer (SQL BIGINT)."""
_BLOCK = 16 * 1024
"""Points worked on at once, so that the intermediate arrays stay in the processor's cache."""
_LEVELS = 3
"""Levels in one step: more make a table that no cache close to the processor holds."""
_STEP = 3 * _LEVELS
_STEP_MASK = (1 << _STEP) - 1
_WHOLE_NUMBERS = 2.0**52
"""From here on float64 holds whole numbers only, in its lowest bits: adding it rounds to the nearest, half way to the even one."""


def encode(points: NDArray[np.float64], bits: int = MAX_BITS) -> NDArray[np.int64]:
    """Return the Hilbert values in [0, 2^(3 bits)) of `points`, (n, 3) float64 -> (n,) int64.

    A coordinate c is on grid line round((c + 1) / 2 * (2^bits - 1)), clamped to [0, 2^bits - 1], where round
    is IEEE 754's to the nearest integer and, half way, to the even one; every step is in float64. A z of NaN
    is missing and counts as 0. (In T-SQL, for v >= 0: FLOOR(v), plus 1 if v - FLOOR(v) > 0.5, or if it is
    exactly 0.5 and FLOOR(v) is odd. Its ROUND goes away from zero instead.)

    Raises ValueError for another shape, bits outside 1..21, and a NaN in x or y.
    """
    _check_bits(bits)
    points = np.asarray(points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points must have shape (n, 3), not {points.shape}")
    if np.isnan(points[:, :2]).any():
        raise ValueError("x and y must be numbers; only z may be missing (NaN)")
    to_value, _ = _tables()
    missing_levels = MAX_BITS - bits
    values = np.empty(len(points), dtype=np.int64)
    for block in _blocks(len(points)):
        coordinates = points[block].T.copy()
        np.copyto(coordinates[2], 0.0, where=np.isnan(coordinates[2]))
        lines = _grid(coordinates, bits) << missing_levels
        values[block] = _walk(to_value, _interleave(lines)) >> 3 * missing_levels
    return values


def grid_lines(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the grid lines of 21 bits on which coordinates lie, as `encode` rounds them; float64 -> int64, same shape."""
    return _grid(np.array(points, dtype=np.float64), MAX_BITS)


def encode_lines(lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the Hilbert values of grid lines of 21 bits, (n, 3) int64 -> (n,) int64."""
    to_value, _ = _tables()
    return _walk(to_value, _interleave(lines.T))


def decode(values: NDArray[np.int64], bits: int = MAX_BITS) -> NDArray[np.uint32]:
    """Return the grid lines (x, y, z), each in [0, 2^bits - 1], of Hilbert values: (n,) int64 -> (n, 3) uint32.

    Raises ValueError for another shape, bits outside 1..21, and a value outside [0, 2^(3 bits)).
    """
    _check_bits(bits)
    values = np.asarray(values, dtype=np.int64)
    if values.ndim != 1:
        raise ValueError(f"values must have shape (n,), not {values.shape}")
    if len(values) and not 0 <= int(values.min()) <= int(values.max()) < 1 << 3 * bits:
        raise ValueError(f"values must lie in [0, 2^{3 * bits})")
    _, to_lines = _tables()
    missing_levels = MAX_BITS - bits
    grid = np.empty((len(values), 3), dtype=np.uint32)
    for block in _blocks(len(values)):
        lines = _separate(_walk(to_lines, values[block] << 3 * missing_levels))
        grid[block] = (lines >> missing_levels).T
    return grid


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be 1 to {MAX_BITS}, not {bits}")


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _grid(coordinates: NDArray[np.float64], bits: int) -> NDArray[np.int64]:
    """The grid lines of coordinates, which are overwritten; halving is exact, so it may come with the factor."""
    last = float((1 << bits) - 1)
    coordinates += 1.0
    coordinates *= last / 2.0
    np.clip(coordinates, 0.0, last, out=coordinates)
    coordinates += _WHOLE_NUMBERS
    return coordinates.view(np.int64) & ((1 << bits) - 1)


def _walk(table: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Translate 63-bit numbers by a table of `_tables`, from the highest nine bits down."""
    result = np.zeros_like(numbers)
    orientations: NDArray[np.int64] | int = 0
    for shift in range(3 * MAX_BITS - _STEP, -1, -_STEP):
        found = table.take(numbers >> shift & _STEP_MASK | orientations, mode="clip")
        orientations = found & ~_STEP_MASK
        found &= _STEP_MASK
        result <<= _STEP
        result |= found
    return result


@cache
def _tables() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """From cells of three levels (bits xxxyyyzzz) to their nine bits of the value, and back.

    Both are indexed by the orientation times 512, plus the nine bits that are known, and hold the next orientation times 512,
    plus the nine bits that are wanted. Orientation 0 is that of the whole cube.
    """
    digits, nexts = np.array(_orientations()).transpose(2, 0, 1)
    cells = np.arange(1 << _STEP)
    orientations = np.repeat(np.arange(len(digits))[:, None], len(cells), axis=1)
    values = np.zeros_like(orientations)
    for level in range(_LEVELS - 1, -1, -1):
        x, y, z = (cells >> level + _LEVELS * axis & 1 for axis in (2, 1, 0))
        octants = x << 2 | y << 1 | z
        values = values << 3 | digits[orientations, octants]
        orientations = nexts[orientations, octants]
    to_lines = np.empty_like(values)
    np.put_along_axis(to_lines, values, orientations << _STEP | cells, axis=1)
    return (orientations << _STEP | values).ravel(), to_lines.ravel()


def _orientations() -> list[list[tuple[int, int]]]:
    """Of each orientation, for each octant (bits xyz): its three bits of the value, and the orientation in it.

    An orientation says which of our axes is the curve's first, second and third, each as twice its number, plus 1 where it runs
    backwards. Inside an octant, after the paper's AxestoTranspose: for each axis, where its bit is set, the first one turns round, else the
    two change places. Then comes the Gray code; where its last bit is set, everything below is inverted. That is the curve
    from its end, and that is the curve with its first axis turned round.
    """
    found = [(0, 2, 4)]
    rows: list[list[tuple[int, int]]] = []
    for orientation in found:  # it grows meanwhile
        row = []
        for octant in range(8):
            bits = [octant >> 2 - axis // 2 & 1 ^ axis & 1 for axis in orientation]
            inside = list(orientation)
            for i, bit in enumerate(bits):
                if bit:
                    inside[0] ^= 1
                else:
                    inside[0], inside[i] = inside[i], inside[0]
            first, second, third = accumulate(bits, xor)
            inside[0] ^= third
            if (next_one := (inside[0], inside[1], inside[2])) not in found:
                found.append(next_one)
            row.append((first << 2 | second << 1 | third, found.index(next_one)))
        rows.append(row)
    return rows


# Shift, then mask: the three bits of each step of a 21-bit number go nine apart, those of four steps first, then of two, then of one.
_SPREAD = ((24, 0o777000000007777), (12, 0o7000077000077000077), (6, 0o7007007007007007007))


def _interleave(lines: NDArray[np.int64]) -> NDArray[np.int64]:
    """(3, n) grid lines of 21 bits to (n,) cells: of each three levels xxxyyyzzz, the highest first."""
    for shift, mask in _SPREAD:
        lines = (lines | lines << shift) & mask
    cells: NDArray[np.int64] = lines[0] << 2 * _LEVELS | lines[1] << _LEVELS | lines[2]
    return cells


def _separate(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The inverse of `_interleave`."""
    lines = np.stack([cells >> 2 * _LEVELS, cells >> _LEVELS, cells]) & _SPREAD[-1][1]
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [(1 << MAX_BITS) - 1]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        lines = (lines | lines >> shift) & mask
    return lines
