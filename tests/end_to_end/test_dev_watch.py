"""What `hartonomous dev` started is watched: what ends is started again, and a `dev` that was killed is in nobody's way."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home, finish, wait_until
from tests.dev import Dev, make_sure_it_ended, start_dev

DEAD_PROXY = "http://127.0.0.1:9"
CHILDREN = {"code server": "grpc", "daemon": "dagster._daemon", "page": "dagster_webserver"}
"""A word of the command line of each process that `dev` starts."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    """The home of this file's tests; nothing is embedded, for only whether work is done at all is asked."""
    settings = {"linger_seconds": 0, "embedding_enabled": "false"}
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir, settings)


@pytest.fixture(scope="module")
def dev(home: Home) -> Iterator[Dev]:
    """One `dev` for the tests that kill a part of it, with a proxy in its environment that does not answer."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("http_proxy", "https_proxy", "all_proxy", "grpc_proxy"):
            patch.setenv(name, DEAD_PROXY)
            patch.setenv(name.upper(), DEAD_PROXY)
        started = start_dev(home)
    yield started
    make_sure_it_ended(started)


def child(dev: Dev, name: str) -> psutil.Process:
    """The youngest process of `dev` that is this part of it."""
    found = [process for process in dev.family() if CHILDREN[name] in command_of(process)]
    return max(found, key=psutil.Process.create_time)


def command_of(process: psutil.Process) -> str:
    """Its command line; none of one that has ended since it was listed."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@pytest.mark.parametrize("name", CHILDREN)
def test_what_was_killed_is_started_again_and_files_are_still_taken_in(dev: Dev, tmp_path: Path, name: str) -> None:
    killed = child(dev, name)
    killed.send_signal(signal.SIGKILL)
    (tmp_path / f"{name}.txt").write_text(f"After the {name} was killed.")

    [source] = dev.home.json("ingest", tmp_path / f"{name}.txt")["sources"]

    assert source["status"] == "Atomized"
    wait_until(f"another {name}", lambda: child(dev, name).pid != killed.pid)
    assert dev.process.poll() is None


def test_after_a_kill_the_next_one_has_the_same_port_at_once(home: Home, dev: Dev) -> None:
    port = dev.address.rpartition(":")[2]
    for _ in range(2):  # one that chose its port, and one that was given it
        dev.process.kill()
        dev.process.wait()
        dev = start_dev(home, "--port", port)
        assert dev.address.endswith(f":{port}")
    make_sure_it_ended(dev)


def test_one_that_has_nothing_to_do_is_stopped_with_exit_code_0_and_says_that_it_stops(home: Home) -> None:
    dev = start_dev(home.with_settings(prepared_runs="false"))
    assert not any("run_starter" in command_of(process) for process in dev.family())
    dev.process.send_signal(signal.SIGTERM)

    result = finish(dev.process, 60)

    assert result.code == 0
    words = dev.log.read_text().splitlines()
    # Dagster's own word, where a slow machine starts its sensor anew.
    assert [line for line in words if "Moving dangling STARTED tick" not in line] == [
        "Hartonomous: stopping, which takes a few seconds"
    ]
