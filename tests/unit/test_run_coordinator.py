"""A run that our sensor asks for is launched at once where there is room; every other run waits in Dagster's queue."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.run_coordinator import SubmitRunContext
from dagster._core.test_utils import MockedRunLauncher

from hartonomous_assets.code_location import LOCATION_NAME
from hartonomous_assets.our_runs import CHAIN_JOB_NAME, SENSOR_NAME, SENSOR_TAG

OF_THE_SENSOR = {SENSOR_TAG: SENSOR_NAME}

Submit = Callable[..., dg.DagsterRunStatus]


@pytest.fixture
def config() -> dict[str, Any]:
    """Settings of the coordinator, for a test to change."""
    return {"max_concurrent_runs": 2}


@pytest.fixture
def instance(tmp_path: Path, config: dict[str, Any]) -> Iterator[dg.DagsterInstance]:
    """An instance with our coordinator and a launcher that starts nothing."""
    overrides = {
        "run_coordinator": {
            "module": "hartonomous_assets.run_coordinator",
            "class": "PromptRunCoordinator",
            "config": config,
        },
        "run_launcher": {"module": MockedRunLauncher.__module__, "class": MockedRunLauncher.__name__},
    }
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as opened:
        yield opened


@pytest.fixture
def submit(instance: dg.DagsterInstance) -> Submit:
    """Submits a new run with these tags and returns the status that it then has."""

    def submit_run(tags: dict[str, str]) -> dg.DagsterRunStatus:
        location = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION_NAME), "__repository__")
        run = instance.create_run_for_job(
            dg.job(name=CHAIN_JOB_NAME)(lambda: None),
            tags=tags,
            remote_job_origin=location.get_job_origin(CHAIN_JOB_NAME),
            job_code_origin=None,
        )
        instance.run_coordinator.submit_run(SubmitRunContext(run, workspace=None))  # type: ignore[arg-type]
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        return found.status

    return submit_run


def test_a_run_of_our_sensor_is_launched_at_once(submit: Submit, instance: dg.DagsterInstance) -> None:
    assert submit(OF_THE_SENSOR) is dg.DagsterRunStatus.STARTING
    assert isinstance(instance.run_launcher, MockedRunLauncher)
    assert len(instance.run_launcher.queue()) == 1


@pytest.mark.parametrize("tags", [{}, {SENSOR_TAG: "the sensor of others"}])
def test_any_other_run_is_queued(submit: Submit, tags: dict[str, str]) -> None:
    assert submit(tags) is dg.DagsterRunStatus.QUEUED


def test_it_goes_past_no_run_that_waits(submit: Submit) -> None:
    submit({})

    assert submit(OF_THE_SENSOR) is dg.DagsterRunStatus.QUEUED


def test_no_more_are_launched_than_may_work_side_by_side(submit: Submit) -> None:
    launched, queued = dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.QUEUED

    assert [submit(OF_THE_SENSOR) for _ in range(3)] == [launched, launched, queued]


class TestLimitsByTag:
    """With limits of the user's own, the queue decides."""

    @pytest.fixture
    def config(self) -> dict[str, Any]:
        return {"max_concurrent_runs": 2, "tag_concurrency_limits": [{"key": "team", "limit": 1}]}

    def test_they_are_left_to_the_queue(self, submit: Submit) -> None:
        assert submit(OF_THE_SENSOR) is dg.DagsterRunStatus.QUEUED
