"""Compute in the worker of the home: texts are cut into windows here, and their vectors come from there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, Items, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.embedders.window_vectors import EmbedWindows, embed_texts, embed_texts_and_tokens
from hartonomous_resources.compute.in_process import InProcessCompute, refuse_other_items
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.worker.worker_client import WorkerClient
from hartonomous_resources.compute.worker.worker_messages import Embed, WorkerModel
from hartonomous_resources.logs import LOGGER

if TYPE_CHECKING:
    from hartonomous_resources.compute.model_source import ModelSource
    from hartonomous_resources.settings import Settings

WAIT_SECONDS = 5.0
"""How long a worker that is not there is waited for, where nothing takes its place: one that was killed is started again within it."""
_REQUEST_TOKENS = 1 << 13
_ANSWER_BYTES = 12 << 20
"""What the states of the tokens of a request, and the vectors of its windows, may come to, each: an answer is one message."""

_Made = TypeVar("_Made")


class WorkerCompute:
    """The same vectors as InProcessCompute, bit for bit, without a model in this process, unless it falls back."""

    def __init__(self, settings: Settings) -> None:
        self._falls_back = settings.compute == "auto" or settings.compute_fallback == "in_process"
        self._worker = WorkerClient(settings.home, 0 if self._falls_back else WAIT_SECONDS)
        self._here = InProcessCompute(settings)
        self._lock = threading.Lock()
        self._windows: dict[ModelIdentity, TextWindows | None] = {}
        self._asked = self._fell_back = False

    def models(self) -> Sequence[ModelIdentity]:
        return self._here.models()

    def find(self, source: ModelSource) -> ModelIdentity:
        return self._here.find(source)

    def warm(self, sources: Sequence[ModelSource] = ()) -> None:
        if not self._falls_back:
            return  # the worker does, when it starts
        try:
            self._worker.health()
        except ComputeUnavailable:
            self._here.warm(sources)

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        refuse_other_items(model, items)
        return self._made(model, items, embed_texts, self._here.embed)

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        refuse_other_items(model, texts)
        return self._made(model, texts, embed_texts_and_tokens, self._here.embed_tokens)

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        return self._here.project(vectors, axes, mean, scale)  # three products a vector take less than to send it

    def device(self) -> str:
        here = self._here.device()
        try:
            worker = f"{self._worker.health().device} of the worker"
        except ComputeUnavailable:
            worker = "worker, which does not answer"
            if self._falls_back and not self._asked:
                return here
        return f"{worker}, then {here}" if self._fell_back and self._asked else here if self._fell_back else worker

    def close(self) -> None:
        self._worker.close()
        self._here.close()
        self._windows.clear()

    def _made(
        self,
        model: ModelIdentity,
        items: Items,
        embed: Callable[[Sequence[str], TextWindows, int, EmbedWindows, int], _Made],
        embed_here: Callable[[ModelIdentity, Sequence[str]], _Made],
    ) -> _Made:
        texts = cast("Sequence[str]", items)
        windows = self._windows_of(model)
        if windows is None:  # not of texts: only texts are cut into what the worker takes
            return embed_here(model, texts)
        tokens = max(1, min(_REQUEST_TOKENS, _ANSWER_BYTES // (4 * model.dimension)))
        try:
            made = embed(texts, windows, model.dimension, partial(self._embed_windows, model), tokens)
        except EmbeddingError as error:
            raise ValueError(str(error)) from error
        except ComputeUnavailable as error:
            if not self._falls_back:
                raise
            if not self._fell_back:
                LOGGER.warning("%s; this process embeds meanwhile", error)
            self._fell_back = True
            return embed_here(model, texts)
        self._asked = True
        return made

    def _windows_of(self, model: ModelIdentity) -> TextWindows | None:
        with self._lock:
            if model not in self._windows:
                self._windows[model] = self._here.load_windows(model)
            return self._windows[model]

    def _embed_windows(
        self, model: ModelIdentity, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        asked = Embed(model=WorkerModel.of(model).id, states=with_states)
        vectors, *states = self._worker.arrays(asked, [ids, lengths])
        return WindowVectors(vectors, states[0] if states and len(states[0]) == len(ids) else None)
