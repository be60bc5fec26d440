"""A home whose partitions are days: from the command that makes it to Dagster's page, and what is said to who asks for hours later."""

import hashlib
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from hartonomous_core.clock import current_hour, time_text
from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import CHECKOUT, Home, wait_until
from tests.dev import make_sure_it_ended, start_dev
from tests.end_to_end.test_dagster import dagster
from tests.end_to_end.test_dagster_postgres import graphql

KEYS = """{ assetNodeOrError(assetKey: {path: ["atoms"]}) { ... on AssetNode {
  partitionKeysByDimension { partitionKeys }
  assetPartitionStatuses { ... on TimePartitionStatuses { ranges { status startKey endKey } } } } } }"""


@pytest.fixture
def home(tmp_path: Path, model_dir: Path, text_model: TextModelFiles) -> Home:
    """A home that was made with days two days ago, with a file on the queue."""
    made = Home(tmp_path / "home", model_dir, {"partition": "day", "linger_seconds": 0})
    (tmp_path / "file.txt").write_text("The moon makes the sea rise.")
    made.json("ingest", "--no-wait", tmp_path / "file.txt")
    with sqlite3.connect(made.path / "hartonomous.db") as connection:
        connection.execute(
            "UPDATE SchemaVersion SET AppliedAt = ?", (time_text(datetime.now(UTC) - timedelta(days=2)),)
        )
    connection.close()
    return made


def day(ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=ago)).strftime("%Y-%m-%d-00:00")


def test_days_are_materialised_and_are_what_the_page_shows(home: Home) -> None:
    with sqlite3.connect(home.path / "hartonomous.db") as connection:
        connection.execute(
            "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText, IngestHour) VALUES (0, 'text', ?, 'late', ?)",
            (hashlib.sha256(b"late").digest(), day(1)),
        )
    connection.close()

    chosen = ("--partition-range", f"{day(1)}...{day(0)}", "-m", "hartonomous_assets.definitions")
    dagster(home, "asset", "materialize", "--select", "sources,atoms,atom_embeddings,atom_projections", *chosen)

    assert home.rows("SELECT IngestHour, COUNT(*) FROM AtomEmbedding GROUP BY 1") == [(day(1), 1), (day(0), 1)]
    with home.dagster() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {day(1), day(0)}
        [run] = instance.get_runs()
        entries = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        evaluated = [entry.get_dagster_event().asset_check_evaluation_data for entry in entries]
    assert {check.partition for check in evaluated} == {day(1), day(0)} and all(check.passed for check in evaluated)
    dev = start_dev(home)
    try:
        found = wait_until("the page knows the assets", lambda: graphql(dev, KEYS)["assetNodeOrError"])
    finally:
        make_sure_it_ended(dev)
    assert found["partitionKeysByDimension"] == [{"partitionKeys": [day(2), day(1), day(0)]}]
    assert found["assetPartitionStatuses"]["ranges"] == [
        {"status": "MATERIALIZED", "startKey": day(1), "endKey": day(0)}
    ]


def test_a_command_that_waits_does_the_work_in_the_day(home: Home, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("The sun makes the day.")

    assert not home.json("ingest", tmp_path / "more.txt")["failed"]

    assert {hour for (hour,) in home.rows("SELECT IngestHour FROM Source")} == {current_hour("day")}
    with home.dagster() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("atoms")) == {current_hour("day")}
    assert home.run("verify").code == 0


def test_who_asks_for_hours_later_is_told_by_every_command_config_and_doctor(home: Home, tmp_path: Path) -> None:
    later = home.with_settings(partition="hour")
    refusal = "was made with HARTONOMOUS_PARTITION=day, and that cannot be changed"

    ingested = later.run("ingest", tmp_path / "file.txt")
    shown, doctor = later.run("config", "show"), later.run("doctor", "--json")

    assert ingested.code == 1 and refusal in ingested.error
    assert shown.code == 1 and f"wrong: HARTONOMOUS_PARTITION: SQLite database {home.path}" in shown.stderr
    assert refusal in shown.stderr
    [database] = [check for check in doctor.document["checks"] if check["name"] == "database"]
    assert (doctor.code, database["status"]) == (1, "unhealthy") and refusal in database["detail"]
    assert home.with_settings(partition="auto").run("config", "show").code == 0


def test_the_pipeline_asks_for_the_day(tmp_path: Path, model_dir: Path, text_model: TextModelFiles) -> None:
    """Only the part of it that names the partition: the commands themselves are other tests'."""
    script = (CHECKOUT / "deploy" / "ci" / "materialize.sh").read_text("utf-8")
    naming = script[script.index("partition=") : script.index("for attempt")] + 'echo "$(date -u +"$partition")"'
    for value, period in (("day", "day"), ("hour", "hour"), ("auto", "hour")):
        home = Home(tmp_path, model_dir, {"partition": value})
        named = home.run("-c", naming, program=("bash", "-euo", "pipefail"))
        assert named.stdout.decode().strip() == current_hour("day" if period == "day" else "hour")
