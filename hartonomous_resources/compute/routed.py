"""The compute of a home: each model where it comes from, those of this machine in one backend, those of servers in one each."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.own_models import OWN_MODELS
from hartonomous_resources.compute.protocol import Compute, ModelCompute, ModelIdentity

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.embedders.protocol import Embeddings, Items, TokenEmbeddings
    from hartonomous_resources.compute.model_source import ModelSource
    from hartonomous_resources.settings import Settings


class RoutedCompute:
    """What the settings name goes to the backend that they choose; what was added beside it, wherever that is computed."""

    def __init__(self, settings: Settings, open_local: Callable[[Settings], ModelCompute] | None) -> None:
        """`open_local` opens the backend of this machine that the settings choose; None where they choose a server."""
        self._settings = settings
        self._local = (open_local or InProcessCompute)(settings)
        self._lock = threading.Lock()
        self._servers: dict[ModelSource, Compute] = {}
        self._of_model: dict[ModelIdentity, Compute] = {}
        self._used: dict[Compute, None] = {}
        self._named: Compute = self._open_server(settings) if open_local is None else self._local

    def models(self) -> Sequence[ModelIdentity]:
        return self._named.models()

    def find(self, source: ModelSource) -> ModelIdentity:
        if source.api_url is None:
            model = self._local.find(source)
            self._of_model[model] = self._local
            return model
        server = self._server(source)
        [model] = server.models()
        self._of_model[model] = server
        return model

    def warm(self, sources: Sequence[ModelSource] = ()) -> None:
        if not sources:
            self._named.warm()
        elif local := [source for source in sources if source.api_url is None]:
            self._local.warm(local)

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        return self._computing(model).embed(model, items)

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        return self._computing(model).embed_tokens(model, texts)

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        return self._local.project(vectors, axes, mean, scale)

    def device(self) -> str:
        return "; ".join(compute.device() for compute in [*self._used] or [self._named])

    def close(self) -> None:
        with self._lock, ExitStack() as closing:
            for opened in {id(each): each for each in (self._local, self._named, *self._servers.values())}.values():
                closing.callback(opened.close)
            self._servers.clear()
            self._of_model.clear()

    def _computing(self, model: ModelIdentity) -> Compute:
        compute = self._local if model in OWN_MODELS else self._of_model.get(model, self._named)
        self._used[compute] = None
        return compute

    def _server(self, source: ModelSource) -> Compute:
        with self._lock:
            if source not in self._servers:
                self._servers[source] = self._open_server(source.applied_to(self._settings))
            return self._servers[source]

    @staticmethod
    def _open_server(settings: Settings) -> Compute:
        from hartonomous_resources.compute.api.api_compute import ApiCompute  # with NumPy

        return ApiCompute(settings)
