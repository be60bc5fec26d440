"""`hartonomous dev`: the page comes up, the sensor alone leads whatever arrives to its end, and stopping leaves nothing behind."""

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.settings import Settings
from hartonomous_service.files_to_ingest import FilesToIngest
from tests.cli import Home, finish, wait_until
from tests.dev import Dev, make_sure_it_ended, start_dev

SENTENCE = "The lighthouse keeper counted nine ships."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    """The home of this file's tests. A run that lingers a second only makes each of them meet the sensor."""
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"linger_seconds": 1})


@pytest.fixture(scope="module")
def orphans(home: Home) -> list[psutil.Process]:
    """What a dev had started that was killed (-9) while it came up."""
    process = home.start("dev")
    parent = psutil.Process(process.pid)
    wait_until("its first children", lambda: len(parent.children(recursive=True)) >= 2)
    children = parent.children(recursive=True)
    process.kill()
    process.wait()
    return children


@pytest.fixture(scope="module")
def neighbour(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    """A process of another home, in a session of its own, that was there before."""
    other = Home(home.path.with_name("other"), home.model_dir)
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"], env=other.environment, start_new_session=True
    )
    yield process
    process.kill()
    process.wait()


@pytest.fixture(scope="module")
def dev(home: Home, orphans: list[psutil.Process], neighbour: "subprocess.Popen[bytes]") -> Iterator[Dev]:
    """One `dev` for the tests of this file, after one that was killed; the last of them stops it."""
    started = start_dev(home)
    yield started
    make_sure_it_ended(started)


def placed(home: Home, text: str) -> list[tuple[Any, ...]]:
    """Embeddings of the atom with this text that have a position."""
    return home.rows(
        "SELECT e.X, e.Y, e.Z, e.HilbertValue, e.SpatialKey FROM AtomEmbedding AS e JOIN Atom AS a ON a.AtomId = e.AtomId"
        " WHERE a.CanonicalText = ? AND e.HilbertValue IS NOT NULL",
        text,
    )


def in_graph(home: Home, text: str, label: str) -> bool:
    """The atom with this text is in the graph and linked to a node of this label."""
    digest = home.value("SELECT lower(hex(ContentHash)) FROM Atom WHERE CanonicalText = ?", text)
    result = home.run("lineage", digest, "--json")
    return result.code == 0 and label in {node["label"] for node in result.document["nodes"]}


def assert_led_to_its_end(home: Home, text: str) -> None:
    """Within the deadline the sensor alone brings an embedding, a real position and a place in the graph."""
    [[x, y, z, hilbert, key]] = wait_until(f"a position for {text!r}", lambda: placed(home, text))
    assert all(-1 <= c <= 1 for c in (x, y, z)) and (x, y, z) != (0, 0, 0)
    assert 0 < hilbert < 2**63
    assert key.startswith("POINT(")
    wait_until(f"{text!r} in the graph, with its model", lambda: in_graph(home, text, "Model"))


