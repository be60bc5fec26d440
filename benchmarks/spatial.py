"""Hilbert values and landmark coordinates on one core: points and rows a second, and how many times the peer's.

The peer of the Hilbert values is the package hilbertcurve where it is installed, else Skilling's steps level by level in NumPy, which the tests
compare with; those of the projection are the plain NumPy loop, with which a process begins, and a product of NumPy's BLAS in float64, of the same
rows and axes, which gives other last bits on other machines. OPENBLAS_NUM_THREADS=1 keeps that on one core, too.
"""

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from common import REPOSITORY, Figure, arguments, finish

POINTS = 1_000_000
POINTS_OF_PACKAGE = 5_000
ROWS = 200_000
DIMENSION = 384
ROUNDS = 5
BATCH = 4096
"""What the stage projects at once."""


def main() -> int:
    options = arguments(__doc__, data=False).parse_args()
    return finish([*of_hilbert(), *of_landmarks()], options.json)


def of_hilbert() -> list[Figure]:
    from hartonomous_core.spatial.hilbert import encode

    points = np.random.default_rng(12).uniform(-1, 1, (POINTS, 3))
    peer_name, peer, few = hilbert_peer(points)
    assert np.array_equal(peer(few), encode(few))
    ours, theirs = alternately(lambda: encode(points), lambda: peer(few))
    return [
        Figure("Hilbert values, 21 bits an axis, median", POINTS / ours, "points/s", at_least=10e6),
        Figure(f"the same by {peer_name}", len(few) / theirs, "points/s"),
        Figure("ratio", POINTS / ours / (len(few) / theirs), "x"),
    ]


def hilbert_peer(points: np.ndarray[Any, Any]) -> tuple[str, Callable[[Any], Any], np.ndarray[Any, Any]]:
    try:
        from hilbertcurve.hilbertcurve import HilbertCurve
    except ImportError:
        sys.path.insert(0, str(REPOSITORY))  # the reference belongs to the tests
        from tests.hilbert_by_levels import encode

        return "Skilling's steps in NumPy", encode, points
    curve = HilbertCurve(21, 3)

    def by_package(points: Any) -> Any:
        return np.array(curve.distances_from_points(np.rint((points + 1) / 2 * (2**21 - 1)).astype(int).tolist()))

    return "hilbertcurve", by_package, points[:POINTS_OF_PACKAGE]


def of_landmarks() -> list[Figure]:
    from hartonomous_core.spatial import landmarks

    vectors = np.random.default_rng(12).normal(size=(ROWS, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    axes, mean, scale = landmarks.landmark_axes(DIMENSION), np.zeros(3), landmarks.scale_for(DIMENSION)
    from_when_on = landmarks._WORTH_COMPILING

    def project(compiled: bool, batch: int) -> Any:
        landmarks._WORTH_COMPILING = 0 if compiled else sys.maxsize
        return np.concatenate(
            [landmarks.project(vectors[i : i + batch], axes, mean, scale) for i in range(0, ROWS, batch)]
        )

    started = time.perf_counter()
    compiled = project(True, BATCH)
    first = time.perf_counter() - started
    assert np.array_equal(compiled, project(False, BATCH))

    def by_product() -> Any:
        parts = (vectors[i : i + BATCH].astype(np.float64) @ axes.T for i in range(0, ROWS, BATCH))
        return np.concatenate([np.clip((part - mean) / scale, -1, 1) for part in parts])

    assert np.allclose(by_product(), compiled, atol=1e-12)
    ours, theirs, product = alternately(lambda: project(True, BATCH), lambda: project(False, BATCH), by_product)
    return [
        Figure(
            f"landmark projection, {DIMENSION} dimensions, calls of {BATCH}, median",
            ROWS / ours,
            "rows/s",
            at_least=3e6,
        ),
        Figure("the same by NumPy, to the last bit", ROWS / theirs, "rows/s"),
        Figure("ratio", theirs / ours, "x"),
        Figure("a product of NumPy's BLAS", ROWS / product, "rows/s"),
        Figure("ratio", product / ours, "x"),
        Figure(
            f"loading the compiler and compiling, once in a process, from {from_when_on:,} rows on", first - ours, "s"
        ),
    ]


def alternately(*works: Callable[[], object]) -> list[float]:
    """The median of some turns of each, in seconds."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            started = time.perf_counter()
            work()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in times]


if __name__ == "__main__":
    sys.exit(main())
