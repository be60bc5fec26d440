"""Compute in this process, on its processors; NumPy for projection."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING

from hartonomous_resources.compute.own_models import OWN_MODELS
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity

if TYPE_CHECKING:  # a command that embeds nothing opens this and never uses it
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.embedders.protocol import Embedder, Embeddings, Items, TokenEmbeddings, WindowVectors
    from hartonomous_core.embedders.text_windows import TextWindows
    from hartonomous_resources.compute.model_source import ModelSource
    from hartonomous_resources.compute.spaces import Space
    from hartonomous_resources.settings import Settings

KEPT_MODELS = 2
"""So many stay in memory, used or not."""
IDLE_SECONDS = 300.0
"""Of more than those, a model leaves that was not used for so long: searches go by another one now, or it was dropped."""


class InProcessCompute:
    """Loads a model at its first use or when warmed, so that a run with nothing to embed never pays for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        """Of what is loaded, and never held while a model is: questions by one that is loaded wait for no other."""
        self._finding = threading.Lock()
        """Held while files of models are looked for and hashed."""
        self._loading: dict[ModelIdentity, threading.Lock] = {}
        """Each is held while its model is loaded: once."""
        self._spaces: dict[ModelIdentity, Space] | None = None
        self._found: dict[ModelSource, Space] = {}
        """Spaces that the settings do not name."""
        self._loaded: dict[ModelIdentity, Embedder] = {}
        self._used: dict[ModelIdentity, float] = {}
        """When each that is loaded was used last."""
        self._warming_lock = threading.Lock()
        """Never held while a model is loaded: `warm` returns at once."""
        self._warming: threading.Thread | None = None
        self._met: Exception | None = None
        """What warming met; the next call raises it, and the one after that tries again."""

    def models(self) -> Sequence[ModelIdentity]:
        self._wait_for_warming()
        with self._finding:
            return list(self._find_spaces())

    def find(self, source: ModelSource) -> ModelIdentity:
        if (found := self._found.get(source)) is None:
            self._wait_for_warming()
            found = self._find(source)
        return found.model

    def warm(self, sources: Sequence[ModelSource] = ()) -> None:
        with self._warming_lock:
            if self._warming is not None:
                return
            # Not a daemon: a process that ends in the middle of a library's native code may crash.
            self._warming = threading.Thread(target=self._load_all, args=(sources,), name="models")
            self._warming.start()

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        with self._embedder_for(model, items) as embedder:
            return embedder.embed(items)

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        with self._embedder_for(model, texts) as embedder:
            return embedder.embed_tokens(texts)

    def embed_windows(
        self, model: ModelIdentity, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """Embed windows of token ids as `Embedder.embed_windows` does.

        Raises ComputeUnavailable when the model cannot be loaded, or its device fails.
        """
        with self._loaded_model(model) as embedder:
            return embedder.embed_windows(ids, lengths, with_states=with_states)

    def load(self, model: ModelIdentity) -> Embedder:
        """Have a model in memory, and return it. Raises ComputeUnavailable when it cannot be loaded."""
        if (embedder := self._in_memory(model)) is None:
            self._wait_for_warming()
            embedder = self._load(model)
        return embedder

    def load_windows(self, model: ModelIdentity) -> TextWindows | None:
        """Load what cuts texts into windows of a model, without the model; None for one that takes no texts. Raises as `embed` does."""
        self._wait_for_warming()
        load = self._space_of(model).load_windows
        return load and load()

    def device(self) -> str:
        if loaded := list(self._loaded.values()):
            return ", ".join(dict.fromkeys(embedder.device for embedder in loaded))
        return f"{self._settings.device}, no model is loaded yet" if self._settings.may_use_gpu else "cpu"

    @property
    def is_loaded(self) -> bool:
        """Whether a model is in memory."""
        return bool(self._loaded)

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        from hartonomous_core.spatial.landmarks import project

        return project(vectors, axes, mean, scale)

    def close(self) -> None:
        self._wait_for_warming()
        with self._finding, self._lock, self._warming_lock:
            self._loaded.clear()
            self._used.clear()
            self._found.clear()
            self._warming = self._met = None

    def _is_there(self, source: ModelSource) -> bool:
        from hartonomous_resources.compute.text_model import text_model_is_ready

        folder = self._settings.model_dir
        return text_model_is_ready(folder, model=source.model, precision=source.precision, engine=source.engine)[0]

    def _load_all(self, sources: Sequence[ModelSource]) -> None:
        from hartonomous_resources.compute.model_source import sources_of

        if sources:
            for source in filter(self._is_there, sources):
                with suppress(Exception):  # of any library that loads models; where the model is used it is met again
                    self._load(self._find(source).model)
            return
        try:
            if all(map(self._is_there, sources_of(self._settings))):
                with self._finding:
                    models = list(self._find_spaces())
                for model in models:
                    self._load(model)
        except Exception as error:  # noqa: BLE001 - as above; raised where the model is used
            self._met = error

    def _wait_for_warming(self) -> None:
        if (warming := self._warming) is not None:
            warming.join()

    @contextmanager
    def _embedder_for(self, model: ModelIdentity, items: Items) -> Iterator[Embedder]:
        from hartonomous_core.embedders.protocol import EmbeddingError

        refuse_other_items(model, items)
        with self._loaded_model(model) as embedder:
            try:
                yield embedder
            except EmbeddingError as error:
                raise ValueError(str(error)) from error

    @contextmanager
    def _loaded_model(self, model: ModelIdentity) -> Iterator[Embedder]:
        """A model whose device fails is loaded anew the next time, on that device or another. Raises ComputeUnavailable then."""
        from hartonomous_core.embedders.protocol import DeviceError

        embedder = self.load(model)
        try:
            yield embedder
        except DeviceError as error:
            from hartonomous_resources.compute.devices import forget_devices

            with self._lock:
                if self._loaded.get(model) is embedder:
                    del self._loaded[model], self._used[model]
            forget_devices()
            raise ComputeUnavailable(f"{embedder.device}: {error}") from error

    def _find_spaces(self) -> dict[ModelIdentity, Space]:
        from hartonomous_resources.compute.spaces import spaces_of

        if self._met is not None:
            met, self._met = self._met, None
            raise met
        if self._spaces is None:
            self._spaces = spaces_of(self._settings)
        return self._spaces

    def _find(self, source: ModelSource) -> Space:
        from hartonomous_resources.compute.spaces import spaces_of

        with self._finding:
            if source not in self._found:
                [self._found[source]] = spaces_of(source.applied_to(self._settings)).values()
            return self._found[source]

    def _in_memory(self, model: ModelIdentity) -> Embedder | None:
        """Return a model that is loaded, and let idle ones go; who computes with one of them keeps it meanwhile."""
        with self._lock:
            if (embedder := self._loaded.get(model)) is not None:
                self._used[model] = now = monotonic()
                for other in sorted(self._used, key=self._used.__getitem__):
                    if len(self._loaded) <= KEPT_MODELS or now - self._used[other] < IDLE_SECONDS:
                        break
                    del self._loaded[other], self._used[other]
            return embedder

    def _load(self, model: ModelIdentity) -> Embedder:
        with self._lock:
            loading = self._loading.setdefault(model, threading.Lock())
        with loading:
            if (embedder := self._in_memory(model)) is None:
                embedder = self._space_of(model).load()
                with self._lock:
                    self._loaded[model], self._used[model] = embedder, monotonic()
                self._in_memory(model)
            return embedder

    def _space_of(self, model: ModelIdentity) -> Space:
        from hartonomous_resources.compute.spaces import Space

        if load := OWN_MODELS.get(model):
            return Space(model, load)
        space = next((space for space in list(self._found.values()) if space.model == model), None)
        if space is None:
            with self._finding:
                space = self._find_spaces().get(model)
        if space is None:
            raise ValueError(
                f"the settings name no model {model.name} ({model.precision}) of SHA-256 {model.artifact_hash}"
            )
        return space


def refuse_other_items(model: ModelIdentity, items: Items) -> None:
    """Raises ValueError for the first item that is not of the kind that the model takes."""
    import numpy as np

    from hartonomous_core.embedders.protocol import first_of_another_kind

    position = first_of_another_kind(items, model.takes)
    if position is not None:
        found = items[position]
        what = f"array of {found.dtype}" if isinstance(found, np.ndarray) else type(found).__name__
        raise ValueError(f"model {model.name} takes {model.takes}: item {position} of {len(items)} is of type {what}")
