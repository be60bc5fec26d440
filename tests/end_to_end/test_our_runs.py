"""Dagster runs that died or are superseded: ours are failed and pruned, those of other teams on the same instance never."""

from collections.abc import Callable
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from hartonomous_assets import dead_runs, housekeeping
from hartonomous_assets.code_location import LOCATION_NAME
from hartonomous_assets.dead_runs import fail_dead_runs
from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import CHAIN_JOB_NAME, PROCESS_TAG, process_tags
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import run_chain
from tests.cli import CHECKOUT
from tests.end_to_end.test_dagster import hour, instance, put, run_subset
from tests.end_to_end.test_run_history import results_of_checks

__all__ = ["hour", "instance", "put"]

HOUR = "2026-01-01-00:00"
STARTED, STARTING, QUEUED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED
ASSET_JOB = defs.resolve_implicit_global_asset_job_def().name


@dg.asset(name="sources")
def sources_of_another_team() -> None:
    """An asset of the same name in another code location."""


@dg.job(name="housekeeping")
def housekeeping_of_another_team() -> None:
    """A job of the same name in another code location."""


@dg.job
def payroll() -> None:
    """A job that we have never heard of."""


FOREIGN_JOBS = [
    payroll,
    housekeeping_of_another_team,
    dg.Definitions([sources_of_another_team]).resolve_implicit_global_asset_job_def(),
]


def dead_process() -> str:
    """The identity of a process of this boot of this host that is no more."""
    mine = this_process()
    return f"{mine.host}/{mine.boot}/4194300/1000000000"


def a_run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = STARTED,
    job: dg.JobDefinition | None = None,
    location: str | None = LOCATION_NAME,
    **tags: str,
) -> str:
    """A run as a launcher, or a process that is killed, leaves it; returns its id."""
    job = job or defs.resolve_job_def(CHAIN_JOB_NAME)
    origin = location and RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__"), job.name
    )
    partition = {} if job.partitions_def is None else {"dagster/partition": HOUR}
    run = instance.create_run_for_job(job, tags=partition | tags, status=status, remote_job_origin=origin or None)
    return run.run_id


