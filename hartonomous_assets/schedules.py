"""Schedules: once a day housekeeping and the ledger of deduplication, once an hour the search index, every minute what dead runs left."""

import time
from itertools import takewhile

import dagster as dg

from hartonomous_assets.dead_runs import fail_dead_runs
from hartonomous_assets.dedup_asset import dedup_ledger_job
from hartonomous_assets.housekeeping import housekeeping
from hartonomous_assets.our_runs import UNFINISHED, our_runs
from hartonomous_assets.projection_model import is_filled, projection_job, projection_model
from hartonomous_assets.search_index import is_merged, search_index_job
from hartonomous_assets.sensors import RETRY_SECONDS
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.settings import Settings

_FAILURES_COUNTED = 7
"""Then the pause is an hour, and grows no more."""


housekeeping_schedule = dg.ScheduleDefinition(
    name="housekeeping_schedule",
    job=housekeeping,
    cron_schedule="30 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Prune runs and orphaned blobs.",
)
dedup_ledger_schedule = dg.ScheduleDefinition(
    name="dedup_ledger_schedule",
    job=dedup_ledger_job,
    cron_schedule="15 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Count what deduplication saves.",
)


@dg.schedule(
    job=housekeeping,
    cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Fail the runs whose process is gone. The tick itself does it and starts no run.",
)
def dead_run_schedule(context: dg.ScheduleEvaluationContext) -> dg.SkipReason:
    failed = fail_dead_runs(context.instance)
    return dg.SkipReason(
        f"failed {len(failed)} dead runs: {', '.join(failed)}" if failed else "no run has lost its process"
    )


@dg.schedule(
    job=search_index_job,
    cron_schedule="45 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Merge the search index where vectors have come or gone; at rest it starts no run.",
)
def search_index_schedule(
    database: dg.ResourceParam[Database], settings: dg.ResourceParam[Settings]
) -> dg.RunRequest | dg.SkipReason:
    if is_merged(database, settings):
        return dg.SkipReason("the search index holds what the database holds")
    return dg.RunRequest()


@dg.schedule(
    job=projection_job,
    cron_schedule="* * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Go on placing embeddings by another projection where a run that did so was killed; else it starts no run.",
)
def projection_schedule(
    context: dg.ScheduleEvaluationContext, database: dg.ResourceParam[Database]
) -> dg.RunRequest | dg.SkipReason:
    if is_filled(database):
        return dg.SkipReason("all embeddings are placed by the active projections")
    for record in our_runs(context.instance, UNFINISHED):
        if record.dagster_run.job_name == projection_job.name or projection_model.key in (
            record.dagster_run.asset_selection or ()
        ):
            return dg.SkipReason(f"run {record.dagster_run.run_id} is at it")
    if (seconds := _seconds_of_pause(context.instance)) > 0:
        return dg.SkipReason(f"the last run failed: the next one is in {seconds:.0f} s, sooner by hand")
    return dg.RunRequest()


def _seconds_of_pause(instance: dg.DagsterInstance) -> float:
    """How long no run is asked for, after runs that failed: twice as long after each, for one whose artefact is damaged always fails."""
    runs = instance.get_run_records(dg.RunsFilter(job_name=projection_job.name), limit=_FAILURES_COUNTED)
    failed = list(takewhile(lambda record: record.dagster_run.status == dg.DagsterRunStatus.FAILURE, runs))
    if not failed:
        return 0
    pause: float = RETRY_SECONDS * 2 ** len(failed)
    return pause - (time.time() - failed[0].update_timestamp.timestamp())


SCHEDULES = [
    housekeeping_schedule,
    dedup_ledger_schedule,
    search_index_schedule,
    projection_schedule,
    dead_run_schedule,
]
