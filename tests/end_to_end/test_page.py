"""What Dagster's page shows: progress, queues, checks hour by hour, dead letters, versions, columns; and nothing red in a fresh home."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from hartonomous_assets import queues, sensors, stage_metadata
from hartonomous_assets.chain import STAGES
from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import SENSOR_TAG
from hartonomous_assets.sensors import service_broker_sensor
from hartonomous_core.atomizers import atomizer_version, atomizers
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import run_chain
from tests.builders import dead_letters, enqueue, request
from tests.cli import Home, hour_with_room
from tests.end_to_end.test_dagster import checks, dagster, hour, instance, materialisations, passages, put

__all__ = ["hour", "instance", "put"]

MARKER = "quetzalcoatlus"
SPECS = {spec.key.path[-1]: spec for spec in defs.resolve_all_asset_specs()}
for alone in (
    "search_index",
    "dedup_ledger",
):  # no hours, no columns, jobs of their own (test_search_index.py, test_dedup_asset.py)
    del SPECS[alone]
STAGE_NAMES = [stage.name for stage in STAGES]

Put = Callable[..., Path]


def events(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> Counter[str]:
    """How many events of a kind each asset has in a run."""
    entries = instance.all_logs(run_id, of_type=kind)
    return Counter(entry.get_dagster_event().asset_key.path[-1] for entry in entries)


# ---- progress


@pytest.mark.usefixtures("resources", "text_model")
def test_progress_is_observed_and_each_asset_materialised_once(
    instance: dg.DagsterInstance, settings: Settings, hour: str, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_metadata, "_REPORT_SECONDS", 0.0)
    monkeypatch.setenv("HARTONOMOUS_ATOM_BATCH_SIZE", "1")
    put(content=passages("First", "Second", "Third"))

    run_id = run_chain(settings, instance, hour).run_id

    materialised = events(instance, run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert materialised == Counter([*STAGE_NAMES, "projection_model"])
    assert events(instance, run_id, dg.DagsterEventType.ASSET_OBSERVATION)["atoms"] >= 1
    observed = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION)
    observations = [entry.get_dagster_event().asset_observation_data.asset_observation for entry in observed]
    assert {observation.partition for observation in observations} == {hour}
    assert all("seconds the oldest has waited" in observation.metadata for observation in observations)


@pytest.mark.usefixtures("resources", "text_model")
@pytest.mark.parametrize(
    ("tags", "lingers"),
    [({SENSOR_TAG: "service_broker_sensor"}, True), ({"dagster/backfill": "abc"}, False), ({}, False)],
)
def test_only_a_run_of_the_sensor_lingers(
    instance: dg.DagsterInstance,
    hour: str,
    put: Put,
    monkeypatch: pytest.MonkeyPatch,
    tags: dict[str, str],
    lingers: bool,
) -> None:
    monkeypatch.setenv("HARTONOMOUS_LINGER_SECONDS", "8")
    monkeypatch.setenv("HARTONOMOUS_EMBEDDING_ENABLED", "false")
    put()
    started = time.monotonic()

    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        instance=instance,
        partition_key=hour,
        asset_selection=[dg.AssetKey(name) for name in STAGE_NAMES],
        tags=tags,
    )

    assert result.success
    assert (time.monotonic() - started >= 8) == lingers


def test_a_run_that_a_person_asks_for_writes_no_debug_lines_on_the_terminal(home: Home, tmp_path: Path) -> None:
    hour = hour_with_room(60)

    result = dagster(
        home, "asset", "materialize", "--select", "sources", "--partition", hour, "-m", "hartonomous_assets.definitions"
    )

    assert " DEBUG " not in result.stderr
    with home.dagster() as instance:
        [run] = instance.get_runs()
        assert len(instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_SUCCESS)) == 1


# ---- the queues


@pytest.fixture
def observe(
    instance: dg.DagsterInstance, resources: Resources, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str | None], tuple[dict[str, int], str | None]]:
    """A tick of the sensor: the depths that it tells, and its cursor."""
    monkeypatch.setattr(sensors, "LONG_POLL_SECONDS", 0.0)

    def tick(cursor: str | None) -> tuple[dict[str, int], str | None]:
        context = dg.build_sensor_context(
            instance=instance,
            cursor=cursor,
            resources={"database": resources.database, "settings": settings},
            definitions=defs,
        )
        result = service_broker_sensor(context)
        assert isinstance(result, dg.SensorResult)
        assert all(event.metadata["seconds the oldest has waited"].value >= 0 for event in result.asset_events)
        depths = {event.asset_key.path[-1]: event.metadata["messages"].value for event in result.asset_events}
        return depths, result.cursor

    return tick


def test_the_sensor_observes_the_queues_when_their_depth_has_changed(
    observe: Callable[[str | None], tuple[dict[str, int], str | None]],
    resources: Resources,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    enqueue(resources.database, INGESTION_QUEUE, [b"1", b"2"])
    first, cursor = observe(None)
    soon, cursor = observe(cursor)
    monkeypatch.setattr(queues, "OBSERVE_SECONDS", 0.001)
    enqueue(resources.database, PROVENANCE_QUEUE, [b"3"])
    later, cursor = observe(cursor)

    assert first == {"ingestion_queue": 2, "provenance_queue": 0}
    assert soon == {}
    assert later == {"ingestion_queue": 2, "provenance_queue": 1}


def test_empty_queues_are_told_once(
    observe: Callable[[str | None], tuple[dict[str, int], str | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "OBSERVE_SECONDS", 0.0)

    first, cursor = observe(None)

    assert first == {"ingestion_queue": 0, "provenance_queue": 0}
    assert observe(cursor)[0] == {}


# ---- versions, freshness, columns


@pytest.mark.parametrize("name", STAGE_NAMES)
def test_every_stage_says_what_its_code_is_and_how_fresh_it_has_to_be(name: str) -> None:
    assert SPECS[name].code_version
    assert SPECS[name].freshness_policy == dg.FreshnessPolicy.time_window(timedelta(hours=24), timedelta(hours=12))


def test_the_version_of_the_code_names_atomizers_and_model() -> None:
    assert SPECS["atoms"].code_version == ", ".join(map(atomizer_version, atomizers("passage")))
    assert SPECS["atom_embeddings"].code_version == "all-MiniLM-L6-v2 int8 native"


def test_at_rest_the_sensor_has_it_confirmed_that_nothing_waits(
    instance: dg.DagsterInstance, resources: Resources, settings: Settings, hour: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    never_worked = sensors.confirmation(instance, hour)
    run_chain(settings, instance, hour)
    just_worked = sensors.confirmation(instance, hour)
    monkeypatch.setattr(sensors, "CONFIRM_SECONDS", -1.0)

    assert (never_worked, just_worked, sensors.confirmation(instance, hour)) == ([], [], [hour])


@pytest.mark.usefixtures("resources", "text_model")
def test_columns_say_where_they_come_from_and_name_columns_that_are_there(
    instance: dg.DagsterInstance, settings: Settings, hour: str, put: Put
) -> None:
    put()
    columns = {
        name: {column.name for column in spec.metadata["dagster/column_schema"].columns} for name, spec in SPECS.items()
    }

    told = materialisations(instance, run_chain(settings, instance, hour).run_id)

    for name in STAGE_NAMES:
        lineage = told[name]["dagster/column_lineage"].deps_by_column
        assert set(lineage) <= columns[name] and lineage
        for dependency in (dependency for column in lineage.values() for dependency in column):
            upstream = dependency.asset_key.path[-1]
            assert dependency.column_name in columns[upstream]
            assert upstream in {key.asset_key.path[-1] for key in SPECS[name].deps}


# ---- checks


@pytest.mark.usefixtures("resources", "text_model")
def test_a_fresh_home_is_all_green_and_stays_so(
    instance: dg.DagsterInstance, settings: Settings, hour: str, put: Put
) -> None:
    put()

    first, second = (run_chain(settings, instance, hour) for _ in range(2))

    assert first.success and all(check.passed for check in checks(instance, first.run_id).values())
    assert set(materialisations(instance, first.run_id)) == set(SPECS) - {"ingestion_queue", "provenance_queue"}
    assert "projection_model" not in materialisations(instance, second.run_id)  # the same one as before


@pytest.mark.usefixtures("resources")
def test_a_check_belongs_to_an_hour_and_its_numbers_are_numbers(
    instance: dg.DagsterInstance, settings: Settings, hour: str
) -> None:
    found = checks(instance, run_chain(settings, instance, hour).run_id)

    keys = defs.resolve_asset_graph().asset_check_keys
    partitioned = set(SPECS) - {"projection_model"}  # it has gates of its own, and no hours
    assert set(found) == {key.name for key in keys if key.asset_key.path[-1] in partitioned}
    for check in found.values():
        assert check.partition == hour
        assert any(isinstance(value, dg.IntMetadataValue) for value in check.metadata.values()), check.check_name


def test_the_check_of_dead_letters_tells_why_and_how_to_replay_them_and_quotes_nobody(
    instance: dg.DagsterInstance, settings: Settings, resources: Resources, hour: str, put: Put
) -> None:
    put(f"{MARKER}.txt", f"No {MARKER} is left.").unlink()
    outside = settings.home.parent / f"{MARKER}-outside.txt"
    outside.write_text(MARKER)
    bodies = [request(uri=outside.as_uri(), tenantId=7), f'{{"{MARKER}": '.encode()]
    enqueue(resources.database, INGESTION_QUEUE, bodies)

    check = checks(instance, run_chain(settings, instance, hour).run_id)["nothing_dead_lettered"]

    letters = {letter["tenantId"]: letter["deadLetterId"] for letter in dead_letters(resources.database)}
    text = check.metadata["which"].value
    assert check.metadata["dead letters"].value == 3
    assert "1 x the file is not there (any more)" in str(check.description)
    assert f"| lies outside the allowed roots | `hartonomous dead-letters replay {letters[7]} --tenant 7` |" in text
    assert f"| the file is not there (any more) | `hartonomous dead-letters replay {letters[0]}` |" in text
    assert f"| not JSON | `hartonomous dead-letters replay {letters[None]} --all-tenants` |" in text
    assert MARKER not in text
