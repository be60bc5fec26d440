"""Tells our runs from those of other teams that share the Dagster instance: theirs are never touched."""

from collections.abc import Iterator, Sequence

import dagster as dg
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin

from hartonomous_assets.code_location import LOCATION_NAME
from hartonomous_resources.processes import ProcessIdentity, this_process

SENSOR_NAME = "service_broker_sensor"
SENSOR_TAG = "dagster/sensor_name"
"""Dagster's own, on a run that a sensor asked for."""

CHAIN_JOB_NAME = "chain_of_an_hour"
HOUSEKEEPING_JOB_NAME = "housekeeping"
SEARCH_INDEX_JOB_NAME = "search_index_of_now"
PROJECTION_JOB_NAME = "projection_of_now"
DEDUP_LEDGER_JOB_NAME = "dedup_ledger_of_now"
_ASSET_JOB_NAME = "__ASSET_JOB"
"""Dagster's own, in every code location: what the page's Materialize runs."""

PROCESS_TAG = ".dagster/hartonomous_process"
"""Only our code writes it. The page hides tags that begin so."""

_OLD_PROCESS_TAG = "hartonomous/process"


_RUNS_PER_PAGE = 1000
"""Years of hours have more runs than should be in memory at once."""


def process_tags(run_id: str) -> dict[str, str]:
    """Return the tags by which a run names the process that it runs in.

    The run's own id is in it, for a run that is executed again begins with the tags of the one before.
    """
    return {PROCESS_TAG: f"{run_id} {this_process()}"}


def process_of(run: dg.DagsterRun) -> ProcessIdentity | None:
    """Return the process that a run works in; None for one that has not said so yet."""
    run_id, _, process = run.tags.get(PROCESS_TAG, "").partition(" ")
    if run_id:
        return ProcessIdentity.parse(process) if run_id == run.run_id else None
    return ProcessIdentity.parse(run.tags.get(_OLD_PROCESS_TAG, ""))


def code_socket_of(run: dg.DagsterRun) -> str | None:
    """Return the socket of the code server from whose definitions a run was requested; None for one that listens at a port, or none."""
    if run.remote_job_origin is None:
        return None
    origin = run.remote_job_origin.repository_origin.code_location_origin
    return origin.socket if isinstance(origin, GrpcServerCodeLocationOrigin) else None


def our_runs(instance: dg.DagsterInstance, statuses: Sequence[dg.DagsterRunStatus]) -> Iterator[dg.RunRecord]:
    """Yield our runs in one of these statuses, job by job, the newest of each first. None of them may be deleted meanwhile."""
    for job_name in (
        CHAIN_JOB_NAME,
        HOUSEKEEPING_JOB_NAME,
        SEARCH_INDEX_JOB_NAME,
        PROJECTION_JOB_NAME,
        DEDUP_LEDGER_JOB_NAME,
        _ASSET_JOB_NAME,
    ):
        filters, cursor = dg.RunsFilter(job_name=job_name, statuses=statuses), None
        while records := instance.get_run_records(filters, limit=_RUNS_PER_PAGE, cursor=cursor):
            yield from (record for record in records if _is_ours(record.dagster_run))
            cursor = records[-1].dagster_run.run_id


UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def _is_ours(run: dg.DagsterRun) -> bool:
    """Return whether our code tagged the run or, before it has begun, whether it was requested from our code location."""
    if PROCESS_TAG in run.tags or _OLD_PROCESS_TAG in run.tags:
        return True
    origin = run.remote_job_origin
    return origin is not None and origin.repository_origin.code_location_origin.location_name == LOCATION_NAME
