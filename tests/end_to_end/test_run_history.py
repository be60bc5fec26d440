"""What housekeeping deletes from Dagster's storage, in files and on a real PostgreSQL: the grid and the results of checks that stay are whole."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from sqlalchemy import select

from hartonomous_assets import our_runs
from hartonomous_assets.our_runs import CHAIN_JOB_NAME, process_tags
from hartonomous_assets.run_history import delete_observations, delete_runs, remember_grid, trim_runs
from tests.tools.postgres import Postgres, running_postgres

GRID = dg.HourlyPartitionsDefinition(start_date="2026-11-23-00:00", timezone="UTC")
HOUR, NEXT = "2026-11-23-09:00", "2026-11-23-10:00"
KEY, QUEUE = dg.AssetKey("atoms"), dg.AssetKey("ingestion_queue")


@dg.asset(
    name="atoms", partitions_def=GRID, check_specs=[dg.AssetCheckSpec("unique", asset="atoms", partitions_def=GRID)]
)
def atoms(context: dg.AssetExecutionContext):  # type: ignore[no-untyped-def]
    """An asset with a check, as ours have them."""
    context.log.info("how it went")
    return dg.MaterializeResult(
        metadata={"rows": 1}, tags={"of": "test"}, check_results=[dg.AssetCheckResult(passed=True, check_name="unique")]
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.fixture(params=["files", "postgres"])
def instance(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance of its own, in files or on the server."""
    storage = ""
    if request.param == "postgres":
        url = request.getfixturevalue("server").url().replace("postgresql:", "postgresql+psycopg2:")
        storage = f"storage: {{postgres: {{postgres_url: '{url}'}}}}\n"
    (tmp_path / "dagster.yaml").write_text(f"telemetry: {{enabled: false}}\n{storage}")
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened
        opened.wipe()


def run(instance: dg.DagsterInstance, hour: str) -> str:
    """Materialise the asset in an hour; returns the run's id."""
    return dg.materialize([atoms], instance=instance, partition_key=hour).run_id


def events(instance: dg.DagsterInstance, run_id: str) -> set[str | None]:
    """Kinds of the events that the storage has of a run; None: of a logger."""
    found = instance.all_logs(run_id)
    return {each.dagster_event.event_type_value if each.dagster_event else None for each in found}


def results_of_checks(instance: dg.DagsterInstance) -> list[str]:
    """Runs whose results of checks are stored."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    with storage.index_connection() as connection:
        return [row[0] for row in connection.execute(select(AssetCheckExecutionsTable.c.run_id)).fetchall()]


def statuses(instance: dg.DagsterInstance) -> set[str]:
    """Hours that the grid shows as done."""
    return set(instance.get_materialized_partitions(KEY))


def test_of_a_deleted_run_nothing_stays_and_the_hour_of_another_is_known(instance: dg.DagsterInstance) -> None:
    gone, stays, other = run(instance, HOUR), run(instance, HOUR), run(instance, NEXT)
    assert sorted(results_of_checks(instance)) == sorted([gone, stays, other])

    delete_runs(instance, [gone])

    assert [instance.has_run(each) for each in (gone, stays, other)] == [False, True, True]
    assert events(instance, gone) == set()
    assert sorted(results_of_checks(instance)) == sorted([stays, other])
    assert statuses(instance) == {HOUR, NEXT}
    assert instance.get_event_tags_for_asset(KEY, filter_event_id=None)


def test_as_many_runs_as_there_are_are_deleted(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hartonomous_assets.run_history.RUNS_PER_STATEMENT", 2)
    runs = [run(instance, HOUR) for _ in range(5)]

    delete_runs(instance, runs)

    assert instance.get_runs_count() == 0
    assert results_of_checks(instance) == []
    assert statuses(instance) == set()


def test_of_a_trimmed_run_the_grid_the_page_and_the_checks_stay(instance: dg.DagsterInstance) -> None:
    trimmed, whole = run(instance, HOUR), run(instance, NEXT)
    before, of_other = events(instance, trimmed), events(instance, whole)
    storage = instance.event_log_storage

    deleted = trim_runs(instance, [trimmed])

    if storage.is_run_sharded:
        assert deleted == 0 and events(instance, trimmed) == before
    else:
        assert deleted > 0
        assert events(instance, trimmed) == {"ASSET_MATERIALIZATION", "PIPELINE_START", "PIPELINE_SUCCESS"}
    assert events(instance, whole) == of_other
    assert statuses(instance) == {HOUR, NEXT}
    assert sorted(results_of_checks(instance)) == sorted([trimmed, whole])
    [record] = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=KEY, asset_partitions=[HOUR]), limit=1
    ).records
    assert record.asset_materialization is not None and record.asset_materialization.metadata["rows"].value == 1
    assert trim_runs(instance, [trimmed]) == 0


def test_the_grid_is_remembered_as_the_page_does_and_follows_later_runs(instance: dg.DagsterInstance) -> None:
    def remembered() -> set[str]:
        remember_grid(instance, [KEY], GRID)
        [record] = instance.get_asset_records([KEY])
        status = record.asset_entry.cached_status
        assert status is not None and status.partitions_def_id == GRID.get_serializable_unique_identifier()
        return set(status.deserialize_materialized_partition_subsets(GRID).get_partition_keys())

    first = run(instance, HOUR)
    before = remembered()
    trim_runs(instance, [first])
    run(instance, NEXT)

    assert (before, remembered()) == ({HOUR}, {HOUR, NEXT})


def test_observations_go_when_they_are_old_but_the_latest_stays(instance: dg.DagsterInstance) -> None:
    for number in range(3):
        instance.report_runless_asset_event(dg.AssetObservation(QUEUE, metadata={"messages": number}))
    instance.report_runless_asset_event(dg.AssetObservation("of_another_team"))

    assert delete_observations(instance, [QUEUE], datetime.now(UTC) - timedelta(days=7)) == 0
    assert delete_observations(instance, [QUEUE], datetime.now(UTC) + timedelta(seconds=1)) == 2

    [left] = instance.fetch_observations(QUEUE, limit=10).records
    assert left.asset_observation is not None and left.asset_observation.metadata["messages"].value == 2
    assert len(instance.fetch_observations(dg.AssetKey("of_another_team"), limit=10).records) == 1


def test_our_runs_are_found_page_by_page(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(our_runs, "_RUNS_PER_PAGE", 2)
    job = dg.define_asset_job(CHAIN_JOB_NAME, [atoms]).resolve(
        asset_graph=dg.Definitions([atoms]).resolve_asset_graph()
    )
    ids = [
        instance.create_run_for_job(job, tags=process_tags("a run"), status=dg.DagsterRunStatus.SUCCESS).run_id
        for _ in range(5)
    ]

    found = list(our_runs.our_runs(instance, [dg.DagsterRunStatus.SUCCESS]))

    assert [record.dagster_run.run_id for record in found] == ids[::-1]
    assert all(abs(record.create_timestamp.timestamp() - time.time()) < 60 for record in found)
