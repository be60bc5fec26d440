"""The projection that needs no data: three fixed orthonormal axes, the same bits in every language.

Every sum here runs from left to right in float64, with one rounding for each product and one for each
addition: no BLAS, no fused multiply-add, no compensated sum (Python's own `sum` is one since 3.12). So any
language, and any machine with IEEE 754 arithmetic, computes exactly these axes and coordinates.
"""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from math import sqrt

import numpy as np
from numpy.typing import NDArray

LANDMARK_METHOD = "landmark"
LANDMARK_SEED = "hartonomous-landmark-v1"
_BLOCK = 4 * 1024
"""Rows projected at once, so that the intermediate arrays stay in the processor's cache."""
_ROWS_TURNED = 128
"""Rows whose components are put below one another at once: of more, the lines of the cache are gone before they are used up."""
_WORTH_COMPILING = 500_000
"""With so many vectors in a process, compiled code has made up for the time that loading it takes."""
_projected = 0


@cache
def landmark_axes(dimension: int) -> NDArray[np.float64]:
    """Return three orthonormal axes, (3, dimension) float64, read-only.

    Component i of axis a is drawn as a uniform number in [-1, 1): of the SHA-256 of the ASCII text
    "hartonomous-landmark-v1|a|i" (decimal), the first 7 bytes, big-endian, without their lowest 3 bits are
    an integer k of 53 bits; the component is k / 2^53 * 2 - 1, which float64 holds without rounding. Then
    modified Gram-Schmidt, axis by axis: for each earlier axis in turn, subtract (axis . earlier) * earlier;
    divide by the square root of (axis . axis).

    Raises ValueError for fewer than 3 dimensions.
    """
    if dimension < 3:
        raise ValueError(f"three axes need 3 dimensions or more, not {dimension}")
    axes: list[list[float]] = []
    for a in range(3):
        axis = [_uniform(a, i) for i in range(dimension)]
        for earlier in axes:
            along = _dot(axis, earlier)
            axis = [x - along * e for x, e in zip(axis, earlier, strict=True)]
        length = sqrt(_dot(axis, axis))
        axes.append([x / length for x in axis])
    result = np.array(axes, dtype=np.float64)
    result.flags.writeable = False  # it is cached, and shared by all callers
    return result


def scale_for(dimension: int) -> float:
    """Return the length that one unit of a stored coordinate stands for: four standard deviations of a random unit vector."""
    return 4.0 / sqrt(dimension)


def landmark_parameters(dimension: int) -> dict[str, object]:
    """Return what defines the landmark projection, as ProjectionModel stores it: seed, dimension, mean (3 numbers) and scale."""
    return {"seed": LANDMARK_SEED, "dimension": dimension, "mean": [0.0, 0.0, 0.0], "scale": scale_for(dimension)}


def project(
    vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
) -> NDArray[np.float64]:
    """Return stored coordinates, (n, 3) float64 in [-1, 1], of (n, d) vectors: (v . axis - mean) / scale, clipped.

    axes is (3, d), mean (3,). The coordinates of a vector do not depend on the others in the call.

    Raises ValueError where shapes do not agree, and for a vector that holds NaN or infinity.
    """
    if vectors.ndim != 2 or axes.shape != (3, vectors.shape[1]) or mean.shape != (3,):
        raise ValueError(f"shapes do not agree: vectors {vectors.shape}, axes {axes.shape}, mean {mean.shape}")
    vectors = np.asarray(vectors, dtype=np.float32)
    dots = _dots_for(len(vectors))
    coordinates = np.empty((len(vectors), 3), dtype=np.float64)
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        places = dots(vectors[block], axes)
        places -= mean[:, None]
        places /= scale
        if not np.isfinite(places).all():
            raise ValueError("a vector holds NaN or infinity")
        np.clip(places, -1.0, 1.0, out=coordinates[block].T)
    return coordinates


def bucket(coordinates: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bucket of each coordinate, same shape: c / 0.1 truncated toward zero.

    (0.543, -0.217, 0.891) -> (5, -2, 8). The division is float64's: 0.3 / 0.1 is just below 3, so 0.3 -> 2.
    """
    return np.trunc(coordinates / 0.1).astype(np.int64)


def _dots_for(count: int) -> Callable[[NDArray[np.float32], NDArray[np.float64]], NDArray[np.float64]]:
    """What multiplies `count` vectors more: a process with few of them is done before a compiler is loaded."""
    global _projected
    _projected += count
    if _projected < _WORTH_COMPILING:
        return _dots
    from hartonomous_core.spatial.compiled_dots import dots

    return dots


def _dots(vectors: NDArray[np.float32], axes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products of (3, d) axes with (n, d) vectors, (3, n): component by component, for all vectors at once."""
    components = np.empty((axes.shape[1], len(vectors)))
    for start in range(0, len(vectors), _ROWS_TURNED):
        turned = slice(start, start + _ROWS_TURNED)
        components[:, turned] = vectors[turned].T
    sums = np.zeros((3, len(vectors)))
    products = np.empty_like(sums)
    for component, weights in zip(components, axes.T, strict=True):
        np.multiply(weights[:, None], component, out=products)
        sums += products
    return sums


def _uniform(axis: int, component: int) -> float:
    digest = sha256(f"{LANDMARK_SEED}|{axis}|{component}".encode()).digest()
    return (int.from_bytes(digest[:7], "big") >> 3) / 2**53 * 2 - 1


def _dot(left: list[float], right: list[float]) -> float:
    total = 0.0
    for x, y in zip(left, right, strict=True):
        total += x * y
    return total
