"""Keys of hours and of days, as T-SQL computes them: what it says is what Python says."""

from typing import Any

import pytest

from hartonomous_core.clock import Period, hour_of, is_hour
from tests.tools.tsql_evaluator.server import Server

pytestmark = pytest.mark.slow

PERIODS: list[Period] = ["hour", "day"]
VALUES = ["2026-11-23-09:00", "2026-11-23-00:00", "2026-11-23-00:30", "2026-11-23", "soon", ""]
RECORD: dict[str, Any] = {"task": None, "started_at": None, "duration_ms": None, "metadata": "{}"}


def choose(server: Server, period: Period) -> None:
    [row] = server.table("Grid").rows
    server.table("Grid").change(row, {"period": period})


@pytest.fixture(params=PERIODS)
def period(request: pytest.FixtureRequest, server: Server) -> Period:
    """Each period, chosen on the server; the row is put back."""
    choose(server, request.param)
    request.addfinalizer(lambda: choose(server, "hour"))
    chosen: Period = request.param
    return chosen


@pytest.mark.parametrize("time", ["2026-11-23T09:44:16.123Z", "2026-11-23T00:00:00.000Z", "2026-12-31T23:59:59.999Z"])
def test_the_key_of_a_time_is_that_of_python(server: Server, period: Period, time: str) -> None:
    assert server.call("fn_IngestHour", time) == hour_of(time, period)


@pytest.mark.parametrize("value", VALUES)
def test_what_is_a_key_is_what_python_says(server: Server, period: Period, value: str) -> None:
    assert bool(server.call("fn_IsHour", value)) is is_hour(value, period)


def test_a_recorded_inference_is_of_the_running_partition(server: Server, period: Period) -> None:
    named = {"inference_id": "one", "tenant_id": 0, "model": "a model", "now": "2026-11-23T09:44:16.123"}

    server.execute("usp_record_inference", **named, **RECORD)

    assert [row["ingesthour"] for row in server.table("Inference").rows] == [hour_of(f"{named['now']}Z", period)]
    assert server.execute("usp_hours_of_tenant", tenant_id=0) == [[{"hour": hour_of(f"{named['now']}Z", period)}]]
    assert server.execute("usp_period") == [[{"period": period}]]


@pytest.mark.parametrize("holds", ["nothing", "adopted atoms", "a source", "an inference"])
def test_days_are_chosen_only_before_anything_came_in(server: Server, holds: str) -> None:
    if holds == "adopted atoms":
        atom = {"AtomId": 1, "TenantId": 0, "Modality": "binary", "ContentHash": bytes(32), "ReferenceCount": 0}
        server.table("Atom").insert(
            {**atom, "InsertedByHand": 1, "IngestHour": "2026-11-23-09:00", "CreatedAt": "2026-11-23"}
        )
    if holds == "a source":
        server.table("Source").insert(SOURCE)
    if holds == "an inference":
        server.execute(
            "usp_record_inference", inference_id="one", tenant_id=0, model="a model", now="2026-11-23", **RECORD
        )

    [[answer]] = server.execute("usp_choose_days")

    chosen = holds in ("nothing", "adopted atoms")
    assert (answer["rowsChanged"], server.execute("usp_period")[0][0]["period"]) == (
        (1, "day") if chosen else (0, "hour")
    )
    assert {row["ingesthour"] for row in server.table("Atom").rows} <= {"2026-11-23-00:00"}
    choose(server, "hour")


SOURCE = {"TenantId": 0, "SourceUri": "file:///one", "Version": 1, "ContentType": "text/plain", "ByteLength": 1} | {
    **{"IngestHour": "2026-11-23-09:00", "Status": "Landed", "MessageId": "one", "AttemptCount": 0, "Metadata": "{}"},
    **{"ReceivedAt": "2026-11-23", "LastSeenAt": "2026-11-23"},
}
