"""How good a projection is: what remains in 3-D of who is near whom, how the places spread, and how new ones differ from earlier ones."""

from math import exp

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.landmarks import bucket

LEAST_ROWS = 40
"""Of fewer vectors, nothing of neighbourhoods is said."""
NEIGHBOURS = 15
"""Within which trustworthiness is judged."""
OVERLAPPING = 10
"""Of the nearest so many, how many are the same in 3-D."""
_CELLS_PER_AXIS = 4


def trustworthiness_of(vectors: NDArray[np.float32], points: NDArray[np.float64]) -> float:
    """Return in [0, 1] how few neighbours in 3-D are none among the (n, d) vectors, by angle, as scikit-learn computes it.

    Raises ValueError for fewer than `LEAST_ROWS` rows.
    """
    from sklearn.manifold import trustworthiness

    _require_rows(vectors)
    neighbours = min(NEIGHBOURS, len(vectors) // 2 - 1)
    return float(trustworthiness(vectors, points, n_neighbors=neighbours, metric="cosine"))


def neighbour_overlap(vectors: NDArray[np.float32], points: NDArray[np.float64]) -> float:
    """Return which share of the ten nearest of each of (n, d) unit vectors are among the ten nearest in 3-D.

    Raises ValueError for fewer than `LEAST_ROWS` rows.
    """
    _require_rows(vectors)
    squares = np.einsum("ij,ij->i", points, points)
    shared = 0
    for row in range(len(vectors)):
        products = vectors @ vectors[row]
        distances = squares - 2 * (points @ points[row])
        products[row], distances[row] = -np.inf, np.inf
        near = np.argpartition(-products, OVERLAPPING)[:OVERLAPPING]
        near_in_space = np.argpartition(distances, OVERLAPPING)[:OVERLAPPING]
        shared += len(np.intersect1d(near, near_in_space, assume_unique=True))
    return shared / (OVERLAPPING * len(vectors))


def bucket_occupancy(points: NDArray[np.float64]) -> tuple[int, float, float]:
    """Return how many buckets (n, 3) points occupy, as how many evenly filled ones they are (by entropy), and the share of the fullest."""
    if not len(points):
        return 0, 0.0, 0.0
    _, counts = np.unique(bucket(points), axis=0, return_counts=True)
    shares = counts / len(points)
    return len(counts), exp(-float(shares @ np.log(shares))), float(shares.max())


def drift_of(earlier: NDArray[np.float64], later: NDArray[np.float64]) -> float:
    """Return the population stability index of later points, (n, 3), against earlier ones, over the 64 cells of the cube.

    0: they are spread alike; below 0.1 is called stable, above 0.25 a shift. Half a point more in every cell keeps it finite.
    """
    expected, found = _cell_shares(earlier), _cell_shares(later)
    return float((found - expected) @ np.log(found / expected))


def _cell_shares(points: NDArray[np.float64]) -> NDArray[np.float64]:
    lines = np.clip(((points + 1) / 2 * _CELLS_PER_AXIS).astype(np.int64), 0, _CELLS_PER_AXIS - 1)
    cells = lines @ np.array([_CELLS_PER_AXIS**2, _CELLS_PER_AXIS, 1])
    counts = np.bincount(cells, minlength=_CELLS_PER_AXIS**3).astype(np.float64) + 0.5
    counts /= counts.sum()
    return counts


def _require_rows(vectors: NDArray[np.float32]) -> None:
    if len(vectors) < LEAST_ROWS:
        raise ValueError(f"{len(vectors)} vectors are too few to judge a projection by: {LEAST_ROWS} at least")
