"""Windows of several clients are embedded together, and whatever is met stays with who asked."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import WindowVectors
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.compute.worker.window_batches import WindowBatches
from tests.builders import small_model


class SlowCompute:
    """Counts calls; its vectors are the lengths. It holds the first call until the others have asked."""

    def __init__(self) -> None:
        self.calls: list[int] = []
        self.go_on = threading.Event()
        self.loads: dict[str, threading.Event] = {}
        """Of each model whose load waits, what ends that."""

    def load(self, model: ModelIdentity) -> None:
        if model.name in self.loads:
            assert self.loads[model.name].wait(20)

    def embed_windows(
        self, _model: object, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool
    ) -> WindowVectors:
        self.calls.append(len(ids))
        assert self.go_on.wait(20)
        if (ids == 13).any():
            raise RuntimeError("unlucky")
        return WindowVectors(
            lengths[:, None].astype(np.float64), ids[:, None].astype(np.float32) if with_states else None
        )


def test_who_asks_meanwhile_shares_a_call_and_an_error_stays_with_who_caused_it() -> None:
    compute = SlowCompute()
    batches = WindowBatches(compute, lambda: 1)  # type: ignore[arg-type]
    model = small_model("small")

    def ask(number: int) -> float | str:
        length = np.array([number], np.int32)
        try:
            return float(
                batches.embed(model, np.full(number, number, np.int32), length, with_states=False).vectors[0, 0]
            )
        except RuntimeError as error:
            return str(error)

    with ThreadPoolExecutor(20) as pool:
        first = pool.submit(ask, 1)
        while not compute.calls:
            time.sleep(0.001)
        others = [pool.submit(ask, number) for number in range(2, 16)]
        while len(batches._waiting) < 14:
            time.sleep(0.001)
        compute.go_on.set()
        found = [first.result(), *(each.result() for each in others)]
    batches.close()

    assert found == [float(n) if n != 13 else "unlucky" for n in range(1, 16)]
    assert compute.calls[:2] == [1, sum(range(2, 16))]


def test_a_model_that_is_being_loaded_holds_up_no_other() -> None:
    compute = SlowCompute()
    compute.go_on.set()
    compute.loads["slow"] = threading.Event()
    batches = WindowBatches(compute, lambda: 2)  # type: ignore[arg-type]

    def ask(name: str) -> float:
        one = np.ones(1, np.int32)
        return float(batches.embed(small_model(name), one, one, with_states=False).vectors[0, 0])

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(ask, "slow")
        assert pool.submit(ask, "loaded").result(10) == 1.0
        assert not slow.done()
        compute.loads["slow"].set()
        assert slow.result(10) == 1.0
    batches.close()


class Failing:
    """Each window has the vector (1,). It raises what it is told to, once, where its clients are counted or as it embeds."""

    def __init__(self, **met: BaseException) -> None:
        self.met = met

    def load(self, _model: object) -> None:
        self._fail_at("loading")

    def count(self) -> int:
        self._fail_at("counting")
        return 1

    def embed_windows(self, _model: object, _ids: object, lengths: NDArray[np.int32], **_: object) -> WindowVectors:
        self._fail_at("embedding")
        return WindowVectors(np.ones((len(lengths), 1)), None)

    def _fail_at(self, place: str) -> None:
        if place in self.met:
            raise self.met.pop(place)


ONE = np.ones(1, np.int32)
A_NUMBER = np.array(1, np.int32)
"""Which is no array that can be put together with others."""


def asked_meanwhile(batches: WindowBatches, lengths: NDArray[np.int32]) -> "Future[WindowVectors]":
    """Ask in a thread that a test that fails does not wait for."""
    found: Future[WindowVectors] = Future()

    def ask() -> None:
        try:
            found.set_result(batches.embed(small_model("small"), ONE, lengths, with_states=False))
        except BaseException as error:  # noqa: BLE001 - raised where it is looked at
            found.set_exception(error)

    threading.Thread(target=ask, daemon=True).start()
    return found


@pytest.mark.parametrize(
    ("met", "lengths", "raised"),
    [
        ({}, A_NUMBER, ValueError),
        ({"counting": MemoryError()}, ONE, MemoryError),
        ({"loading": ComputeUnavailable("no file")}, ONE, ComputeUnavailable),
        ({"embedding": SystemExit("the library gives up")}, ONE, SystemExit),
    ],
)
def test_nothing_ends_the_thread_that_embeds(
    met: dict[str, BaseException], lengths: NDArray[np.int32], raised: type[BaseException]
) -> None:
    compute = Failing(**met)
    batches = WindowBatches(compute, compute.count)  # type: ignore[arg-type]
    with pytest.raises(raised):
        asked_meanwhile(batches, lengths).result(20)

    assert asked_meanwhile(batches, ONE).result(20).vectors.tolist() == [[1.0]]
    batches.close()


def test_who_waits_is_told_where_that_thread_is_gone() -> None:
    compute = Failing()
    batches = WindowBatches(compute, compute.count)  # type: ignore[arg-type]
    batches.close()

    with pytest.raises(ComputeUnavailable, match="start the worker again"):
        asked_meanwhile(batches, ONE).result(20)
