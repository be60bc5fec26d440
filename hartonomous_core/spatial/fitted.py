"""Projections that are fitted to a sample of vectors, and their artefacts: what is needed to place a vector, as bytes.

An artefact is in the format of safetensors: arrays, nothing that could run. The same sample and options give the same bytes on one machine.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.neighbour_placing import NeighbourPlacing

PCA_METHOD, UMAP_METHOD, TSNE_METHOD = "pca", "umap", "tsne"
FITTED_METHODS = (PCA_METHOD, UMAP_METHOD, TSNE_METHOD)
MOST_NUMBERS = 128 * 1024 * 1024
"""Components of all vectors of a sample together; an artefact has two bytes for each."""
_WIDTH = 4.0
"""Standard deviations along the first axis of PCA that one unit of a coordinate stands for."""


class ProjectionUnavailable(Exception):
    """The library that fits a projection is not installed."""


class DamagedArtifact(ValueError):
    """Bytes that are no artefact of a projection."""


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a projection is fitted. PCA heeds none of them; of t-SNE `n_neighbors` is the perplexity, and `min_dist` means nothing."""

    seed: int = 0
    n_neighbors: int = 15
    min_dist: float = 0.1


class Placing(Protocol):
    """A projection that is ready to place vectors."""

    def place(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the places, float64 (n, 3) in [-1, 1], of (n, d) vectors. Raises ValueError for another length, NaN and infinity."""

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        """Return what it consists of."""


@dataclass(frozen=True, slots=True)
class LinearPlacing:
    """Three axes, (3, d) float64, and the mean (3,) and scale of what they give."""

    axes: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: float

    def place(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        from hartonomous_core.spatial.landmarks import project

        return project(vectors, self.axes, self.mean, self.scale)

    def tensors(self) -> dict[str, NDArray[np.generic]]:
        return {"axes": self.axes, "mean": self.mean, "scale": np.array([self.scale])}


def fit(method: str, vectors: NDArray[np.float32], options: FitOptions) -> Placing:
    """Fit a projection to a sample, float32 (n, d) unit vectors.

    Raises ValueError for a sample that is too small or has no extent, and ProjectionUnavailable.
    """
    least = 4 if method == PCA_METHOD else options.n_neighbors + 2
    if len(vectors) < least:
        raise ValueError(f"{method} is fitted to {least} vectors at least, and there are {len(vectors)}")
    if vectors.size > MOST_NUMBERS:
        raise ValueError(f"a sample has {MOST_NUMBERS // vectors.shape[1]:,} vectors of {vectors.shape[1]} at most")
    distinct = np.unique(vectors, axis=0)
    if len(distinct) < least:
        raise ValueError(f"of {len(vectors)} vectors only {len(distinct)} differ: {method} needs {least}")
    if method == PCA_METHOD:
        return fit_pca(distinct)
    points = _MAPS[method](distinct, options)
    if not np.isfinite(points).all():
        raise ValueError(f"{method} found no place for some of the vectors")
    return NeighbourPlacing.of(distinct, into_cube(points.astype(np.float64)), options.n_neighbors, options.seed)


def fit_pca(vectors: NDArray[np.float32]) -> LinearPlacing:
    """The three directions in which vectors, (n, d), differ most; each points to where its component of greatest magnitude is positive."""
    centre = vectors.mean(axis=0, dtype=np.float64)
    covariance = np.zeros((len(centre), len(centre)))
    for start in range(0, len(vectors), 8192):
        block = vectors[start : start + 8192] - centre
        covariance += block.T @ block
    variances, directions = np.linalg.eigh(covariance / len(vectors))
    axes = directions.T[:-4:-1].copy()
    axes *= np.sign(axes[np.arange(3), np.abs(axes).argmax(axis=1)])[:, None]
    return LinearPlacing(axes, axes @ centre, _WIDTH * float(np.sqrt(variances[-1])))


def to_artifact(method: str, placing: Placing) -> bytes:
    """Return a projection as bytes."""
    from safetensors.numpy import save

    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in placing.tensors().items()}
    return save(tensors, metadata={"method": method})


def from_artifact(method: str, dimension: int, content: bytes) -> Placing:
    """Read a projection of vectors of so many components. Raises DamagedArtifact for anything else."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        placing: Placing
        if method == PCA_METHOD:
            axes, mean, [scale] = tensors["axes"], tensors["mean"], tensors["scale"].tolist()
            if axes.shape != (3, dimension) or mean.shape != (3,) or not (np.isfinite(axes).all() and scale > 0):
                raise ValueError(f"these are no three axes of {dimension} components")
            placing = LinearPlacing(axes, mean, scale)
        else:
            placing = NeighbourPlacing.from_tensors(tensors)
            if placing.sample.shape[1] != dimension:
                raise ValueError(
                    f"its vectors have {placing.sample.shape[1]} components, those of the model {dimension}"
                )
    except (SafetensorError, KeyError, ValueError) as error:
        raise DamagedArtifact(f"the artefact of a projection by {method} cannot be used: {error}") from error
    return placing


def umap_of(options: FitOptions) -> Any:
    """Return the estimator of umap-learn, not fitted yet. Raises ProjectionUnavailable."""
    return _import("umap", "umap-learn").UMAP(
        n_components=3,
        metric="cosine",
        n_neighbors=options.n_neighbors,
        min_dist=options.min_dist,
        random_state=options.seed,
        n_jobs=1,  # with a seed it is 1 anyway, and says so
    )


def _umap(vectors: NDArray[np.float32], options: FitOptions) -> NDArray[np.float32]:
    fitted: NDArray[np.float32] = umap_of(options).fit_transform(vectors)
    return fitted


def _tsne(vectors: NDArray[np.float32], options: FitOptions) -> NDArray[np.float32]:
    open_tsne = _import("openTSNE", "openTSNE")
    fitted = open_tsne.TSNE(
        n_components=3,
        perplexity=options.n_neighbors,
        metric="cosine",
        random_state=options.seed,
        negative_gradient_method="bh",  # the one for three dimensions
    ).fit(vectors)
    return np.asarray(fitted, dtype=np.float32)


_MAPS: dict[str, Callable[[NDArray[np.float32], FitOptions], NDArray[np.float32]]] = {
    UMAP_METHOD: _umap,
    TSNE_METHOD: _tsne,
}


def _import(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ProjectionUnavailable(f"{package} is not installed: pip install 'hartonomous[projections]'") from error


def into_cube(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move and shrink points, by the same factor in every direction, so that they just fit into [-1, 1]^3."""
    low, high = points.min(axis=0), points.max(axis=0)
    half = float((high - low).max()) / 2
    if half == 0:
        raise ValueError("all points of the map are one")
    moved: NDArray[np.float64] = np.clip((points - (low + high) / 2) / half, -1, 1)
    return moved
