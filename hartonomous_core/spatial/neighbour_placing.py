"""Places vectors beside their nearest neighbours of a sample whose places are known: the fast way into a map by UMAP or t-SNE.

A vector comes to lie where most of its neighbours do: at the median of their coordinates, moved by some steps to the centre that counts a
neighbour the less the further away it lies. A mean, with which `umap.UMAP.transform` begins, lies between two groups, near neither, and is
then moved for many rounds. The neighbours are sought in the cell of a k-means clustering that the vector is in, and in the next ones where
that holds few, for all vectors of a cell by one matrix product; those that are a little nearer, but across a border, made places worse.

Vectors are whole numbers here, rounded multiples of 1/S of a unit vector, with S so that every sum of products stays below 2^24: float32
holds all of them exactly. So it does not matter in which order a BLAS adds them up, and a place depends on no other vector in the call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import sqrt
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_EXACT = 4096
"""The square root of 2^24, up to which float32 holds every whole number."""
_BLOCK = 8192
_CANDIDATES = 64
"""Of the sample, a vector is compared with so many at least, and with all of a cell."""
_CELLS = 1.3
"""Cells, as a multiple of the square root of the number of vectors."""
_ROUNDS = 8
_NEAR = 8
"""Cells are near one another that are among the so many nearest of the same vectors."""
_STEPS = 3
_CLOSE = 0.003
"""The square of the distance at which a neighbour counts half as much as one that lies where the point does; the cube is two units wide."""

Ints = NDArray[np.float32]
"""(n, d) whole numbers."""


@dataclass(frozen=True, slots=True)
class NeighbourPlacing:
    """A sample, ordered by cell, and where its vectors lie.

    `sample` (n, d) and `centres` (c, d) hold whole numbers, `squares` (n,) the dot product of each of the sample with itself, `points` (n, 3)
    float64 places in [-1, 1]. The vectors of cell i are those from
    `starts[i]` to `starts[i + 1]`; row i of `near` (c, c) has the cells in the order in which they are searched for vectors of cell i.
    """

    sample: Ints
    squares: NDArray[np.float64]
    points: NDArray[np.float64]
    centres: Ints
    starts: NDArray[np.int64]
    near: NDArray[np.int64]
    n_neighbors: int

    @classmethod
    def of(cls, vectors: NDArray[np.float32], points: NDArray[np.float64], n_neighbors: int, seed: int) -> Self:
        """Order a sample, (n, d) vectors and their (n, 3) points, by cells, drawn by `seed`.

        Raises ValueError for no vectors, NaN and infinity.
        """
        if not len(vectors) or not np.isfinite(points).all():
            raise ValueError("a sample is some vectors, each with a place")
        sample = _whole(vectors)
        centres, cells = _cluster(sample, seed)
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(len(centres) + 1))
        near = _near(sample, centres, cells)
        return cls(sample[order], _squares(sample[order]), points[order], centres, starts, near, n_neighbors)

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, NDArray[np.generic]]) -> Self:
        """Read what `tensors` returned. Raises ValueError for anything else."""
        try:
            sample, centres = tensors["sample"].astype(np.float32), tensors["centres"].astype(np.float32)
            points, near = tensors["points"].astype(np.float64), tensors["near"].astype(np.int64)
            starts = tensors["starts"].astype(np.int64)
            [n_neighbors] = tensors["n_neighbors"].tolist()
        except (KeyError, ValueError) as error:
            raise ValueError(f"this is no sample with its cells: {error}") from error
        count, cells = len(sample), len(centres)
        if not (
            sample.ndim == centres.ndim == 2
            and count > 0
            and sample.shape[1] == centres.shape[1]
            and points.shape == (count, 3)
            and np.isfinite(points).all()
            and starts.shape == (cells + 1,)
            and starts[0] == 0
            and starts[-1] == count
            and (np.diff(starts) >= 0).all()
            and near.shape == (cells, cells)
            and np.array_equal(np.sort(near, axis=1), np.tile(np.arange(cells), (cells, 1)))
            and n_neighbors > 0
        ):
            raise ValueError("the sample and its cells do not fit together")
        return cls(sample, _squares(sample), points, centres, starts, near, int(n_neighbors))

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return all of it as arrays."""
        return {
            "sample": self.sample.astype(np.int16),
            "points": self.points,
            "centres": self.centres.astype(np.int16),
            "starts": self.starts.astype(np.int32),
            "near": self.near.astype(np.int16),
            "n_neighbors": np.array([self.n_neighbors], dtype=np.int32),
        }

    def place(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the places, float64 (n, 3), of (n, d) vectors; one that is in the sample keeps its place there.

        Raises ValueError for vectors of another length, NaN and infinity.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.sample.shape[1]:
            raise ValueError(f"the sample has vectors of {self.sample.shape[1]} components, not {vectors.shape[1:]}")
        places = np.empty((len(vectors), 3))
        for start in range(0, len(vectors), _BLOCK):
            asked = _whole(vectors[start : start + _BLOCK])
            with _blas().limit(limits=1):  # products this small are not worth a second thread, which spins between them
                neighbours, dots = self._nearest(asked)
            block = _centres_of(self.points[neighbours].transpose(2, 0, 1))
            same = (dots == _squares(asked)[:, None]) & (
                dots == self.squares[neighbours]
            )  # then they are equal in every component
            found = same.any(axis=1)
            block[found] = self.points[neighbours[found, same[found].argmax(axis=1)]]
            places[start : start + _BLOCK] = block
        return places

    def _nearest(self, asked: Ints) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows of the neighbours of each vector, (n, k), and their dot products."""
        k = min(self.n_neighbors, len(self.sample))
        neighbours = np.empty((len(asked), k), dtype=np.int64)
        dots = np.empty((len(asked), k))
        cells = _nearest_centres(asked, self.centres)
        order = np.argsort(cells, kind="stable")
        bounds = np.searchsorted(cells[order], np.arange(len(self.centres) + 1))
        for cell in np.flatnonzero(np.diff(bounds)):
            rows = order[bounds[cell] : bounds[cell + 1]]
            candidates, products = self._compare(asked[rows], self.near[cell], k)
            best = np.argpartition(products, products.shape[1] - k, axis=1)[:, -k:]
            neighbours[rows] = candidates[best]
            dots[rows] = np.take_along_axis(products, best, axis=1)
        return neighbours, dots

    def _compare(self, asked: Ints, near: NDArray[np.int64], k: int) -> tuple[NDArray[np.int64], Ints]:
        sizes = self.starts[near + 1] - self.starts[near]
        searched = near[: 1 + int(np.searchsorted(np.cumsum(sizes), max(k, _CANDIDATES)))]
        ranges = [slice(self.starts[cell], self.starts[cell + 1]) for cell in searched]
        rows = np.concatenate([np.arange(each.start, each.stop) for each in ranges])
        products = np.empty((len(asked), len(rows)), dtype=np.float32)
        end = 0
        for each in ranges:
            begin, end = end, end + each.stop - each.start
            np.matmul(asked, self.sample[each].T, out=products[:, begin:end])
        return rows, products


def _whole(vectors: NDArray[np.float32]) -> Ints:
    """Vectors, made as long as a unit vector is, as whole numbers; zero stays zero."""
    if not np.isfinite(vectors).all():
        raise ValueError("a vector holds NaN or infinity")
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))[:, None]
    scale = int(_EXACT - sqrt(vectors.shape[1]) / 2)
    whole: Ints = np.rint(vectors / np.where(lengths > 0, lengths, 1) * scale).astype(np.float32)
    return whole


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


def _squares(vectors: Ints) -> NDArray[np.float64]:
    squares: NDArray[np.float32] = np.einsum("ij,ij->i", vectors, vectors)
    return squares.astype(np.float64)


def _nearest_centres(vectors: Ints, centres: Ints) -> NDArray[np.int64]:
    blocks = range(0, len(vectors), _BLOCK)
    found = [np.argmax(vectors[start : start + _BLOCK] @ centres.T, axis=1) for start in blocks]
    return np.concatenate(found) if found else np.empty(0, dtype=np.int64)


def _cluster(vectors: Ints, seed: int) -> tuple[Ints, NDArray[np.int64]]:
    """Centres of k-means by angle, and in the cell of which each vector is."""
    count = max(1, round(_CELLS * sqrt(len(vectors)))) if len(vectors) > _CANDIDATES else 1
    drawn = np.random.default_rng(seed).choice(len(vectors), count, replace=False)
    centres = vectors[np.sort(drawn)]
    cells = _nearest_centres(vectors, centres)
    for _ in range(_ROUNDS if count > 1 else 0):
        order = np.argsort(cells, kind="stable")
        starts = np.searchsorted(cells[order], np.arange(count))
        occupied = np.flatnonzero(np.bincount(cells, minlength=count))
        sums = np.add.reduceat(vectors[order].astype(np.float64), starts[occupied], axis=0)
        centres[occupied] = _whole(sums.astype(np.float32))
        cells = _nearest_centres(vectors, centres)
    return centres, cells


def _near(vectors: Ints, centres: Ints, cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each cell all cells: itself, then those that are most often among the nearest ones of its vectors."""
    count = len(centres)
    often = np.zeros((count, count), dtype=np.int64)
    nearest = min(_NEAR, count)
    for start in range(0, len(vectors), _BLOCK):
        products = vectors[start : start + _BLOCK] @ centres.T
        best = np.argpartition(products, count - nearest, axis=1)[:, -nearest:]
        np.add.at(often, (np.repeat(cells[start : start + _BLOCK], nearest), best.ravel()), 1)
    np.fill_diagonal(often, len(vectors) + 1)
    return np.argsort(-often, axis=1, kind="stable")


def _centres_of(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centres, (n, 3), of groups of k points, (3, n, k)."""
    points = np.ascontiguousarray(points)
    centres = np.sort(points, axis=2)[:, :, points.shape[2] // 2]
    for _ in range(_STEPS):
        apart = points - centres[:, :, None]
        np.square(apart, out=apart)
        weights = 1 / (apart.sum(axis=0) + _CLOSE)
        centres = np.einsum("ank,nk->an", points, weights) / weights.sum(axis=1)
    return centres.T
