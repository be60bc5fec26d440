"""Dagster's storage on a real PostgreSQL: runs, ticks, backfills and events land there, and what is wrong with it is a sentence."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.clock import current_hour
from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home, wait_until
from tests.dev import Dev, make_sure_it_ended, start_dev
from tests.tools.neo4j.server import free_port
from tests.tools.postgres import PASSWORD, QUOTED_PASSWORD, Postgres, running_postgres

BACKFILL = """mutation($hours: [String!]!) { launchPartitionBackfill(backfillParams: {
  assetSelection: [{path: ["sources"]}, {path: ["atoms"]}], partitionNames: $hours}) {
  __typename ... on LaunchBackfillSuccess { backfillId } } }"""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="module")
def home(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles, server: Postgres
) -> Home:
    """A home whose Dagster is on the server, with one file taken in by a command."""
    settings = {"linger_seconds": 0, "embedding_enabled": "false", "dagster_postgres_url": server.url()}
    made = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, settings)
    file = made.path.with_name("first.txt")
    file.write_text("A sentence for the first run.")
    [source] = made.json("ingest", file)["sources"]
    assert source["status"] == "Atomized"
    return made


@pytest.fixture(scope="module")
def dev(home: Home) -> Iterator[Dev]:
    started = start_dev(home)
    yield started
    make_sure_it_ended(started)


def graphql(dev: Dev, query: str, **variables: object) -> Any:
    """Data of a query to Dagster's page."""
    asked = urllib.request.Request(  # noqa: S310 - our own page
        f"{dev.address}/graphql",
        json.dumps({"query": query, "variables": variables}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:  # noqa: S310
        return json.load(answer)["data"]


def test_the_run_of_a_command_and_its_events_are_on_the_server(home: Home, server: Postgres) -> None:
    assert server.rows("SELECT pipeline_name, status FROM runs") == [("chain_of_an_hour", "SUCCESS")]
    assert server.value("SELECT COUNT(*) FROM event_logs WHERE dagster_event_type = 'ASSET_MATERIALIZATION'") > 0


def test_nothing_of_it_is_kept_in_the_home(home: Home) -> None:
    assert sorted((home.path / "dagster").rglob("*.db")) == []


def test_the_password_is_not_in_the_file_that_dagster_reads(home: Home) -> None:
    written = (home.path / "dagster" / "dagster.yaml").read_text()

    assert "HARTONOMOUS_DAGSTER_POSTGRES_URL" in written
    assert PASSWORD not in written and QUOTED_PASSWORD not in written


def test_a_file_is_taken_in_by_the_sensor_whose_ticks_are_on_the_server(
    dev: Dev, server: Postgres, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("A sentence for the sensor.")

    [source] = dev.home.json("ingest", tmp_path / "file.txt")["sources"]

    assert source["status"] == "Atomized"
    assert server.value("SELECT COUNT(*) FROM job_ticks WHERE type = 'SENSOR' AND status = 'SUCCESS'") > 0
    assert (
        server.value(
            "SELECT COUNT(*) FROM runs r JOIN run_tags t ON t.run_id = r.run_id WHERE t.key = 'dagster/sensor_name'"
        )
        > 0
    )


def test_a_backfill_is_kept_on_the_server_and_done(dev: Dev, server: Postgres) -> None:
    launched = graphql(dev, BACKFILL, hours=[current_hour()])["launchPartitionBackfill"]

    key = launched["backfillId"]
    done = f"SELECT status FROM bulk_actions WHERE key = '{key}' AND status LIKE 'COMPLETED%'"
    assert wait_until("the backfill is done", lambda: server.rows(done), 120) == [("COMPLETED_SUCCESS",)]


def test_no_password_is_on_a_command_line(dev: Dev) -> None:
    words = " ".join(word for process in dev.family() for word in process.cmdline())

    assert PASSWORD not in words and QUOTED_PASSWORD not in words


def test_health_is_healthy_while_it_works(dev: Dev) -> None:
    [daemon] = [check for check in dev.home.json("health")["checks"] if check["name"] == "daemon"]

    assert daemon["status"] == "healthy"


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("down", "Connection refused"),
        ("password", "password authentication failed"),
        ("database", 'database "missing" does not exist'),
    ],
)
def test_a_server_that_cannot_be_used_is_one_sentence(
    home: Home, server: Postgres, tmp_path: Path, fault: str, said: str
) -> None:
    url = {
        "down": f"postgresql://dagster:{QUOTED_PASSWORD}@127.0.0.1:{free_port()}/dagster",
        "password": server.url("dagster", "wrong-one"),
        "database": server.url("missing"),
    }[fault]
    (tmp_path / "file.txt").write_text("A sentence that waits.")
    other = Home(tmp_path / "home", home.model_dir, {**home.settings, "dagster_postgres_url": url})

    for result in other.run_all(["dev"], ["ingest", tmp_path / "file.txt"]):
        assert result.code == 1
        assert said in result.error and "HARTONOMOUS_DAGSTER_POSTGRES_URL" in result.error
        assert "wrong-one" not in result.stderr and QUOTED_PASSWORD not in result.stderr
        assert [line for line in result.stderr.splitlines() if line.strip()] == [result.error]
