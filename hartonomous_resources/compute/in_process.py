"""Compute in this process: ONNX Runtime on the CPU's cores, NumPy for projection."""

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.text_onnx import EmbeddingError, TextEmbedder
from hartonomous_core.spatial.landmarks import project
from hartonomous_resources.compute.protocol import ComputeUnavailable, Embeddings, ModelIdentity
from hartonomous_resources.compute.text_model import TextModelError, TextModelFiles, ensure_text_model
from hartonomous_resources.settings import Settings


class InProcessCompute:
    """Loads the text model at first use, so that a run with nothing to embed never pays for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()

    @cached_property
    def _files(self) -> TextModelFiles:
        try:
            return ensure_text_model(
                self._settings.model_dir,
                model=self._settings.text_model,
                precision=self._settings.text_precision,
                source=self._settings.text_model_source,
            )
        except TextModelError as error:
            raise ComputeUnavailable(str(error)) from error

    @cached_property
    def _embedder(self) -> TextEmbedder:
        files = self._files
        return TextEmbedder(
            files.onnx_path,
            files.tokenizer_path,
            window_tokens=files.window_tokens,
            threads=self._settings.threads or None,
        )

    def text_model(self) -> ModelIdentity:
        with self._lock:
            files = self._files
        return ModelIdentity(
            "text",
            files.name,
            files.dimension,
            files.artifact_hash,
            files.precision,
            f'{{"windowTokens": {files.window_tokens}}}',
        )

    def embed_texts(self, texts: Sequence[str]) -> Embeddings:
        with self._lock:
            embedder = self._embedder
        try:
            result = embedder.embed(texts)
        except EmbeddingError as error:
            raise ValueError(str(error)) from error
        return Embeddings(result.vectors, result.window_counts)

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        return project(vectors, axes, mean, scale)

    def close(self) -> None:
        with self._lock:
            self.__dict__.pop("_embedder", None)
