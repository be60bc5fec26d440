"""The interface of compute backends: embedding and projection. Devices differ only in speed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # a command that only reads rows needs ComputeUnavailable and no arrays
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.embedders.protocol import Embeddings, ItemKind, Items, TokenEmbeddings
    from hartonomous_resources.compute.model_source import ModelSource


class ComputeUnavailable(Exception):
    """No model can be loaded or no device reached; jobs wait and nothing is lost."""


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """What makes two vectors comparable. `artifact_hash` is SHA-256 (hex) of the model file; `takes` says what it embeds.

    `answer_floor` is the least cosine of a question and what answers it; None where it is not known.
    """

    modality: str
    name: str
    dimension: int
    artifact_hash: str
    precision: str
    settings: str
    takes: ItemKind = "texts"
    answer_floor: float | None = None


class Compute(Protocol):
    """Embedding and projection. Any threads may call it."""

    def models(self) -> Sequence[ModelIdentity]:
        """Return the models that the settings name, each a space of its own; of one modality the first is the one that search takes.

        Beside these, `embed` takes those of `own_models`.

        Raises ComputeUnavailable when one of them cannot be had.
        """

    def warm(self, sources: Sequence[ModelSource] = ()) -> None:
        """Begin to load models, those that the settings name unless others are given, in a thread: there is work that will embed.

        Returns at once and fetches nothing.

        Raises nothing: `models` and `embed` wait for the end of it, and raise what it met.
        """

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        """Embed items of the kind that the model takes; no text is blank. The vector of an item never depends on its neighbours.

        Raises ComputeUnavailable when the model cannot be loaded, ValueError for a model that neither `models` nor `find` has named, for an
        item of another kind and for one that cannot be embedded.
        """

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        """Embed texts, with the vectors of their tokens where the model has them. Raises as `embed` does."""

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        """Return coordinates in [-1, 1], float64 (n, 3): (vector · axis - mean) / scale, clipped. axes is (3, d)."""

    def device(self) -> str:
        """Return what embeds, in words: `cpu`, a GPU, or the device of a worker. Loads nothing: before a model is, what the settings say."""

    def close(self) -> None:
        """Give back the models and what they run on, once they are loaded. The next use loads them again."""


class ModelCompute(Compute, Protocol):
    """Compute that embeds by models which the settings do not name, too."""

    def find(self, source: ModelSource) -> ModelIdentity:
        """Return the model that comes from there: from now on `embed` takes it. Its files are fetched and verified, a server is asked.

        Raises ComputeUnavailable when it cannot be had.
        """
