"""`hartonomous dev --gpu-worker`: a worker embeds for the runs, the page says so, and it is stopped with the rest."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.compute.worker.worker_client import WorkerClient
from tests.cli import Home, finish, wait_until
from tests.dev import Dev, make_sure_it_ended, start_dev

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    folder = tmp_path_factory.mktemp("homes")
    return Home(folder / "home", model_dir, {"linger_seconds": 1}, {"TMPDIR": str(folder)})


@pytest.fixture(scope="module")
def dev(home: Home) -> Iterator[Dev]:
    started = start_dev(home, "--gpu-worker")
    yield started
    make_sure_it_ended(started)


def worker_of(home: Home) -> psutil.Process:
    client = WorkerClient(home.path, 60)
    pid = client.health().pid
    client.close()
    return psutil.Process(pid)


def test_it_embeds_for_the_runs_and_the_page_names_its_device(home: Home, dev: Dev, tmp_path: Path) -> None:
    assert worker_of(home) in dev.family()
    (tmp_path / "file.txt").write_text("The worker embeds this sentence.")

    home.json("ingest", tmp_path / "file.txt")

    wait_until("the materialisation that says who embedded", lambda: "cpu of the worker" in devices_of(home))


def devices_of(home: Home) -> list[object]:
    import dagster as dg

    with home.dagster() as instance:
        found = instance.fetch_materializations(dg.AssetKey("atom_embeddings"), limit=50).records
    return [
        record.asset_materialization.metadata["device"].value
        for record in found
        if record.asset_materialization and "device" in record.asset_materialization.metadata
    ]


def test_one_that_was_killed_is_started_again(home: Home, dev: Dev) -> None:
    killed = worker_of(home)
    killed.kill()

    wait_until("another worker", lambda: worker_of(home).pid != killed.pid)


def test_the_worker_of_another_is_in_the_way_of_a_second_one(home: Home, dev: Dev) -> None:
    second = finish(home.start("gpu-worker"), 60)

    assert "runs already" in second.stderr


def test_it_is_stopped_with_the_rest(home: Home, dev: Dev) -> None:
    worker = worker_of(home)

    assert dev.stop(signal.SIGTERM) == 0
    assert not worker.is_running()
    assert not (home.path / "gpu-worker.sock").exists()
