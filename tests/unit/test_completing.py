"""`ingest` waits for a running daemon as long as that works, and else says what is wrong; `check_health` says it, too."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._utils.error import SerializableErrorInfo

from hartonomous_assets import checks
from hartonomous_assets.code_location import LOCATION_NAME
from hartonomous_assets.our_runs import CHAIN_JOB_NAME, SENSOR_NAME
from hartonomous_core.clock import hour_of, timestamp
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_service import completing
from hartonomous_service.daemon import daemon_identity_file, find_daemon_fault, read_sensor
from hartonomous_service.dagster_home import get_instance
from hartonomous_service.health import check_health
from hartonomous_service.ingest import ingest, submit
from hartonomous_service.ingest_results import describe_unfinished

pytestmark = pytest.mark.slow

HOURS = 3600.0


@pytest.fixture
def daemon(resources: Resources, monkeypatch: pytest.MonkeyPatch) -> Resources:
    """A home on which a daemon runs, since hours ago; `ingest` loses its patience soon."""
    monkeypatch.setattr(completing, "_PATIENCE_SECONDS", 0.3)
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")  # restored at the end
    file = daemon_identity_file(resources.settings)
    file.write_text(str(this_process()))
    os.utime(file, (time.time() - 2 * HOURS,) * 2)
    return resources


@pytest.fixture
def sensor(daemon: Resources) -> Callable[..., None]:
    """Writes what Dagster's daemon would: the state of our sensor, and how long ago a tick of it ended."""

    def write(status: InstigatorStatus, ticks: dict[TickStatus, float], location: str = LOCATION_NAME) -> None:
        origin = RemoteInstigatorOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), SENSOR_NAME
        )
        state = InstigatorState(
            origin, InstigatorType.SENSOR, status, SensorInstigatorData(sensor_type=None, min_interval=1)
        )
        with get_instance(daemon.settings) as instance:
            instance.add_instigator_state(state)
            for tick_status, ago in ticks.items():
                ended = time.time() - ago
                instance.create_tick(
                    TickData(
                        state.instigator_origin_id,
                        SENSOR_NAME,
                        InstigatorType.SENSOR,
                        tick_status,
                        ended - 20,
                        selector_id=state.selector_id,
                        run_ids=["a run"] if tick_status is TickStatus.SUCCESS else None,
                        error=SerializableErrorInfo("failed", [], None) if tick_status is TickStatus.FAILURE else None,
                        end_timestamp=ended,
                    )
                )

    return write


def fault_of(resources: Resources) -> str | None:
    with get_instance(resources.settings) as instance:
        return find_daemon_fault(resources.settings, read_sensor(instance))


def ingest_one(resources: Resources, tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "file.txt"
    path.write_text("Somebody waits for this sentence.")
    return ingest(resources, [path])


def check(resources: Resources, name: str) -> tuple[str, str]:
    [found] = [check for check in check_health(resources.settings)["checks"] if check["name"] == name]
    return found["status"], found["detail"]


def set_back(resources: Resources, hours: int) -> None:
    """The database as it were, had the clock been so far ahead when it was made."""
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = ?", (timestamp(hours * HOURS),))


# ---- the daemon


def test_a_daemon_whose_sensor_has_looked_lately_is_well(daemon: Resources, sensor: Callable[..., None]) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 5, TickStatus.SUCCESS: 500})

    assert fault_of(daemon) is None


def test_a_daemon_that_has_just_started_is_well(daemon: Resources) -> None:
    daemon_identity_file(daemon.settings).touch()

    assert fault_of(daemon) is None


@pytest.mark.parametrize("ticks", [{}, {TickStatus.SKIPPED: 500}, {TickStatus.SKIPPED: 500, TickStatus.FAILURE: 5}])
def test_a_daemon_whose_sensor_has_not_looked_lately_is_not(
    daemon: Resources, sensor: Callable[..., None], ticks: dict[TickStatus, float]
) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, ticks)

    assert f"{SENSOR_NAME} has not looked for work for" in str(fault_of(daemon))


def test_a_daemon_whose_sensor_is_switched_off_is_not(daemon: Resources, sensor: Callable[..., None]) -> None:
    sensor(InstigatorStatus.STOPPED, {TickStatus.SKIPPED: 5})

    assert f"{SENSOR_NAME} is switched off" in str(fault_of(daemon))


def test_a_sensor_of_that_name_of_another_code_location_says_nothing_about_ours(
    daemon: Resources, sensor: Callable[..., None]
) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 5}, "another_team")

    assert fault_of(daemon) is not None


def test_health_is_unhealthy_when_the_daemon_runs_and_its_sensor_does_not_look(daemon: Resources) -> None:
    status, detail = check(daemon, "daemon")

    assert status == "unhealthy"
    assert "the daemon is running, but" in detail and "has not looked for work" in detail


