"""While a batch of texts is computed, the batch before it is written and the next one is claimed; whatever goes wrong, no job is lost."""

import dataclasses
import threading
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from hartonomous_assets import embedding_calls, embeddings
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Progress, StageUnavailable, Work
from hartonomous_core.embedders.protocol import Embeddings
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.resources import Resources
from tests.backends import rows
from tests.builders import HOUR, SmallCompute, write

BATCH = 3


class HeldCompute(SmallCompute):
    """A Compute that begins a batch only when it is let; the first one fails with `error`, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Semaphore(0)
        self.error: Exception | None = None

    def embed(self, model: ModelIdentity, texts: list[str]) -> Embeddings:
        assert self.let.acquire(timeout=30)
        error, self.error = self.error, None
        if error:
            raise error
        return super().embed(model, texts)


@pytest.fixture
def compute() -> HeldCompute:
    return HeldCompute()


@pytest.fixture
def begin(make_home: Callable[..., Resources], compute: HeldCompute) -> Callable[..., Generator[Progress]]:
    """Writes atoms, and returns the stage at work on them, three at a time unless the settings say otherwise."""

    def make(*texts: str, **settings: object) -> Any:
        home = dataclasses.replace(make_home(**{"embedding_batch_size": BATCH, **settings}), compute=compute)
        write(home.database, *texts)
        return embeddings.STAGE.steps(Work(HOUR, "run", home, "test"))

    return make


def jobs(client: Any) -> list[tuple[str, int, str | None]]:
    """Status, attempts and owner of each job, in order."""
    found = rows(
        client,
        "SELECT Status AS status, AttemptCount AS attempts, LeaseOwner AS owner FROM BackgroundJob ORDER BY AtomId",
    )
    return [(row["status"], row["attempts"], row["owner"]) for row in found]


def test_a_batch_is_written_while_the_next_one_is_computed(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    steps = begin(*(f"text {n}" for n in range(2 * BATCH)))

    assert next(steps) == Progress({}, is_unfinished=True)
    assert sorted(jobs(client)) == [("InProgress", 1, "test")] * BATCH + [("Pending", 0, None)] * BATCH
    compute.let.release()  # the first, and not the second
    assert next(steps) == Progress({"embedded": BATCH}, is_unfinished=True)
    assert sorted(jobs(client)) == [("Completed", 1, None)] * BATCH + [("InProgress", 1, "test")] * BATCH
    compute.let.release()
    assert next(steps) == Progress({"embedded": BATCH})
    assert next(steps) == Progress()
    assert jobs(client) == [("Completed", 1, None)] * 2 * BATCH


def test_a_stop_gives_back_what_is_computed_and_what_waits_for_it(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    steps = begin(*(f"text {n}" for n in range(2 * BATCH)))
    next(steps)

    compute.let.release()
    steps.close()

    assert jobs(client) == [("Pending", 0, None)] * 2 * BATCH


@pytest.mark.slow
def test_a_batch_that_takes_longer_than_its_lease_is_not_claimed_again(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    steps = begin(*(f"text {n}" for n in range(BATCH)), lease_seconds=2)
    next(steps)
    time.sleep(2.1)
    compute.let.release(2)

    assert next(steps) == Progress({"embedded": BATCH})
    assert jobs(client) == [("Completed", 1, None)] * BATCH
    assert len(compute.texts) == BATCH


def test_a_large_batch_is_computed_in_several_calls(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    monkeypatch.setattr(embedding_calls, "_CHARACTERS_AT_ONCE", len("text 1, text 2"))
    steps = begin(*(f"text {n}" for n in range(5)), embedding_batch_size=50)
    compute.let.release(3)

    assert next(steps) == Progress({"embedded": 5})
    assert not compute.let.acquire(blocking=False), "one call for each two texts"
    assert jobs(client) == [("Completed", 1, None)] * 5


def test_a_stop_waits_for_one_call_of_the_model_and_not_for_a_batch(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, monkeypatch: pytest.MonkeyPatch, client: Any
) -> None:
    monkeypatch.setattr(embedding_calls, "_CHARACTERS_AT_ONCE", len("text 1, text 2"))
    steps = begin(*(f"text {n}" for n in range(6)), embedding_batch_size=6)
    monkeypatch.setattr(embeddings, "_WORTH_OVERLAPPING", 6)
    next(steps)

    letting = threading.Timer(1, compute.let.release, [3])
    letting.start()
    steps.close()
    letting.join()

    assert len(compute.texts) == 2
    assert jobs(client) == [("Pending", 0, None)] * 6


def test_a_batch_is_as_large_as_takes_about_a_second(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_calls, "_FIRST_BATCH", 10)
    monkeypatch.setattr(embeddings, "_WORTH_OVERLAPPING", 2)
    steps = begin(*(f"text {n}" for n in range(100)), embedding_batch_size=40)
    next(steps)
    monkeypatch.setattr(embedding_calls, "_BATCH_SECONDS", 0.0)  # as if it had taken for ever
    compute.let.release(2)
    claimed = [next(steps).counts["embedded"] for _ in range(2)]
    monkeypatch.setattr(embedding_calls, "_BATCH_SECONDS", 1e9)
    compute.let.release(100)

    claimed += [
        next(steps).counts["embedded"] for _ in range(3)
    ]  # a fourth finds nothing left, where the thread is fast

    assert claimed[:1] == [10]
    assert 2 in claimed
    assert max(claimed) == 40, "never more than the settings say"
    steps.close()


def test_a_batch_that_fails_counts_for_its_own_jobs_alone(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    compute.error = ValueError("a text that cannot be embedded")
    steps = begin(*(f"text {n}" for n in range(2 * BATCH)))
    compute.let.release(2)

    next(steps)

    assert next(steps).counts == {"failed attempts": BATCH}
    assert sorted(jobs(client)) == [("InProgress", 1, "test")] * BATCH + [("Pending", 1, None)] * BATCH
    steps.close()


def test_an_outage_counts_for_no_job_and_gives_all_of_them_back(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    compute.error = ComputeUnavailable("no device")
    steps = begin(*(f"text {n}" for n in range(2 * BATCH)))
    compute.let.release(2)
    next(steps)

    with pytest.raises(StageUnavailable, match="no device"):
        next(steps)

    assert jobs(client) == [("Pending", 0, None)] * 2 * BATCH


def test_a_job_that_failed_twice_is_computed_with_no_other_in_flight(
    begin: Callable[..., Generator[Progress]], compute: HeldCompute, client: Any
) -> None:
    steps = begin(*(f"text {n}" for n in range(BATCH + 2)))
    client.cursor().execute("UPDATE BackgroundJob SET AttemptCount = 2 WHERE AtomId > ?", (BATCH,))
    client.commit()
    compute.let.release(3)

    seen = [next(steps) for _ in range(5)]

    assert seen[0] == Progress({}, is_unfinished=True)
    assert seen[1:] == [Progress({"embedded": BATCH}), Progress({"embedded": 1}), Progress({"embedded": 1}), Progress()]


def test_a_run_does_not_end_before_what_is_in_flight_is_written(
    make_home: Callable[..., Resources], compute: HeldCompute, client: Any
) -> None:
    home = dataclasses.replace(make_home(embedding_batch_size=BATCH), compute=compute)  # type: ignore[arg-type]
    write(home.database, *(f"text {n}" for n in range(BATCH)))
    compute.let.release()

    reports = run_stages(Work(HOUR, "run", home, "test"), [embeddings.STAGE], 0, lambda _stage, _report: None)

    assert reports["atom_embeddings"].counts == {"embedded": BATCH}
    assert jobs(client) == [("Completed", 1, None)] * BATCH
