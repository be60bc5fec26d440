"""What Dagster sees: definitions, runs of the chain from its CLI and in this process, the sensor, checks, and its storage."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from hartonomous_assets import housekeeping, sensors
from hartonomous_assets.chain import STAGES
from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import CHAIN_JOB_NAME
from hartonomous_assets.projection_gates import GATES
from hartonomous_assets.sensors import service_broker_sensor
from hartonomous_core.clock import HOUR_FORMAT
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.graph_views import WITHOUT_HOUR
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import open_instance, run_chain
from hartonomous_service.dead_letters import replay_dead_letter
from hartonomous_service.ingest import ingest
from hartonomous_service.lineage.queries import LineageQuery, find_lineage
from hartonomous_service.source_records import verify_sources
from tests.builders import dead_letters, enqueue, request, write
from tests.cli import CHECKOUT, Home, Result, hour_with_room

CHAIN_ASSETS = {stage.name for stage in STAGES}
MARKER = "quetzalcoatlus"


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The home's own Dagster instance; the environment is as it was afterwards."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("DAGSTER_DISABLE_TELEMETRY")
    monkeypatch.setenv("HARTONOMOUS_LINGER_SECONDS", "0")
    with open_instance(settings) as opened:
        yield opened


@pytest.fixture
def hour() -> str:
    """The running hour, with enough of it left for a test."""
    return hour_with_room(60)


def passages(*names: str) -> str:
    """A text of so many passages."""
    return "\n\n".join(f"{name} of the passages." + " It goes on for a while." * 17 for name in names)


@pytest.fixture
def put(resources: Resources, tmp_path: Path) -> Callable[..., Path]:
    """Writes a file and puts it on the queue, as `ingest --no-wait` does."""

    def put_file(name: str = "file.txt", content: str | bytes = passages("First", "Second")) -> Path:
        path = tmp_path / "files" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        ingest(resources, [path], wait=False)
        return path

    return put_file


def materialisations(instance: dg.DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """Metadata of the last materialisation of each asset in a run."""
    found = {}
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        event = entry.get_dagster_event().step_materialization_data.materialization
        found[event.asset_key.to_user_string()] = {name: value.value for name, value in event.metadata.items()}
    return found


def checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, dg.AssetCheckEvaluation]:
    """Evaluation of each asset check in a run."""
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    evaluations = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    return {evaluation.check_name: evaluation for evaluation in evaluations}


def count(resources: Resources, table: str) -> int:
    """Rows of a table."""
    with sqlite3.connect(resources.settings.database_path) as connection:
        return int(connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


# ---- definitions and Dagster's own command line


def test_definitions_load_in_a_fresh_interpreter_without_heavy_imports_and_without_making_a_home(home: Home) -> None:
    program = (
        "import json, sys, hartonomous_assets.definitions as d;"
        "print(json.dumps([k.to_user_string() for k in d.defs.resolve_asset_graph().get_all_asset_keys()]));"
        "print([m for m in ('onnxruntime', 'onnx', 'tokenizers', 'umap', 'pandas', 'pyodbc', 'neo4j', 'usearch') if m in sys.modules])"
    )

    result = home.run("-c", program, program=(sys.executable,))

    assert result.code == 0, result.stderr
    names, heavy = result.stdout.decode().splitlines()
    assets = set(json.loads(names))
    assert CHAIN_ASSETS | {"projection_model", "search_index", "ingestion_queue", "provenance_queue"} <= assets
    assert heavy == "[]"
    assert not home.path.exists()


def dagster(home: Home, *arguments: str) -> Result:
    """Dagster's own command line on a home, as a user's CI runs it."""
    folder = home.path / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "dagster.yaml").exists():
        (folder / "dagster.yaml").symlink_to(CHECKOUT / "dagster.yaml")
    program = (
        sys.executable,
        "-c",
        "import os, sys; os.environ['DAGSTER_HOME'] = sys.argv.pop(1); from dagster._cli import main; main()",
    )
    result = home.with_settings(linger_seconds=0).run(str(folder), *arguments, program=program)
    assert result.code == 0, result.stdout.decode() + result.stderr
    return result


def test_dagster_definitions_validate_accepts_a_fresh_home(home: Home) -> None:
    result = dagster(home, "definitions", "validate")

    assert "All code locations passed validation" in result.stdout.decode() + result.stderr


def test_dagster_asset_materialize_of_one_hour_does_what_is_queued(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text(passages("First", "Second"))
    hour = hour_with_room(60)
    home.json("ingest", "--no-wait", tmp_path / "file.txt")

    dagster(home, "asset", "materialize", "--select", "*", "--partition", hour, "-m", "hartonomous_assets.definitions")

    stats = home.json("stats")
    assert (stats["sources"], stats["embeddings"], stats["projections"]) == (1, 2, 2)
    assert stats["graph"]["edges"] > 0
    with home.dagster() as instance:
        [run] = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert set(materialisations(instance, run.run_id)) == CHAIN_ASSETS | {
            "dedup_ledger",
            "projection_model",
            "search_index",
        }
        evaluated = checks(instance, run.run_id)
        assert set(evaluated) == {key.name for key in defs.resolve_asset_graph().asset_check_keys}
        unjudged = {spec.name for spec in GATES}  # of two vectors nobody can say how well they are placed
        assert {name for name, evaluation in evaluated.items() if not evaluation.passed} == unjudged
        assert {evaluated[name].severity for name in unjudged} == {dg.AssetCheckSeverity.WARN}
        assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {hour}


def test_a_range_of_two_hours_is_one_run_with_the_figures_of_each_hour(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text(passages("First", "Second"))
    this_hour = hour_with_room(60)
    last_hour = (datetime.strptime(this_hour, HOUR_FORMAT) - timedelta(hours=1)).strftime(HOUR_FORMAT)
    two_hours_ago = (datetime.now(UTC) - timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    home.json("ingest", "--no-wait", tmp_path / "file.txt")
    with sqlite3.connect(home.path / "hartonomous.db") as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = ? WHERE Version = 1", (two_hours_ago,))
        connection.execute(
            "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText, IngestHour) VALUES (0, 'text', zeroblob(32), 'late', ?)",
            (last_hour,),
        )

    arguments = ("--partition-range", f"{last_hour}...{this_hour}", "-m", "hartonomous_assets.definitions")
    dagster(home, "asset", "materialize", "--select", "sources,atoms,atom_embeddings,atom_projections", *arguments)

    with home.dagster() as instance:
        [run] = instance.get_runs()
        rows = {}
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
            event = entry.get_dagster_event().step_materialization_data.materialization
            if event.partition is None:
                continue  # the projection model
            rows[event.asset_key.to_user_string(), event.partition] = event.metadata[
                "dagster/partition_row_count"
            ].value
        assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {last_hour, this_hour}
        entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluated = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
        unique = [check.partition for check in evaluated if check.check_name == "atoms_are_unique"]
        assert sorted(unique) == [last_hour, this_hour]
    assert rows == {
        ("sources", last_hour): 0,
        ("sources", this_hour): 1,
        **{(name, last_hour): 1 for name in ("atoms", "atom_embeddings", "atom_projections")},
        **{(name, this_hour): 2 for name in ("atoms", "atom_embeddings", "atom_projections")},
    }


def test_every_asset_has_a_group_kinds_owners_and_a_description() -> None:
    graph = defs.resolve_asset_graph()

    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.group_name not in (None, "default"), key
        assert node.kinds and node.owners and node.description, key
    for check in graph.asset_check_keys:
        assert graph.get_check_spec(check).description, check


# ---- runs in this process


def run_subset(instance: dg.DagsterInstance, hour: str, names: Sequence[str]) -> dg.ExecuteInProcessResult:
    """Materialise some assets of an hour, as the page does."""
    return defs.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance, partition_key=hour, asset_selection=[dg.AssetKey(name) for name in names]
    )


def test_a_subset_materialises_only_what_is_selected(
    resources: Resources, instance: dg.DagsterInstance, hour: str, put: Callable[..., Path]
) -> None:
    put()

    result = run_subset(instance, hour, ["sources", "atoms"])

    assert set(materialisations(instance, result.run_id)) == {"sources", "atoms"}
    assert (count(resources, "Atom"), count(resources, "AtomEmbedding")) == (2, 0)
    assert count(resources, "BackgroundJob WHERE Status = 'Pending'") == 2


@pytest.fixture
def clean_run(
    instance: dg.DagsterInstance, settings: Settings, hour: str, put: Callable[..., Path], text_model: object
) -> dg.ExecuteInProcessResult:
    """A run of the chain that took in one file."""
    put()
    return run_chain(settings, instance, hour)


def test_every_materialisation_says_how_many_rows_the_hour_holds_and_how_long_it_took(
    clean_run: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, resources: Resources
) -> None:
    metadata = materialisations(instance, clean_run.run_id)

    assert set(metadata) == CHAIN_ASSETS | {"projection_model"}
    expected = {"sources": 1, "atoms": 2, "atom_embeddings": 2, "atom_projections": 2}
    assert {name: metadata[name]["dagster/partition_row_count"] for name in expected} == expected
    nodes, edges = resources.graph.counts(None)
    of_the_hour = [n for label, n in nodes.items() if label not in WITHOUT_HOUR]
    graph_rows = sum(of_the_hour) + sum(edges.values())
    assert metadata["provenance_graph"]["dagster/partition_row_count"] == graph_rows > 0
    assert all(metadata[name]["seconds"] >= 0 for name in CHAIN_ASSETS)
    assert metadata["atom_embeddings"]["seconds"] > 0


def test_asset_checks_pass_after_a_clean_run_and_notice_a_wrong_reference_count(
    clean_run: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, settings: Settings, hour: str
) -> None:
    clean = checks(instance, clean_run.run_id)
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE Atom SET ReferenceCount = ReferenceCount + 1 WHERE AtomId = 1")

    broken = checks(instance, run_chain(settings, instance, hour).run_id)

    assert clean and all(evaluation.passed for evaluation in clean.values())
    assert {name for name, evaluation in broken.items() if not evaluation.passed} == {"references_are_counted"}
    assert broken["references_are_counted"].severity is dg.AssetCheckSeverity.ERROR


def test_a_dead_letter_makes_its_check_warn_and_nothing_else(
    instance: dg.DagsterInstance, settings: Settings, resources: Resources, hour: str, put: Callable[..., Path]
) -> None:
    enqueue(resources.database, INGESTION_QUEUE, [b"{ this is no JSON"])
    put()

    result = run_chain(settings, instance, hour)

    failed = {name: check for name, check in checks(instance, result.run_id).items() if not check.passed}
    assert set(failed) == {"nothing_dead_lettered"}
    assert failed["nothing_dead_lettered"].severity is dg.AssetCheckSeverity.WARN
    assert result.success
    assert count(resources, "AtomEmbedding") == 2


def test_a_neo4j_that_is_down_fails_its_own_asset_alone_and_the_next_run_catches_up(
    instance: dg.DagsterInstance,
    settings: Settings,
    resources: Resources,
    hour: str,
    put: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HARTONOMOUS_NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.setenv("HARTONOMOUS_NEO4J_CONNECTION_SECONDS", "0.1")
    put()

    failed = run_chain(settings, instance, hour)
    waiting = count(resources, "QueueMessage WHERE Queue = 'ProvenanceQueue'")
    asked_again = sensors.run_requests(instance, [hour], runs_per_hour=1)
    monkeypatch.delenv("HARTONOMOUS_NEO4J_URI")
    repaired = run_chain(settings, instance, hour)

    assert not failed.success
    assert set(materialisations(instance, failed.run_id)) == CHAIN_ASSETS - {"provenance_graph"} | {"projection_model"}
    assert count(resources, "AtomEmbedding WHERE ProjectionModelId IS NOT NULL") == 2
    assert waiting > 0
    assert asked_again == []  # right after a failure the sensor does not ask again
    assert repaired.success
    assert count(resources, "QueueMessage") == 0
    assert verify_sources(resources)["failed"] == []
    assert resources.graph.counts(0)[0]["Atom"] == 2


def test_dagsters_storage_holds_no_content_and_no_name_of_a_tenants_file(
    instance: dg.DagsterInstance, settings: Settings, resources: Resources, hour: str, put: Callable[..., Path]
) -> None:
    put(f"{MARKER}-good.txt", f"The {MARKER} had a wing span of eleven metres.")
    put(f"{MARKER}-latin.txt", f"The {MARKER} \xe9".encode("latin-1"))
    put(f"{MARKER}-gone.txt", f"No {MARKER} is left.").unlink()
    outside = settings.home.parent / f"{MARKER}-outside.txt"
    outside.write_text(MARKER)
    enqueue(resources.database, INGESTION_QUEUE, [request(uri=outside.as_uri()), f'{{"{MARKER}": '.encode()])

    result = run_chain(settings, instance, hour)
    letters = dead_letters(resources.database)
    for letter in letters:
        replay_dead_letter(resources, letter["deadLetterId"], tenant=None)
    run_chain(settings, instance, hour)

    assert result.success and len(letters) == 3
    files = [path for path in settings.dagster_home.rglob("*") if path.is_file()]
    holding = [path for path in files if MARKER.encode() in path.read_bytes()]
    assert len(files) > 5
    assert holding == []


# ---- the sensor


@pytest.fixture
def tick(
    instance: dg.DagsterInstance, resources: Resources, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], list[str]]:
    """Evaluates the sensor once, without the long wait: the hours for which it asks."""
    monkeypatch.setattr(sensors, "LONG_POLL_SECONDS", 0.2)

    def evaluate() -> list[str]:
        context = dg.build_sensor_context(
            instance=instance, resources={"database": resources.database, "settings": settings}, definitions=defs
        )
        result = service_broker_sensor(context)
        assert isinstance(result, dg.SensorResult)
        return [str(asked.partition_key) for asked in result.run_requests or []]

    return evaluate


def test_the_sensor_asks_for_nothing_where_nothing_is_pending(tick: Callable[[], list[str]]) -> None:
    assert tick() == []


def test_the_sensor_asks_for_the_running_hour_when_a_message_waits(
    tick: Callable[[], list[str]], hour: str, put: Callable[..., Path], resources: Resources
) -> None:
    put()

    assert tick() == [hour]
    assert count(resources, "QueueMessage") == 1  # it looks and takes nothing


def test_the_sensor_asks_for_the_running_hour_when_work_lies_in_one_before_the_grid(
    tick: Callable[[], list[str]], hour: str, resources: Resources
) -> None:
    write(resources.database, "A sentence.", hour="1970-01-01-00:00")

    assert tick() == [hour]


def test_the_sensor_asks_for_nothing_once_the_run_has_done_the_work(
    tick: Callable[[], list[str]], clean_run: dg.ExecuteInProcessResult
) -> None:
    assert tick() == []


def a_run(instance: dg.DagsterInstance, hour: str, status: dg.DagsterRunStatus) -> dg.DagsterRun:
    """A run of the chain of an hour, as a process leaves it that is killed at this point."""
    tags = {"dagster/partition": hour}
    origin = RemoteJobOrigin(
        RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("hartonomous"), "__repository__"), CHAIN_JOB_NAME
    )
    job = defs.resolve_job_def(CHAIN_JOB_NAME)
    return instance.create_run_for_job(job, tags=tags, status=status, remote_job_origin=origin)


def test_a_tick_asks_dagster_as_often_for_a_day_of_hours_as_for_one(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = [f"2026-11-23-{each:02}:00" for each in range(24)]
    a_run(instance, hours[7], dg.DagsterRunStatus.STARTED)
    failed = a_run(instance, hours[9], dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(failed)
    asked: list[object] = []
    get_runs = instance.get_runs
    monkeypatch.setattr(instance, "get_runs", lambda *given: asked.append(given) or get_runs(*given))

    one = sensors.run_requests(instance, hours[:1], 1)
    often = len(asked)
    day = sensors.run_requests(instance, hours, 1)

    assert [each.partition_key for each in one] == hours[:1]
    assert [each.partition_key for each in day] == [each for each in hours if each not in (hours[7], hours[9])]
    assert len(asked) == 2 * often
    assert [each.partition_key for each in sensors.run_requests(instance, hours[7:8], 2)] == hours[7:8]


def test_the_sensor_names_hours_that_hold_work_and_are_older_than_its_grid(
    tick: Callable[[], list[str]],
    instance: dg.DagsterInstance,
    resources: Resources,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = '2026-03-01T07:00:00.000Z'")
    write(resources.database, "An old sentence.", hour="2026-03-01-07:00")
    grid = dg.HourlyPartitionsDefinition(start_date="2026-11-01-00:00", timezone="UTC", end_offset=1)
    monkeypatch.setattr(sensors, "INGEST_HOUR", grid)
    context = dg.build_sensor_context(
        instance=instance, resources={"database": resources.database, "settings": settings}, definitions=defs
    )

    result = service_broker_sensor(context)

    assert not result.run_requests
    assert "2026-03-01-07:00 hold work and are not in the grid" in str(result.skip_reason)


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED])
def test_the_sensor_asks_for_nothing_while_a_run_of_the_hour_is_on_its_way(
    tick: Callable[[], list[str]],
    instance: dg.DagsterInstance,
    hour: str,
    put: Callable[..., Path],
    status: dg.DagsterRunStatus,
) -> None:
    put()
    run = a_run(instance, hour, status)

    assert instance.get_run_by_id(run.run_id).status is status
    assert tick() == []


def test_the_sensor_asks_again_some_time_after_a_failure(
    tick: Callable[[], list[str]],
    instance: dg.DagsterInstance,
    hour: str,
    put: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put()
    instance.report_run_failed(a_run(instance, hour, dg.DagsterRunStatus.STARTED))

    right_after = tick()
    monkeypatch.setattr(sensors, "RETRY_SECONDS", 0.0)

    assert (right_after, tick()) == ([], [hour])


# ---- housekeeping


@pytest.fixture
def keep_house(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], dg.ExecuteInProcessResult]:
    """Runs the housekeeping job as if every run were old enough to go."""
    monkeypatch.setattr(housekeeping, "KEEP_RUN_DAYS", 0)
    return lambda: defs.resolve_job_def("housekeeping").execute_in_process(instance=instance)


def test_a_run_that_housekeeping_deletes_stays_in_the_graph(
    instance: dg.DagsterInstance,
    resources: Resources,
    hour: str,
    put: Callable[..., Path],
    keep_house: Callable[[], dg.ExecuteInProcessResult],
) -> None:
    runs = []
    for name in ("One", "Two"):
        put(f"{name}.txt", passages(name))
        runs.append(run_subset(instance, hour, ["sources", "atoms"]).run_id)
    before = resources.graph.counts(None)

    assert keep_house().success

    assert [instance.has_run(run) for run in runs] == [False, True]
    assert before[0]["Run"] == 2
    assert resources.graph.counts(None) == before
    made = find_lineage(resources, LineageQuery(f"Run:{runs[0]}", depth=1))["nodes"]
    assert [node["label"] for node in made] == ["Run", "Atom", "Source"]


def test_housekeeping_sweeps_blobs_that_no_row_names_and_keeps_the_others(
    instance: dg.DagsterInstance,
    resources: Resources,
    keep_house: Callable[[], dg.ExecuteInProcessResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(housekeeping, "ORPHAN_SECONDS", -1.0)
    orphan, named = resources.blobs.put(0, b"orphan" * 20_000), resources.blobs.put(0, b"named" * 20_000)
    with sqlite3.connect(resources.settings.database_path) as connection:
        connection.execute(
            "INSERT INTO Atom (AtomId, TenantId, Modality, ContentHash) VALUES (1, 0, 'binary', zeroblob(32))"
        )
        connection.execute("INSERT INTO AtomContent (AtomId, ByteLength, BlobKey) VALUES (1, 100000, ?)", (named,))

    assert keep_house().success
    assert (resources.blobs.path(orphan).exists(), resources.blobs.path(named).exists()) == (False, True)
