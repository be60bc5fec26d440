"""Fails our runs whose process is gone. The default launcher cannot tell: killed with -9 they would stay STARTED for ever."""

import time

import dagster as dg
from dagster._core.launcher import RunLauncher, WorkerStatus

from hartonomous_assets.our_runs import our_runs, process_of

_UNTAGGED_SECONDS = 120.0
"""A run names its process as soon as it works; one that has not done so this long after its start died on the way."""

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark each of our unfinished runs whose process has ended as failed; returns their ids."""
    failed = []
    for record in our_runs(instance, _UNFINISHED):
        run = record.dagster_run
        if _is_dead(record) and not _may_live_elsewhere(instance.run_launcher, run):
            instance.report_run_failed(
                run, "its process is gone (killed, or the machine went down); what it left is done by the next run"
            )
            failed.append(run.run_id)
    return failed


def _is_dead(record: dg.RunRecord) -> bool:
    """Return whether a run's process has ended. One that has not begun is left to Dagster's monitoring: it may queue for hours."""
    process = process_of(record.dagster_run)
    if process is not None:
        return process.is_gone()
    silent_seconds = time.time() - record.update_timestamp.timestamp()
    return record.dagster_run.status is dg.DagsterRunStatus.STARTED and silent_seconds > _UNTAGGED_SECONDS


def _may_live_elsewhere(launcher: RunLauncher, run: dg.DagsterRun) -> bool:
    """Return whether the run's launcher says that it lives, or cannot rule it out: it may see more than this host does."""
    if run.remote_job_origin is None or not launcher.supports_check_run_worker_health:
        return False  # runs in some command's own process, or nobody can be asked
    return launcher.check_run_worker_health(run).status in (WorkerStatus.RUNNING, WorkerStatus.UNKNOWN)