def died(instance: dg.DagsterInstance, run_id: str) -> str:
    """Tag a run with a process that is no more."""
    instance.add_run_tags(run_id, {PROCESS_TAG: f"{run_id} {dead_process()}"})
    return run_id


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has not named its process has had the time to."""
    monkeypatch.setattr(dead_runs, "_UNTAGGED_SECONDS", -1.0)


class _Launcher(SimpleNamespace):
    """A launcher that can be asked."""

    supports_check_run_worker_health = True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        return CheckRunHealthResult(self.status)


def test_our_location_is_called_as_the_workspace_calls_it() -> None:
    [location] = yaml.safe_load((CHECKOUT / "workspace.yaml").read_text())["load_from"]
    assert location["python_module"]["location_name"] == LOCATION_NAME
    assert ASSET_JOB == "__ASSET_JOB"


# ---- dead runs


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, STARTING, STARTED])
def test_a_run_whose_process_is_gone_is_failed_and_no_longer_in_the_way(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    dead = died(instance, a_run(instance, status, location=None))
    alive = a_run(instance, status)
    instance.add_run_tags(alive, process_tags(alive))

    assert fail_dead_runs(instance) == [dead]
    assert instance.get_run_by_id(dead).status is dg.DagsterRunStatus.FAILURE
    assert instance.get_run_by_id(alive).status is status


def test_a_run_of_an_earlier_release_whose_process_is_gone_is_failed(instance: dg.DagsterInstance) -> None:
    dead = a_run(instance, **{"hartonomous/process": dead_process()})

    assert fail_dead_runs(instance) == [dead]


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("job_name", [CHAIN_JOB_NAME, "housekeeping", ASSET_JOB])
def test_a_run_of_ours_that_never_named_its_process_is_failed_after_a_while(
    instance: dg.DagsterInstance, job_name: str
) -> None:
    jobs = defs.get_repository_def().get_all_jobs()
    [job] = [job for job in jobs if job.name == job_name]
    silent_run = a_run(instance, job=job)

    assert fail_dead_runs(instance) == [silent_run]


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("job", FOREIGN_JOBS, ids=lambda job: job.name)
@pytest.mark.parametrize("status", [STARTING, STARTED, dg.DagsterRunStatus.CANCELING])
def test_another_teams_unfinished_run_is_never_failed(
    instance: dg.DagsterInstance, job: dg.JobDefinition, status: dg.DagsterRunStatus
) -> None:
    for location in ("payroll", None):
        a_run(instance, status, job, location)

    assert fail_dead_runs(instance) == []


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize("status", [QUEUED, dg.DagsterRunStatus.NOT_STARTED, STARTING])
def test_a_run_of_ours_that_has_not_begun_is_not_dead(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    a_run(instance, status)

    assert fail_dead_runs(instance) == []


@pytest.mark.usefixtures("silent")
def test_a_run_that_was_asked_for_again_is_not_taken_for_the_process_of_the_one_before(
    instance: dg.DagsterInstance,
) -> None:
    before = died(instance, a_run(instance))
    inherited = instance.get_run_by_id(before).tags

    again = a_run(instance, STARTING, **{name: inherited[name] for name in (PROCESS_TAG,)})

    assert fail_dead_runs(instance) == [before]
    assert instance.get_run_by_id(again).status is STARTING


@pytest.mark.usefixtures("silent")
@pytest.mark.parametrize(
    ("status", "is_failed"),
    [
        (WorkerStatus.RUNNING, False),
        (WorkerStatus.UNKNOWN, False),
        (WorkerStatus.FAILED, True),
        (WorkerStatus.NOT_FOUND, True),
    ],
)
def test_a_run_that_its_launcher_still_holds_is_not_dead(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, status: WorkerStatus, is_failed: bool
) -> None:
    launched, in_a_command = died(instance, a_run(instance)), died(instance, a_run(instance, location=None))
    monkeypatch.setattr(type(instance), "run_launcher", _Launcher(status=status))

    assert set(fail_dead_runs(instance)) == ({launched, in_a_command} if is_failed else {in_a_command})


def test_the_page_does_not_show_the_tag_of_the_process() -> None:
    from dagster._core.storage.tags import TagType, get_tag_type

    assert get_tag_type(PROCESS_TAG) is TagType.HIDDEN


# ---- superseded runs


@pytest.fixture
def keep_house(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], dg.ExecuteInProcessResult]:
    """Runs the housekeeping job as if every run were old enough to go."""
    monkeypatch.setattr(housekeeping, "KEEP_RUN_DAYS", 0)
    return lambda: defs.resolve_job_def("housekeeping").execute_in_process(instance=instance)


@pytest.mark.usefixtures("resources")
def test_housekeeping_deletes_superseded_runs_and_keeps_the_latest_success_of_each_hour(
    instance: dg.DagsterInstance,
    settings: Settings,
    hour: str,
    keep_house: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    older, newer = (run_chain(settings, instance, hour).run_id for _ in range(2))
    failed = a_run(instance)
    instance.report_run_failed(instance.get_run_by_id(failed))

    assert keep_house().success
    assert [instance.has_run(run_id) for run_id in (older, newer, failed)] == [False, True, False]
    assert set(results_of_checks(instance)) == {newer}
    assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {hour}


@pytest.mark.parametrize("job", FOREIGN_JOBS, ids=lambda job: job.name)
def test_housekeeping_deletes_no_run_of_another_team(
    instance: dg.DagsterInstance,
    resources: Resources,
    keep_house: Callable[[], dg.ExecuteInProcessResult],
    job: dg.JobDefinition,
) -> None:
    theirs = [job.execute_in_process(instance=instance).run_id for _ in range(2)]
    failed = a_run(instance, STARTED, job, "payroll")
    instance.report_run_failed(instance.get_run_by_id(failed))

    assert keep_house().success
    assert all(instance.has_run(run_id) for run_id in (*theirs, failed))


def test_housekeeping_forgets_no_hour_when_a_later_run_took_only_some_assets(
    instance: dg.DagsterInstance, hour: str, keep_house: Callable[[], dg.ExecuteInProcessResult]
) -> None:
    run_subset(instance, hour, ["sources", "atoms"])
    run_subset(instance, hour, ["sources"])

    assert keep_house().success
    assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {hour}
