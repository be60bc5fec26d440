"""Runs whose process is gone. The default launcher cannot tell: killed with -9 they would stay STARTED for ever."""

import time

import dagster as dg

from hartonomous_resources.processes import ProcessIdentity, this_process

PROCESS_TAG = "hartonomous/process"
_UNTAGGED_SECONDS = 120.0
"""A run names its process as soon as it works; one that has not by then died while it started."""

_UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def process_tags() -> dict[str, str]:
    """Tags by which a run names the process that it runs in."""
    return {PROCESS_TAG: str(this_process())}


def fail_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark every unfinished run whose process has ended as failed; returns their ids."""
    failed = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=_UNFINISHED)):
        run = record.dagster_run
        identity = ProcessIdentity.parse(run.tags.get(PROCESS_TAG, ""))
        if identity is None and run.status is dg.DagsterRunStatus.NOT_STARTED:
            continue  # not launched yet
        silent = time.time() - record.update_timestamp.timestamp() > _UNTAGGED_SECONDS
        if identity.is_gone() if identity else silent:
            instance.report_run_failed(
                run, "its process is gone (killed, or the machine went down); what it left is done by the next run"
            )
            failed.append(run.run_id)
    return failed
