"""The one sensor: it looks at queues and pending work and asks for runs. It takes nothing; only runs consume.

Once a tick it puts right what would keep work from being seen: claims of dead processes, and work in an hour that no run is asked for.
"""

import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from hartonomous_assets.chain import STAGES
from hartonomous_assets.jobs import chain_job
from hartonomous_assets.our_runs import CHAIN_JOB_NAME, SENSOR_NAME, UNFINISHED
from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_assets.queues import observe
from hartonomous_core.clock import Period, current_hour
from hartonomous_resources.database.period import period_of
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import hours_with_work, move_stray_work

LONG_POLL_SECONDS = 19.5
"""Waiting inside a tick, below Dagster's limit of 60 s, sees new work at once instead of at the next tick. Dagster starts ticks every five
seconds: one that ends shortly after that leaves five in which nobody waits."""

RETRY_SECONDS = 30.0
"""Pause after a failed run of an hour: what it needs may be down, and a run every second would only fill the page."""

CONFIRM_SECONDS = 6 * 3600.0
"""After so long at rest a run confirms that nothing waits: assets stay fresh, and one that cannot work is seen to be stale."""


def run_requests(instance: dg.DagsterInstance, hours: list[str], runs_per_hour: int) -> list[dg.RunRequest]:
    """Request a run of each hour that has fewer than `runs_per_hour` runs queued or started and did not just fail."""
    lately = datetime.now(UTC) - timedelta(seconds=RETRY_SECONDS)
    unfinished = _runs_by_hour(instance, hours, statuses=UNFINISHED)
    failed = _runs_by_hour(instance, hours, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=lately)
    free = [hour for hour in hours if unfinished[hour] < runs_per_hour and not failed[hour]]
    return [dg.RunRequest(partition_key=hour) for hour in free]


def _runs_by_hour(instance: dg.DagsterInstance, hours: Sequence[str], **filters: Any) -> Counter[str]:
    """Count the runs of each of these hours in one query: after an outage a day of hours may wait, and each query connects anew."""
    tags = {"dagster/partition": hours}
    runs = instance.get_runs(dg.RunsFilter(job_name=CHAIN_JOB_NAME, tags=tags, **filters)) if hours else []
    return Counter(run.tags["dagster/partition"] for run in runs)


def confirmation(instance: dg.DagsterInstance, running: str) -> list[str]:
    """Return the running hour or day where the last complete run is long ago; nothing in a home that has never worked."""
    latest = instance.get_latest_materialization_event(STAGES[0].spec.key)
    return [running] if latest and time.time() - latest.timestamp > CONFIRM_SECONDS else []


@dg.sensor(
    name=SENSOR_NAME,
    job=chain_job,
    minimum_interval_seconds=1,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Looks at the depth of IngestionQueue and ProvenanceQueue and at pending work, and asks for a run of the hour that "
    "holds it, unless enough runs of that hour are queued or started. Observes both queues.",
)
def service_broker_sensor(
    context: dg.SensorEvaluationContext, database: dg.ResourceParam[Database], settings: dg.ResourceParam[Settings]
) -> dg.SensorResult:
    release_dead_claims(database)
    period = ask(database, period_of)
    move_stray_work(database, settings, current_hour(period))
    observations, cursor = observe(database, context.cursor)
    requests, reason = _look(context.instance, database, settings, period)
    return dg.SensorResult(
        run_requests=requests, skip_reason=None if requests else reason, asset_events=observations, cursor=cursor
    )


def _look(
    instance: dg.DagsterInstance, database: Database, settings: Settings, period: Period
) -> tuple[list[dg.RunRequest], str]:
    """Wait a while for work; returns the runs to request, or why there are none."""
    deadline = time.monotonic() + LONG_POLL_SECONDS
    while True:
        token = database.change_token()
        running = current_hour(period)
        with_work = hours_with_work(database, settings, running)
        hours = [hour for hour in with_work if INGEST_HOUR.has_partition_key(hour)]
        requests = run_requests(instance, hours or confirmation(instance, running), settings.runs_per_hour)
        remaining = deadline - time.monotonic()
        if requests or remaining <= 0:
            return requests, _why_nothing(hours, sorted(set(with_work) - set(hours)))
        if hours:
            # A run is on it, and commits all the time: look again, but not at every commit.
            time.sleep(min(1.0, remaining))
        else:
            database.wait_for_change(token, min(remaining, 5.0))


def _why_nothing(hours: Sequence[str], outside: Sequence[str]) -> str:
    reasons = []
    if hours:
        reasons.append(f"hours with work: {', '.join(hours)}; their runs are on it")
    if outside:
        reasons.append(f"{', '.join(outside)} hold work and are not in the grid: reload the code location")
    return "; ".join(reasons) or "nothing to do"