def test_an_ingested_file_is_led_to_the_graph_by_the_sensor_alone(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text(SENTENCE)

    dev.home.json("ingest", "--no-wait", tmp_path / "file.txt")

    assert_led_to_its_end(dev.home, SENTENCE)
    assert in_graph(dev.home, SENTENCE, "Source")


def test_a_bare_insert_is_led_to_the_graph_by_the_sensor_alone(dev: Dev) -> None:
    text = "This is a test sentence"
    with sqlite3.connect(dev.home.path / "hartonomous.db", timeout=30) as connection:
        connection.execute(
            "INSERT INTO Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt)"
            " VALUES (0, 'text', 'test', ?, ?, ?, '2026-11-23T10:00:00.000Z')",
            (bytes(range(32)), text, text.encode()),
        )

    assert dev.home.rows("SELECT Status FROM BackgroundJob WHERE AtomId = (SELECT MAX(AtomId) FROM Atom)")
    assert_led_to_its_end(dev.home, text)


def test_what_it_does_can_be_grepped_on_its_stderr_by_default(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "grepped.txt").write_text("Nobody reads this sentence in a log.")

    [source] = dev.home.json("ingest", tmp_path / "grepped.txt")["sources"]

    wait_until("the line", lambda: f" Atomized source {source['sourceId']}: 1 atoms created " in dev.log.read_text())
    assert " Stage atoms started: BatchSize=10000, IntervalSeconds=" in dev.log.read_text()
    assert "Nobody reads" not in dev.log.read_text()


def test_ingest_leaves_the_work_to_the_running_daemon_and_waits_for_it(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "waited.txt").write_text("Somebody waits for this sentence.")
    with dev.home.dagster() as instance:
        before = {run.run_id for run in instance.get_runs()}

    [source] = dev.home.json("ingest", tmp_path / "waited.txt")["sources"]

    assert source["status"] == "Atomized"
    with dev.home.dagster() as instance:
        runs = [run for run in instance.get_runs() if run.run_id not in before]
    assert all(run.tags.get("dagster/sensor_name") == "service_broker_sensor" for run in runs)


def test_the_page_answers_graphql_with_the_assets_and_the_running_sensor(dev: Dev) -> None:
    query = """{
      assetNodes { assetKey { path } groupName }
      sensorsOrError(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "hartonomous"}) {
        ... on Sensors { results { name sensorState { status } } }
      }
    }"""
    asked = urllib.request.Request(  # noqa: S310 - our own page
        f"{dev.address}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )

    with urllib.request.urlopen(asked, timeout=30) as answer:  # noqa: S310
        data = json.load(answer)["data"]

    names = {node["assetKey"]["path"][-1] for node in data["assetNodes"]}
    assert names >= {"sources", "atoms", "atom_embeddings", "atom_projections", "provenance_graph", "projection_model"}
    [sensor] = data["sensorsOrError"]["results"]
    assert (sensor["name"], sensor["sensorState"]["status"]) == ("service_broker_sensor", "RUNNING")


def test_all_that_it_wrote_into_the_home_is_left_out_of_an_ingest(home: Home, dev: Dev) -> None:
    assert list(FilesToIngest([home.path], Settings(home=home.path))) == []


def test_health_knows_that_it_runs(dev: Dev) -> None:
    [daemon] = [check for check in dev.home.json("health")["checks"] if check["name"] == "daemon"]

    assert daemon["detail"] == "running"


def test_a_second_one_on_the_same_home_is_refused_in_a_clear_sentence(dev: Dev) -> None:
    result = dev.home.run("dev")

    assert result.code == 1
    assert "has a daemon already" in result.error and str(dev.home.path) in result.error


def test_what_one_that_was_killed_had_started_is_ended_and_nobody_else(
    dev: Dev, orphans: list[psutil.Process], neighbour: "subprocess.Popen[bytes]"
) -> None:
    assert [process for process in orphans if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert neighbour.poll() is None


@pytest.fixture(scope="module")
def stopped(dev: Dev, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, list[psutil.Process]]:
    """SIGTERM while a run is in the middle of a long file: the exit code, and the processes that are left."""
    path = tmp_path_factory.mktemp("files") / "long.txt"
    path.write_text("".join(f"The keeper counted ship number {i} at dawn.\n" for i in range(60_000)))
    dev.home.json("ingest", "--no-wait", path)
    wait_until(
        "a run that has embedded a part",
        lambda: dev.home.rows("SELECT 1 FROM BackgroundJob WHERE Status = 'Completed' LIMIT 1 OFFSET 20"),
    )
    family = dev.family()
    assert len(family) > 3
    code = dev.stop(signal.SIGTERM)
    _, left = psutil.wait_procs(family, 5)
    assert dev.home.rows("SELECT 1 FROM BackgroundJob WHERE Status = 'Pending' LIMIT 1"), "it was not in the middle"
    return code, left


def test_sigterm_ends_every_process_of_it(stopped: tuple[int, list[psutil.Process]]) -> None:
    assert stopped == (0, [])


def test_sigterm_leaves_no_run_started(dev: Dev, stopped: tuple[int, list[psutil.Process]]) -> None:
    assert {"STARTED", "STARTING", "CANCELING"}.isdisjoint(dev.home.run_statuses())


def test_sigterm_leaves_nothing_claimed(dev: Dev, stopped: tuple[int, list[psutil.Process]]) -> None:
    assert dev.home.rows("SELECT DISTINCT LeaseOwner FROM Source WHERE LeaseOwner IS NOT NULL") == []
    assert dev.home.rows("SELECT DISTINCT LeaseOwner FROM BackgroundJob WHERE LeaseOwner IS NOT NULL") == []


def test_ctrl_c_while_it_starts_stops_everything(home: Home, stopped: object) -> None:
    process = home.start("dev")
    parent = psutil.Process(process.pid)
    wait_until("its first children", lambda: len(parent.children(recursive=True)) >= 2)
    family = [parent, *parent.children(recursive=True)]

    process.send_signal(signal.SIGINT)
    result = finish(process, 60)

    _, left = psutil.wait_procs(family, 5)
    assert left == []
    assert b"http://" not in result.stdout
    assert "Hartonomous: stopping" in result.stderr
