"""Windows of several clients in one call of the model: whoever asks within a few milliseconds shares it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import WindowVectors
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity

BATCH_TOKENS = 1 << 13
_WAIT_SECONDS = 0.002
_LOOK_SECONDS = 1.0
"""How often who waits looks whether there is still somebody to answer."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    model: ModelIdentity
    with_states: bool
    ids: NDArray[np.int32]
    lengths: NDArray[np.int32]
    answer: Future[WindowVectors] = field(default_factory=Future)


class WindowBatches:
    """Gathers what clients ask for, by model, until it is enough or each of them has asked. Any threads may call it."""

    def __init__(self, compute: InProcessCompute, clients: Callable[[], int]) -> None:
        """`clients` counts those who may ask: each of them asks for one thing at a time."""
        self._compute, self._clients = compute, clients
        self._changed = threading.Condition()
        self._waiting: list[_Asked] = []
        self._is_closed = False
        self.done = 0
        """Batches."""
        self._thread = threading.Thread(target=self._work, name="batches")
        self._thread.start()

    def embed(
        self, model: ModelIdentity, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool
    ) -> WindowVectors:
        """Do as `InProcessCompute.embed_windows` does; what others ask for changes neither the vectors nor what is raised.

        The model is loaded here, by whoever asks first: the thread that embeds goes on with other models meanwhile.
        Raises also ComputeUnavailable where nothing computes any more.
        """
        self._compute.load(model)
        asked = _Asked(model, with_states, ids, lengths)
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify()
        while True:
            is_alive = self._thread.is_alive()
            if wait([asked.answer], _LOOK_SECONDS).done:
                return asked.answer.result()
            if not is_alive:
                raise ComputeUnavailable("the thread that embeds has ended: start the worker again")

    def close(self) -> None:
        """End once all that was asked for is answered; nobody asks any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        batch: list[_Asked] = []
        is_over = False
        while not is_over:
            try:
                batch = self._next()
                is_over = not batch
                if batch:
                    self._embed(batch)
            except BaseException as error:  # noqa: BLE001 - without this thread all wait for ever
                with self._changed:
                    waiting, self._waiting = [*batch, *self._waiting], []
                for asked in waiting:
                    if not asked.answer.done():
                        asked.answer.set_exception(error)

    def _next(self) -> list[_Asked]:
        """Wait for a batch; an empty one is the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed)
            self._changed.wait_for(self._is_enough, _WAIT_SECONDS)
            batch: list[_Asked] = []
            tokens = 0
            for asked in self._waiting:
                alike = not batch or (asked.model, asked.with_states) == (batch[0].model, batch[0].with_states)
                if alike and (not batch or tokens + len(asked.ids) <= BATCH_TOKENS):
                    batch.append(asked)
                    tokens += len(asked.ids)
            taken = set(map(id, batch))
            self._waiting = [asked for asked in self._waiting if id(asked) not in taken]
            return batch

    def _is_enough(self) -> bool:
        tokens = sum(len(asked.ids) for asked in self._waiting)
        return self._is_closed or len(self._waiting) >= self._clients() or tokens >= BATCH_TOKENS

    def _embed(self, batch: Sequence[_Asked]) -> None:
        self.done += 1
        try:
            ids = np.concatenate([asked.ids for asked in batch])  # may find no memory
            lengths = np.concatenate([asked.lengths for asked in batch])
            made = self._compute.embed_windows(batch[0].model, ids, lengths, with_states=batch[0].with_states)
        except BaseException as error:  # noqa: BLE001 - raised where it was asked for
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
                return
            for asked in batch:  # one of them is at fault
                self._embed([asked])
            return
        window = token = 0
        for asked in batch:
            last, last_token = window + len(asked.lengths), token + len(asked.ids)
            states = None if made.states is None else made.states[token:last_token]
            asked.answer.set_result(WindowVectors(made.vectors[window:last], states))
            window, token = last, last_token
