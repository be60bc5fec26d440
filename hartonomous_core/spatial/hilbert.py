"""Hilbert order of points in the cube [-1, 1]^3, vectorised over the points.

The curve is that of J. Skilling, "Programming the Hilbert curve", AIP Conference Proceedings 707, 381 (2004):
axes in the order x, y, z; of each level's three bits in the value, x's is the highest. The function
`clr_ComputeHilbertValue` in SQL Server gives the same integers.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 21
"""Bits per axis: 3 x 21 = 63 fit a signed 64-bit integer (SQL BIGINT)."""
_BLOCK = 16 * 1024
"""Points worked on at once, so that the intermediate arrays stay in the processor's cache."""


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
    values = np.empty(len(points), dtype=np.int64)
    for block in _blocks(len(points)):
        coordinates = points[block].T.copy()
        coordinates[2, np.isnan(coordinates[2])] = 0.0
        values[block] = _interleave(_axes_to_transpose(_grid(coordinates, bits), bits))
    return values


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
    grid = np.empty((len(values), 3), dtype=np.uint32)
    for block in _blocks(len(values)):
        grid[block] = _transpose_to_axes(_separate(values[block]), bits).T
    return grid


def _check_bits(bits: int) -> None:
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"bits must be 1 to {MAX_BITS}, not {bits}")


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _grid(coordinates: NDArray[np.float64], bits: int) -> NDArray[np.uint32]:
    last = float((1 << bits) - 1)
    lines = np.rint((coordinates + 1.0) / 2.0 * last)
    return np.clip(lines, 0.0, last).astype(np.uint32)


def _axes_to_transpose(x: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """Skilling's AxestoTranspose on (3, n), in place."""
    for level in range(bits - 1, 0, -1):
        for axis in range(3):
            _turn(x, axis, level)
    x[1] ^= x[0]
    x[2] ^= x[1]
    # The paper's t: bit k is the parity of the bits of the last axis above k.
    t = x[2] >> 1
    for shift in (1, 2, 4, 8, 16):
        t ^= t >> shift
    x ^= t
    return x


def _transpose_to_axes(x: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    """Skilling's TransposetoAxes on (3, n), in place."""
    t = x[2] >> 1
    x[2] ^= x[1]
    x[1] ^= x[0]
    x[0] ^= t
    for level in range(1, bits):
        for axis in (2, 1, 0):
            _turn(x, axis, level)
    return x


def _turn(x: NDArray[np.uint32], axis: int, level: int) -> None:
    """Where bit `level` of the axis is set, invert the lower bits of axis 0; else swap those of the two."""
    low = np.uint32((1 << level) - 1)
    is_set = np.negative((x[axis] >> level) & 1)  # all ones or all zeros
    swap = (x[0] ^ x[axis]) & low & ~is_set
    x[0] ^= swap | (low & is_set)
    x[axis] ^= swap


# Shift, then mask: the bits of a 21-bit number go three apart in groups of 16, 8, 4, 2 and 1.
_SPREAD = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def _interleave(transpose: NDArray[np.uint32]) -> NDArray[np.int64]:
    """(3, n) bits to values: bit k of axis a becomes bit 3 k + 2 - a."""
    spread = transpose.astype(np.int64)
    for shift, mask in _SPREAD:
        spread = (spread | spread << shift) & mask
    values: NDArray[np.int64] = spread[0] << 2 | spread[1] << 1 | spread[2]
    return values


def _separate(values: NDArray[np.int64]) -> NDArray[np.uint32]:
    """The inverse of `_interleave`."""
    spread = np.stack([values >> 2, values >> 1, values]) & _SPREAD[-1][1]
    masks = [mask for _, mask in _SPREAD[-2::-1]] + [(1 << MAX_BITS) - 1]
    for (shift, _), mask in zip(reversed(_SPREAD), masks, strict=True):
        spread = (spread | spread >> shift) & mask
    return spread.astype(np.uint32)
