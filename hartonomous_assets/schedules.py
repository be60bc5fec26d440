"""Schedules: housekeeping once a day, dead runs every minute."""

import dagster as dg

from hartonomous_assets.dead_runs import fail_dead_runs
from hartonomous_assets.housekeeping import housekeeping


@dg.schedule(
    job=housekeeping,
    cron_schedule="30 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Prune runs and orphaned blobs.",
)
def housekeeping_schedule() -> dg.RunRequest:
    return dg.RunRequest()


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


SCHEDULES = [housekeeping_schedule, dead_run_schedule]
