"""The asset of the search matrix: what its runs say, when its schedule asks for one, and what a recall too low does."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import SEARCH_INDEX_JOB_NAME
from hartonomous_assets.schedules import search_index_schedule
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.vectors import recall
from hartonomous_service.dagster_home import open_instance
from hartonomous_service.ingest import ingest
from hartonomous_service.search import search

ASSET = dg.AssetKey("search_index")


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The home's own Dagster instance; the environment is as it was afterwards."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HARTONOMOUS_LINGER_SECONDS", "0")
    with open_instance(settings) as opened:
        yield opened


@pytest.fixture
def filled(resources: Resources, instance: dg.DagsterInstance, tmp_path: Path) -> Resources:
    """A home with a few embedded texts."""
    file = tmp_path / "file.txt"
    file.write_text("The moon raises the tides.\n\nBread wants flour and time.\n\nA bridge spans the river.\n")
    ingest(resources, [file])
    return resources


def run(instance: dg.DagsterInstance, **options: Any) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(SEARCH_INDEX_JOB_NAME).execute_in_process(instance=instance, **options)


def segments(settings: Settings) -> list[Path]:
    return sorted(settings.vector_dir.glob("*/*.segment"))


def asks_for_a_run(instance: dg.DagsterInstance, resources: Resources) -> bool:
    with dg.build_schedule_context(
        instance, resources={"database": resources.database, "settings": resources.settings}
    ) as context:
        return isinstance(search_index_schedule(context), dg.RunRequest)


def test_a_run_makes_one_segment_and_says_what_is_in_it(instance: dg.DagsterInstance, filled: Resources) -> None:
    result = run(instance)

    [file] = segments(filled.settings)
    [materialisation] = result.asset_materializations_for_node("search_index")
    metadata = {name: value.value for name, value in materialisation.metadata.items()}
    embedded = len(search(filled, "anything", k=100, mode="semantic")["results"])
    assert metadata["dagster/row_count"] == embedded > 0
    assert metadata["bytes"] == file.stat().st_size
    assert metadata["seconds"] > 0
    [check] = result.get_asset_check_evaluations()
    assert (check.passed, check.metadata["recall"].value) == (True, 1.0)
    with closing(open_resources(filled.settings)) as later:
        assert "tides" in search(later, "what makes the sea rise", mode="semantic")["results"][0]["text"]


def test_a_run_in_a_home_without_vectors_is_no_failure(instance: dg.DagsterInstance, settings: Settings) -> None:
    assert run(instance).success
    assert segments(settings) == []


def test_the_schedule_asks_for_a_run_where_vectors_have_come_and_not_at_rest(
    instance: dg.DagsterInstance, filled: Resources
) -> None:
    before = asks_for_a_run(instance, filled)
    run(instance)

    assert (before, asks_for_a_run(instance, filled)) == (True, False)


def test_a_recall_too_low_fails_the_check_and_leaves_what_was_there(
    instance: dg.DagsterInstance, filled: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "FIRST_ROWS", 0)  # a search that would look at no row

    result = run(instance, raise_on_error=False)

    assert not result.success
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert instance.get_latest_materialization_event(ASSET) is None
    assert segments(filled.settings) == []
    assert "tides" in search(filled, "what makes the sea rise", mode="semantic")["results"][0]["text"]
