"""Hilbert values by the steps of Skilling's paper (AIP Conference Proceedings 707, 381, 2004), level by level: the product's table must agree."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 21
"""Bits per axis: 3 x 21 = 63 fit a signed 64-bit integer (SQL BIGINT)."""
_BLOCK = 16 * 1024


def encode(points: NDArray[np.float64], bits: int = MAX_BITS) -> NDArray[np.int64]:
    """(n, 3) float64 in [-1, 1] -> (n,) int64; a z of NaN counts as 0."""
    values = np.empty(len(points), dtype=np.int64)
    for block in _blocks(len(points)):
        coordinates = points[block].T.copy()
        coordinates[2, np.isnan(coordinates[2])] = 0.0
        values[block] = _interleave(_axes_to_transpose(_grid(coordinates, bits), bits))
    return values


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
