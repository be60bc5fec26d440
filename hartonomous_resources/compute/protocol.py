"""What a compute backend promises: embedding and projection. Devices differ only in speed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class ComputeUnavailable(Exception):
    """No model can be loaded or no device reached; jobs wait and nothing is lost."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What makes two vectors comparable. `artifact_hash` is SHA-256 (hex) of the model file."""

    modality: str
    name: str
    dimension: int
    artifact_hash: str
    precision: str
    settings: str


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Unit vectors, float32 (n, d), and how many windows each text was averaged from, int (n,)."""

    vectors: NDArray[np.float32]
    window_counts: NDArray[np.int64]


class Compute(Protocol):
    """Embedding and projection."""

    def text_model(self) -> ModelIdentity:
        """The text model in use. Raises ComputeUnavailable."""

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts, none of them blank. The vector of a text never depends on its neighbours.

        Raises ComputeUnavailable when no model can be loaded, ValueError for a text that cannot be embedded.
        """

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        """Coordinates in [-1, 1], float64 (n, 3): (vector · axis - mean) / scale, clipped. axes is (3, d)."""

    def close(self) -> None:
        """Give back the model and what it runs on. The next use loads it again."""