@pytest.mark.parametrize(
    ("status", "ticks", "health", "words"),
    [
        (InstigatorStatus.DECLARED_IN_CODE, {}, "healthy", "has not looked for work yet"),
        (InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 5}, "healthy", "it looked for work "),
        (InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 500}, "healthy", "it looked for work 5"),
        (InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 50, TickStatus.FAILURE: 5}, "degraded", "has failed"),
        (InstigatorStatus.DECLARED_IN_CODE, {TickStatus.FAILURE: 50, TickStatus.SKIPPED: 5}, "healthy", "s ago"),
        (InstigatorStatus.STOPPED, {TickStatus.SKIPPED: 5}, "degraded", "it is switched off"),
    ],
)
def test_health_says_when_the_sensor_last_looked_wherever_its_daemon_runs(
    daemon: Resources,
    sensor: Callable[..., None],
    status: InstigatorStatus,
    ticks: dict[TickStatus, float],
    health: str,
    words: str,
) -> None:
    sensor(status, ticks)
    daemon_identity_file(daemon.settings).unlink()  # it is on another machine

    found, detail = check(daemon, "sensor")

    assert found == health and words in detail, detail


def test_a_sensor_that_has_not_looked_while_work_waits_is_told_of(
    daemon: Resources, sensor: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 500})
    submit(daemon, b"A text waits.", source_uri="test:waits")
    assert check(daemon, "sensor")[0] == "healthy", "it waits since just now"

    with sqlite3.connect(daemon.settings.database_path) as connection:
        connection.execute("UPDATE Source SET ReceivedAt = ?", (timestamp(-200),))

    assert check(daemon, "sensor")[0] == "degraded"


def test_ingest_does_not_wait_for_a_daemon_whose_sensor_does_not_look(daemon: Resources, tmp_path: Path) -> None:
    result = ingest_one(daemon, tmp_path)

    assert "1 sources are left" in result["stages"]["daemon"]
    assert "has not looked for work" in result["stages"]["daemon"]
    assert [source["status"] for source in result["sources"]] == ["Queued"]


def test_ingest_does_not_wait_for_a_run_that_is_not_there(
    daemon: Resources, sensor: Callable[..., None], tmp_path: Path
) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 5})

    assert "no run works on them" in ingest_one(daemon, tmp_path)["stages"]["daemon"]


def test_ingest_waits_while_a_run_works(
    daemon: Resources, sensor: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor(InstigatorStatus.DECLARED_IN_CODE, {TickStatus.SKIPPED: 5})
    with get_instance(daemon.settings) as instance:
        origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION_NAME), "__repository__")
        instance.create_run_for_job(
            dg.job(name=CHAIN_JOB_NAME)(lambda: None),
            status=dg.DagsterRunStatus.STARTED,
            remote_job_origin=origin.get_job_origin(CHAIN_JOB_NAME),
            job_code_origin=None,
        )
    deadline = time.monotonic() + 3

    def give_up_then(seconds: float) -> None:
        if time.monotonic() > deadline:
            raise KeyboardInterrupt
        time.sleep(0.05)

    monkeypatch.setattr(completing, "time", type("", (), {"monotonic": time.monotonic, "sleep": give_up_then}))

    with pytest.raises(KeyboardInterrupt):
        ingest_one(daemon, tmp_path)


