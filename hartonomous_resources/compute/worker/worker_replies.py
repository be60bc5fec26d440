"""What the worker answers: each request by itself, and an error in words for what it cannot do."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import EmbeddingError
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.worker.frames import FrameError, decode, encode
from hartonomous_resources.compute.worker.numeric_requests import ANSWER_BYTES, dot_product, require_arrays, top_k
from hartonomous_resources.compute.worker.window_batches import WindowBatches
from hartonomous_resources.compute.worker.worker_messages import (
    Answer,
    DotProduct,
    Embed,
    ErrorCode,
    Failure,
    Health,
    HealthAnswer,
    Message,
    Models,
    ModelsAnswer,
    Project,
    Request,
    TopK,
    WorkerModel,
)
from hartonomous_resources.logs import LOGGER

Arrays = Sequence[NDArray[Any]]


class Answers:
    """Answers the requests of all clients. Any threads may call it."""

    def __init__(
        self,
        compute: InProcessCompute,
        home: Path,
        clients: Callable[[], int],
        added: Callable[[], Sequence[ModelSource]] = tuple,
    ) -> None:
        """`added` says where the models come from that were added; none where the settings name all there are."""
        self._compute, self._home, self._clients, self._added = compute, home, clients, added
        self._by_id: dict[str, ModelIdentity] = {}
        self._batches = WindowBatches(compute, clients)
        self._since = time.monotonic()
        self._lock = threading.Lock()
        self._requests = 0

    def answer(self, frame: bytes) -> bytes:
        """Return the answer to a message, whatever that holds."""
        with self._lock:
            self._requests += 1
        try:
            header, arrays = decode(frame, Request)
        except FrameError as error:
            return _failure("malformed", error)
        try:
            return encode(*self._do(header, arrays))
        except (ValueError, OSError) as error:
            return _failure("refused", error)
        except ComputeUnavailable as error:
            return _failure("unavailable", error)
        except EmbeddingError as error:
            return _failure("failed", error)
        except Exception as error:  # noqa: BLE001 - of any library that computes: an error of this client, not of the others
            LOGGER.error("a %s failed", type(header).__name__, exc_info=error)
            return _failure("failed", error)

    def close(self) -> None:
        """End once everything is answered; nobody asks any more."""
        self._batches.close()

    def _do(self, header: Message, arrays: Arrays) -> tuple[Message, Arrays]:
        match header:
            case DotProduct():
                return Answer(), [dot_product(arrays)]
            case Embed():
                return Answer(), self._embed(header, arrays)
            case Project():
                require_arrays(arrays, ("float32", 2), ("float64", 2), ("float64", 1), row_bytes=24)
                vectors, axes, mean = arrays
                return Answer(), [self._compute.project(vectors, axes, mean, header.scale)]
            case TopK():
                return Answer(), top_k(self._home, header, arrays)
            case Models():
                return ModelsAnswer(models=tuple(map(WorkerModel.of, self._models()))), ()
            case Health():
                return self._health(), ()
        raise AssertionError(f"{type(header).__name__} is no request")

    def _embed(self, header: Embed, arrays: Arrays) -> Arrays:
        require_arrays(arrays, ("int32", 1), ("int32", 1), row_bytes=0)
        ids, lengths = arrays
        if header.model not in self._by_id:  # it may have been added a moment ago
            self._by_id = {WorkerModel.of(model).id: model for model in self._models()}
        model = self._by_id.get(header.model)
        if model is None:
            raise ComputeUnavailable(
                f"it has no model {header.model}: where settings or files of models have changed, start it again"
            )
        _refuse_more(
            model.dimension * (8 * len(lengths) + 4 * len(ids) * header.states), lengths
        )  # before it takes time
        made = self._batches.embed(model, ids, lengths, with_states=header.states)
        if not header.states:
            return [made.vectors]
        states = made.vectors[:0].astype("float32") if made.states is None else made.states
        _refuse_more(made.vectors.nbytes + states.nbytes, lengths)  # states may be wider than vectors
        return [made.vectors, states]

    def _models(self) -> Sequence[ModelIdentity]:
        """The models of this machine: those that were added, as far as they can be had, or those that the settings name."""
        sources = [source for source in self._added() if source.api_url is None]
        if not sources:
            return self._compute.models()
        found: list[ModelIdentity] = []
        for source in sources:
            try:
                found.append(self._compute.find(source))
            except ComputeUnavailable as error:
                LOGGER.warning("%s cannot be had: %s", source, error)
        return found

    def _health(self) -> HealthAnswer:
        return HealthAnswer(
            device=self._compute.device(),
            pid=os.getpid(),
            seconds=round(time.monotonic() - self._since, 3),
            connections=self._clients(),
            requests=self._requests,
            batches=self._batches.done,
            loaded=self._compute.is_loaded,
        )


def _refuse_more(answer_bytes: int, lengths: NDArray[Any]) -> None:
    if answer_bytes > ANSWER_BYTES:
        raise ValueError(
            f"the vectors of {len(lengths)} windows are more than {ANSWER_BYTES} bytes: ask for fewer at once"
        )


def _failure(code: ErrorCode, error: Exception) -> bytes:
    return encode(Failure(code=code, message=str(error)[:2000]))
