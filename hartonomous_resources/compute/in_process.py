"""Compute in this process: ONNX Runtime on the CPU's cores, NumPy for projection."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import Embedder, EmbeddingError, Embeddings, Items, TokenEmbeddings
from hartonomous_core.spatial.landmarks import project
from hartonomous_resources.compute.protocol import ModelIdentity, refuse_other_items
from hartonomous_resources.compute.spaces import Space, spaces_of
from hartonomous_resources.settings import Settings


class InProcessCompute:
    """Loads a model at its first use, so that a run with nothing to embed never pays for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._spaces: dict[ModelIdentity, Space] | None = None
        self._loaded: dict[ModelIdentity, Embedder] = {}

    def models(self) -> Sequence[ModelIdentity]:
        with self._lock:
            return list(self._find_spaces())

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        embedder = self._embedder_for(model, items)
        try:
            return embedder.embed(items)
        except EmbeddingError as error:
            raise ValueError(str(error)) from error

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        embedder = self._embedder_for(model, texts)
        try:
            return embedder.embed_tokens(texts)
        except EmbeddingError as error:
            raise ValueError(str(error)) from error

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        return project(vectors, axes, mean, scale)

    def close(self) -> None:
        with self._lock:
            self._loaded.clear()

    def _embedder_for(self, model: ModelIdentity, items: Items) -> Embedder:
        refuse_other_items(model, items)
        with self._lock:
            return self._load(model)

    def _find_spaces(self) -> dict[ModelIdentity, Space]:
        if self._spaces is None:
            self._spaces = spaces_of(self._settings)
        return self._spaces

    def _load(self, model: ModelIdentity) -> Embedder:
        if model not in self._loaded:
            space = self._find_spaces().get(model)
            if space is None:
                raise ValueError(
                    f"the settings name no model {model.name} ({model.precision}) of SHA-256 {model.artifact_hash}"
                )
            self._loaded[model] = space.load()
        return self._loaded[model]
