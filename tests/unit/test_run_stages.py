"""The loop that runs the stages in turn, until nothing is pending; one that fails takes no other with it."""

import dataclasses
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import dagster as dg
import pytest

from hartonomous_assets import chain
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import IDLE, Progress, Stage, StageReport, StageUnavailable, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.database_errors import DatabaseUnavailable, TransactionConflict
from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.builders import enqueue, open_home, receive_all

Steps = Callable[[Work], Iterator[Progress]]
DONE = Progress({"done": 1})


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Work]:
    """Work on the running hour of a fresh home."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    yield Work(current_hour(), "run", open_home(tmp_path, database))
    database.close()


def stage(name: str, steps: Steps) -> Stage:
    return Stage(dg.AssetSpec(name), steps, lambda work: [])


def run(work: Work, *stages: Stage, linger: float = 0.0) -> dict[str, StageReport]:
    return run_stages(work, stages, linger, lambda _stage, _report: None)


class Scripted:
    """A stage that plays a list of steps, then is idle; it writes down what it did, also that it was closed."""

    def __init__(self, name: str, log: list[str], *script: Progress | BaseException) -> None:
        self._name, self._log, self._script = name, log, script
        self.stage = stage(name, self._steps)

    def _steps(self, work: Work) -> Generator[Progress]:
        try:
            for step in self._script:
                self._log.append(self._name)
                if isinstance(step, BaseException):
                    raise step
                yield step
            while True:
                yield IDLE
        finally:
            self._log.append(f"{self._name} closed")


def test_stages_work_in_turn_one_step_each_until_all_are_idle(work: Work) -> None:
    log: list[str] = []
    first, second = Scripted("first", log, DONE, DONE, DONE), Scripted("second", log, DONE)

    reports = run(work, first.stage, second.stage)

    assert log[:4] == ["first", "second", "first", "first"]
    assert {name: (r.counts, r.steps, r.error) for name, r in reports.items()} == {
        "first": ({"done": 3}, 3, None),
        "second": ({"done": 1}, 1, None),
    }


def test_a_stage_that_was_idle_works_again_when_an_earlier_one_made_work_for_it(work: Work) -> None:
    def produce(work: Work) -> Iterator[Progress]:
        for n in range(3):
            yield IDLE if n == 1 else DONE
            enqueue(work.resources.database, INGESTION_QUEUE, [str(n).encode()])
        while True:
            yield IDLE

    def consume(work: Work) -> Iterator[Progress]:
        while True:
            received = receive_all(work.resources.database, INGESTION_QUEUE)
            yield Progress({"received": len(received)}) if received else IDLE

    reports = run(work, stage("produce", produce), stage("consume", consume))

    assert reports["consume"].counts == {"received": 3}


@pytest.mark.slow
def test_a_run_is_not_over_while_another_one_is_at_what_there_is_to_do(work: Work) -> None:
    held = Progress(others_are_working=True)

    reports = run(work, Scripted("it", [], held, held, DONE).stage)

    assert reports["it"].counts == {"done": 1}


def test_counts_of_the_steps_add_up_by_name(work: Work) -> None:
    script = Progress({"atoms": 2, "sources": 1}), Progress({"atoms": 3})

    reports = run(work, Scripted("it", [], *script).stage)

    assert reports["it"].counts == {"atoms": 5, "sources": 1}


def test_a_stage_is_reported_on_after_each_step_that_did_something_and_never_when_idle(work: Work) -> None:
    seen: list[tuple[str, int]] = []
    stages = [Scripted("busy", [], DONE, IDLE, DONE).stage, Scripted("idle", []).stage]

    run_stages(work, stages, 0, lambda stage, report: seen.append((stage.name, report.counts["done"])))

    assert seen[0] == ("busy", 1)
    assert {name for name, _ in seen} == {"busy"}


@pytest.mark.parametrize("error", [StageUnavailable("the graph is down"), ValueError("a mistake")])
def test_a_stage_that_fails_is_left_out_and_the_others_finish(work: Work, error: Exception) -> None:
    log: list[str] = []
    failing, healthy = Scripted("failing", log, DONE, error, DONE), Scripted("healthy", log, *[DONE] * 5)

    reports = run(work, failing.stage, healthy.stage)

    assert reports["failing"].error is error
    assert (reports["failing"].counts, reports["healthy"].counts) == ({"done": 1}, {"done": 5})
    assert reports["healthy"].error is None
    assert log.count("failing") == 2


def test_the_loop_ends_when_every_stage_has_failed(work: Work) -> None:
    reports = run(work, Scripted("only", [], ValueError("a mistake")).stage, linger=60)

    assert isinstance(reports["only"].error, ValueError)


def test_every_stage_is_closed_at_the_end(work: Work) -> None:
    log: list[str] = []

    run(work, Scripted("first", log, DONE).stage, Scripted("second", log, DONE).stage)

    assert sorted(log[-2:]) == ["first closed", "second closed"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, dg.DagsterExecutionInterruptedError])
def test_an_interruption_closes_every_stage_and_goes_on_up(work: Work, interruption: type[BaseException]) -> None:
    log: list[str] = []
    before = Scripted("before", log, DONE, DONE)
    interrupted = Scripted("interrupted", log, interruption())
    after = Scripted("after", log, DONE)

    with pytest.raises(interruption):
        run(work, before.stage, interrupted.stage, after.stage)

    assert log[:3] == ["before", "interrupted", "interrupted closed"]
    assert "before closed" in log
    assert "after" not in log


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, dg.DagsterExecutionInterruptedError])
def test_a_run_that_only_lingers_has_done_its_work_when_it_is_asked_to_stop(
    work: Work, monkeypatch: pytest.MonkeyPatch, interruption: type[BaseException]
) -> None:
    log: list[str] = []

    def interrupt(since: int, timeout: float) -> bool:
        raise interruption

    monkeypatch.setattr(work.resources.database, "wait_for_change", interrupt)

    reports = run(work, Scripted("only", log, DONE).stage, linger=30)

    assert reports["only"].counts and reports["only"].error is None
    assert log[-1] == "only closed"


def in_a_moment(path: Path, wait: threading.Event) -> threading.Thread:
    """Once the event is set and 0.3 s have passed, commit a message on another connection."""

    def commit() -> None:
        wait.wait(10)
        time.sleep(0.3)
        other = SqliteDatabase(path)
        enqueue(other, INGESTION_QUEUE, [f"{time.monotonic()}".encode()])
        other.close()

    thread = threading.Thread(target=commit)
    thread.start()
    return thread


def test_a_lingering_loop_wakes_up_at_once_when_another_connection_commits(work: Work, tmp_path: Path) -> None:
    idle, delays = threading.Event(), []

    def consume(work: Work) -> Iterator[Progress]:
        yield DONE
        while True:
            received = receive_all(work.resources.database, INGESTION_QUEUE)
            delays.extend(time.monotonic() - float(message.body) for message in received)
            idle.set()
            yield Progress({"received": len(received)}) if received else IDLE

    sender = in_a_moment(tmp_path / "hartonomous.db", idle)

    reports = run(work, stage("consume", consume), linger=1.0)

    sender.join()
    assert reports["consume"].counts == {"done": 1, "received": 1}
    assert delays[0] < 0.2


def test_a_run_that_finds_nothing_pending_ends_at_once(work: Work) -> None:
    started = time.monotonic()

    run(work, Scripted("it", []).stage, linger=60)

    assert time.monotonic() - started < 10


def test_a_lingering_loop_ends_after_its_time_without_work(work: Work) -> None:
    started = time.monotonic()

    run(work, Scripted("it", [], DONE).stage, linger=0.4)

    assert 0.4 <= time.monotonic() - started < 5


@pytest.mark.slow
def test_work_that_arrives_begins_the_lingering_anew(work: Work) -> None:
    started = time.monotonic()

    def twice(work: Work) -> Iterator[Progress]:
        yield DONE
        while time.monotonic() - started < 0.3:
            yield IDLE
        yield DONE
        while True:
            yield IDLE

    reports = run(work, stage("twice", twice), linger=1.2)

    assert reports["twice"].counts == {"done": 2}
    assert time.monotonic() - started >= 1.2 + 0.3


def test_an_hour_that_is_over_is_not_lingered_in(work: Work) -> None:
    started = time.monotonic()

    run(Work("2026-01-01-01:00", "run", work.resources), Scripted("it", [], DONE).stage, linger=60)

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (StageUnavailable("the graph is down"), True),
        (DatabaseUnavailable("the database is down"), True),
        (TransactionConflict("another one was in the way"), True),
        (ValueError("a mistake"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_passes_is_tried_again_by_the_loop_and_may_be_by_dagster(
    work: Work, monkeypatch: pytest.MonkeyPatch, error: Exception, passes: bool
) -> None:
    failing = iter([DONE, error])

    def steps(work: Work) -> Iterator[Progress]:
        for step in failing:
            if isinstance(step, Exception):
                raise step
            yield step
        while True:
            yield IDLE

    settings = work.resources.settings.model_copy(update={"retry_delay_seconds": 0.0})
    at_once = dataclasses.replace(work, resources=dataclasses.replace(work.resources, settings=settings))
    reports = run(at_once, stage("it", steps), linger=0.3)
    assert (reports["it"].error is None) is passes

    monkeypatch.setattr(
        chain, "run_stages", lambda _work, stages, *_: {s.name: StageReport(error=error) for s in stages}
    )
    resources = work.resources
    with pytest.raises(dg.Failure) as failure:
        dg.materialize(
            [chain.chain],
            partition_key=work.hour,
            resources={
                "settings": resources.settings,
                "database": resources.database,
                "graph": resources.graph,
                "gpu": resources.compute,
                "blobs": resources.blobs,
            },
        )
    assert failure.value.allow_retries is passes