def test_a_run_that_fails_outside_of_its_stages_says_why(
    resources: Resources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("nothing can be counted")

    monkeypatch.setattr(checks, "ask", fail)

    assert ingest_one(resources, tmp_path)["stages"] == {"chain": "OSError: nothing can be counted"}


# ---- another process


def claim(resources: Resources, path: Path, seconds: float) -> None:
    """Let a process that lives hold the source of a file for so long, as if it were reading it."""
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute(
            "INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ByteLength, MessageId, IngestHour, Status, ReceivedAt, LastSeenAt,"
            " LeaseOwner, LeaseUntil, ReadUri)"
            " VALUES (0, ?, 1, 'text/plain', 1, 'of the other', ?, 'Atomizing', ?, ?, ?, ?, ?)",
            (
                path.as_uri(),
                hour_of(timestamp()),
                *[timestamp()] * 2,
                str(this_process()),
                timestamp(seconds),
                path.as_uri(),
            ),
        )


def test_ingest_waits_until_another_process_lets_go_of_its_files(resources: Resources, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "file.txt"
    claim(resources, path, 600)
    waiting = "waiting for another process, which reads what is left"
    said: list[str] = []
    path.write_text("Two commands read this sentence.")

    def report(message: str) -> None:
        if message == waiting and waiting not in said:
            with sqlite3.connect(resources.settings.database_path) as connection:
                connection.execute("UPDATE Source SET LeaseUntil = ? WHERE LeaseOwner IS NOT NULL", (timestamp(-1),))
        said.append(message)

    result = ingest(resources, [path], report=report)

    assert [source["status"] for source in result["sources"]] == ["Atomized"]
    assert result["stages"] == {}
    assert waiting in said


def test_submit_waits_for_the_bytes_that_an_earlier_call_brought(resources: Resources) -> None:
    first = submit(resources, b"Somebody sends this twice.", source_uri="test:twice")
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute(
            "UPDATE Source SET Status = 'Atomizing', LeaseOwner = ?, LeaseUntil = ?",
            (str(this_process()), timestamp(4)),
        )

    again = submit(resources, b"Somebody sends this twice.", source_uri="test:twice", wait=True)

    assert [(source["sourceId"], source["status"]) for source in again["sources"]] == [
        (first["sources"][0]["sourceId"], "Atomized")
    ]


def test_files_that_nothing_works_on_are_named(resources: Resources, tmp_path: Path) -> None:
    resources.settings.ingestion_enabled = False

    result = ingest_one(resources, tmp_path)

    assert result["stages"]["atoms"].startswith(
        f"{tmp_path.resolve() / 'file.txt'} is not done, and nothing works on it"
    )


@pytest.mark.parametrize(("n", "said"), [(2, "a 0, a 1 are not done"), (5, "a 0, a 1, a 2 and 2 more are not done")])
def test_of_many_files_that_are_not_done_the_first_are_named(n: int, said: str) -> None:
    rows = [{"sourceUri": f"a {number}", "status": "Landed"} for number in range(n)]

    assert str(describe_unfinished([*rows, {"sourceUri": "b", "status": "Atomized"}])).startswith(said)


# ---- the clock


def test_ingest_names_the_clock_when_the_database_was_made_at_a_later_time(
    resources: Resources, tmp_path: Path
) -> None:
    set_back(resources, 2)

    problem = ingest_one(resources, tmp_path)["stages"]["clock"]

    assert hour_of(timestamp(2 * HOURS)) in problem and "this machine's clock says" in problem


def test_ingest_of_what_waits_names_the_clock_too(resources: Resources, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("It waits since yesterday.")
    ingest(resources, [tmp_path / "file.txt"], wait=False)
    set_back(resources, 2)

    assert "this machine's clock says" in ingest(resources, [])["stages"]["clock"]


def test_ingest_names_the_clock_while_a_daemon_runs(daemon: Resources, tmp_path: Path) -> None:
    set_back(daemon, 2)

    assert "this machine's clock says" in ingest_one(daemon, tmp_path)["stages"]["daemon"]


def test_health_is_unhealthy_when_the_database_was_made_at_a_later_time(resources: Resources) -> None:
    set_back(resources, 2)

    status, detail = check(resources, "clock")

    assert status == "unhealthy" and "this machine's clock says" in detail


def test_health_says_that_work_waits_in_an_hour_that_has_not_begun(resources: Resources) -> None:
    later = hour_of(timestamp(3 * HOURS))
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute(
            "INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ByteLength, MessageId, IngestHour, Status, ReceivedAt, LastSeenAt)"
            " VALUES (0, 'file:///f', 1, 'text/plain', 1, 'm', ?, 'Landed', ?, ?)",
            (later, timestamp(3 * HOURS), timestamp(3 * HOURS)),
        )

    status, detail = check(resources, "clock")

    assert status == "degraded" and f"work waits in the hour {later}" in detail


def test_health_says_that_a_claim_holds_longer_than_any_claim(resources: Resources) -> None:
    until = timestamp(2 * HOURS)
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute(
            "INSERT INTO Source (TenantId, SourceUri, Version, ContentType, ByteLength, MessageId, IngestHour, Status, ReceivedAt, LastSeenAt,"
            " LeaseOwner, LeaseUntil)"
            " VALUES (0, 'file:///f', 1, 'text/plain', 1, 'm', ?, 'Atomizing', ?, ?, 'other/1/1/1', ?)",
            (hour_of(timestamp()), timestamp(), timestamp(), until),
        )

    status, detail = check(resources, "clock")

    assert status == "degraded" and f"a claim holds until {until}" in detail


def test_the_clock_is_healthy_on_a_home_at_work(resources: Resources, tmp_path: Path) -> None:
    ingest_one(resources, tmp_path)

    assert check(resources, "clock")[0] == "healthy"


def test_looking_at_very_many_sources_takes_little_of_the_time(
    daemon: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, slept = [0.0], []
    looks = iter(
        [(100_000, 0.25), (50_000, 60.0), (10, 0.001), (0, 0.001)]
    )  # how many are left, how long it took to see

    def look() -> int:
        left, seconds = next(looks)
        clock[0] += seconds
        return left

    monkeypatch.setattr(completing, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=slept.append))

    assert completing._wait_for_daemon(daemon, look, lambda message: None, "sources") is None
    assert slept == [5.0, 10.0, 0.2]
