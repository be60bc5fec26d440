"""Several models in one process: loading one holds up no question by another, each is loaded once, and idle ones leave."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute import in_process
from hartonomous_resources.compute.in_process import IDLE_SECONDS, KEPT_MODELS, InProcessCompute
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.compute.spaces import Space
from hartonomous_resources.settings import Settings


class SmallEmbedder:
    """Says the same of all."""

    device = "cpu"

    def embed(self, items: list[str]) -> Embeddings:
        return Embeddings(np.ones((len(items), 3), np.float32), np.ones(len(items), np.int64))


def a_model(name: str) -> ModelIdentity:
    return ModelIdentity("text", name, 3, name * 64, "int8", "{}")


@pytest.fixture
def make_compute(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., InProcessCompute]:
    def make(**loads: Callable[[], object]) -> InProcessCompute:
        spaces = {a_model(name): Space(a_model(name), load) for name, load in loads.items()}  # type: ignore[arg-type]
        monkeypatch.setattr("hartonomous_resources.compute.spaces.spaces_of", lambda _settings: spaces)
        return InProcessCompute(settings)

    return make


def test_a_question_by_a_loaded_model_does_not_wait_for_another_to_load(
    make_compute: Callable[..., InProcessCompute],
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def load_slowly() -> SmallEmbedder:
        begun.set()
        assert go_on.wait(30)
        return SmallEmbedder()

    compute = make_compute(a=SmallEmbedder, b=load_slowly, c=SmallEmbedder)
    compute.embed(a_model("a"), ["x"])
    with ThreadPoolExecutor(2) as pool:
        try:
            slow = pool.submit(compute.embed, a_model("b"), ["x"])
            assert begun.wait(30)
            for name in ("a", "c"):
                assert len(pool.submit(compute.embed, a_model(name), ["x"]).result(10).vectors) == 1
            assert not slow.done()
        finally:
            go_on.set()
        assert len(slow.result(30).vectors) == 1


def test_a_model_for_which_many_ask_at_once_is_loaded_once(make_compute: Callable[..., InProcessCompute]) -> None:
    loaded, all_ask = list[SmallEmbedder](), threading.Barrier(8)

    def load() -> SmallEmbedder:
        loaded.append(SmallEmbedder())
        threading.Event().wait(0.2)
        return loaded[-1]

    compute = make_compute(a=load)

    def ask() -> None:
        all_ask.wait(30)
        compute.embed(a_model("a"), ["x"])

    with ThreadPoolExecutor(8) as pool:
        for asked in [pool.submit(ask) for _ in range(8)]:
            asked.result(30)
    assert len(loaded) == 1


def test_a_model_that_did_not_load_is_tried_again(make_compute: Callable[..., InProcessCompute]) -> None:
    outcomes = [None, SmallEmbedder()]

    def load() -> SmallEmbedder:
        if (outcome := outcomes.pop(0)) is None:
            raise ValueError("it does not load")
        return outcome

    compute = make_compute(a=load)
    with pytest.raises(ValueError, match="does not load"):
        compute.embed(a_model("a"), ["x"])
    assert len(compute.embed(a_model("a"), ["x"]).vectors) == 1


def test_of_more_than_some_models_those_that_nobody_used_for_minutes_leave(
    make_compute: Callable[..., InProcessCompute], monkeypatch: pytest.MonkeyPatch
) -> None:
    now, loads = 1000.0, list[str]()
    monkeypatch.setattr(in_process, "monotonic", lambda: now)

    def loading(name: str) -> Callable[[], SmallEmbedder]:
        return lambda: loads.append(name) or SmallEmbedder()  # type: ignore[func-returns-value]

    assert KEPT_MODELS == 2
    compute = make_compute(**{name: loading(name) for name in "abc"})
    for name in "abc":
        compute.embed(a_model(name), ["x"])
    now += IDLE_SECONDS - 1
    for name in "cba":
        now += 0.1
        compute.embed(a_model(name), ["x"])
    assert loads == ["a", "b", "c"], "none was idle for long"

    now += IDLE_SECONDS
    compute.embed(a_model("b"), ["x"])  # c was used before a
    for name in "ab":
        compute.embed(a_model(name), ["x"])
    assert loads == ["a", "b", "c"]
    compute.embed(a_model("c"), ["x"])
    assert loads == ["a", "b", "c", "c"]
