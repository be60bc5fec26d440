"""Vectors of length 1, and the refusal of what has no direction."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import EmbeddingError

_Float = TypeVar("_Float", np.float32, np.float64)


def unit_rows(vectors: NDArray[_Float]) -> NDArray[_Float]:
    """Return the rows of (n, dimension) at length 1. Raises EmbeddingError for a row that is zero or not finite."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    usable = np.isfinite(norms) & (norms > 0)
    if not usable.all():
        raise EmbeddingError(f"the model gave a vector of length {norms[~usable][0]}: the model file is not usable")
    units: NDArray[_Float] = vectors / norms
    return units
