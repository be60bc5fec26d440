"""Runs are forked from a process that has imported everything; killed, interrupted or left alone, they end as any others do."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import psutil
import pytest

from hartonomous_assets.our_runs import PROCESS_TAG, process_of
from hartonomous_assets.run_launcher import ask_starter, socket_of_starter
from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import CHECKOUT, Home, wait_until
from tests.dev import Dev, make_sure_it_ended, start_dev

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every run is an interpreter of its own")

STARTER = "hartonomous_service.run_starter"
CHANGING = f"""
import itertools, sys
from pathlib import Path
from {STARTER.rpartition(".")[0]} import run_starter
states = itertools.count()
run_starter._state_of_code = lambda: {{"a file": next(states)}}
sys.exit(run_starter.main(Path(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Home:
    """The home of this file's tests; runs do not linger, so that each file has one of its own."""
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"linger_seconds": 0})


@pytest.fixture(scope="module")
def dev(home: Home) -> Iterator[Dev]:
    """One `dev` whose run starter is ready."""
    started = start_dev(home)
    wait_until("the run starter listens", lambda: socket_of_dev(started).exists())
    yield started
    make_sure_it_ended(started)


def starter_of(dev: Dev) -> psutil.Process:
    """The process that starts runs: the first of its command line, for runs have the same."""
    found = []
    for process in dev.family():
        with suppress(psutil.NoSuchProcess):
            if STARTER in process.cmdline():
                found.append(process)
    return min(found, key=psutil.Process.create_time)


def socket_of_dev(dev: Dev) -> Path:
    """The socket of its run starter, of which nobody may exist yet."""
    for process in dev.family():
        with suppress(psutil.NoSuchProcess):
            words = process.cmdline()
            if "--socket" in words:
                return socket_of_starter(words[words.index("--socket") + 1])
    raise AssertionError("no code server")


def latest_run(home: Home) -> dg.DagsterRun:
    """The run that was asked for last, once it has said which process it is."""

    def find() -> dg.DagsterRun | None:
        with home.dagster() as instance:
            [run] = instance.get_runs(limit=1)
            return run if process_of(run) else None

    found: dg.DagsterRun = wait_until("the run says which process it is", find)
    return found


def pid_of(run: dg.DagsterRun) -> int:
    """Its process."""
    process = process_of(run)
    assert process is not None
    return process.pid


def wait_for_end(home: Home, run: dg.DagsterRun, seconds: float) -> tuple[dg.DagsterRunStatus, list[str]]:
    """Wait until the run has ended; returns how, and what Dagster's page says of it."""
    with home.dagster() as instance:

        def find() -> dg.DagsterRun | None:
            again = instance.get_run_by_id(run.run_id)
            return again if again and again.is_finished else None

        ended: dg.DagsterRun = wait_until("the run has ended", find, seconds)
        return ended.status, [
            entry.dagster_event.message or "" for entry in instance.all_logs(run.run_id) if entry.dagster_event
        ]


def ingest(home: Home, path: Path, text: str) -> None:
    """Have a file taken in by the running `dev`, and wait until no run is at work."""
    path.write_text(text)
    [source] = home.json("ingest", path)["sources"]
    assert source["status"] == "Atomized"
    wait_until("the run has ended", lambda: set(home.run_statuses()) == {"SUCCESS"})


def test_a_run_that_has_ended_leaves_no_process_behind(dev: Dev, tmp_path: Path) -> None:
    starter = starter_of(dev)

    ingest(dev.home, tmp_path / "file.txt", "A sentence for a run that was forked.")

    _, words = wait_for_end(dev.home, latest_run(dev.home), 0)
    [started] = [each for each in words if "Started process for run" in each]
    assert str(pid_of(latest_run(dev.home))) in started
    assert 'for "chain_of_an_hour"' not in started
    assert starter_of(dev).pid == starter.pid
    wait_until("no process is left of it", lambda: not starter.children())


def test_without_the_run_starter_runs_are_started_by_dagster_until_there_is_another(dev: Dev, tmp_path: Path) -> None:
    killed = starter_of(dev)
    killed.kill()
    wait_until("it is gone", lambda: not killed.is_running() or killed.status() == psutil.STATUS_ZOMBIE)

    ingest(dev.home, tmp_path / "file.txt", "A sentence for a run that Dagster started.")

    wait_until("another one listens", lambda: ask_to_find(socket_of_dev(dev)) == "no such run")
    assert starter_of(dev).pid != killed.pid


def test_a_run_terminated_on_the_page_is_cancelled_and_gives_back_its_claims(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"The keeper counted ship number {i} at dawn.\n" for i in range(60_000)))
    dev.home.json("ingest", "--no-wait", tmp_path / "long.txt")
    wait_until("embeddings", lambda: dev.home.value("SELECT COUNT(*) FROM AtomEmbedding") > 20)
    run = latest_run(dev.home)
    assert psutil.Process(pid_of(run)).ppid() == starter_of(dev).pid

    with dev.home.dagster() as instance:
        assert instance.run_launcher.terminate(run.run_id)

    assert wait_for_end(dev.home, run, 30)[0] is dg.DagsterRunStatus.CANCELED
    owner = f"%{run.tags[PROCESS_TAG].partition(' ')[2]}%"
    assert dev.home.rows("SELECT 1 FROM BackgroundJob WHERE LeaseOwner LIKE ?", owner) == []


def test_a_run_that_was_killed_is_seen_to_have_failed_at_once_and_why(dev: Dev) -> None:
    wait_until("the next run is at the long file", lambda: dev.home.run_statuses()[0] == "STARTED")
    run = latest_run(dev.home)
    assert psutil.Process(pid_of(run)).ppid() == starter_of(dev).pid

    os.kill(pid_of(run), signal.SIGKILL)

    status, words = wait_for_end(dev.home, run, 10)
    assert status is dg.DagsterRunStatus.FAILURE
    assert any("was terminated by signal 9" in each for each in words), words


def ask_to_find(place: Path) -> str:
    """What the run starter at `place` says of a run that nobody has started."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(place))
        except OSError:
            return "no answer"
        connection.sendall(b'{"do": "find", "runId": "nobody\'s"}\n')
        return "no such run" if connection.recv(100) == b"false\n" else "another answer"


@contextmanager
def starter_by_itself(home: Home, *program: str) -> Iterator[tuple[Path, "subprocess.Popen[bytes]"]]:
    """A run starter without a code server."""
    with TemporaryDirectory(prefix="starter-") as folder:
        place = Path(folder, "code.runs")
        process = subprocess.Popen(
            [sys.executable, *program, str(place)], cwd=CHECKOUT, env=home.environment, stdin=subprocess.PIPE
        )
        try:
            wait_until("it listens", lambda: ask_to_find(place) == "no such run")
            yield place, process
        finally:
            process.communicate(timeout=30)


def test_clients_that_break_off_or_ask_for_nonsense_do_not_hurt_it(home: Home) -> None:
    with starter_by_itself(home, "-m", STARTER) as (place, process):
        assert place.stat().st_mode & 0o777 == 0o600, "whoever may write to it starts runs"
        for words in (b"", b"{", b"[1]\n", b'{"do": "start"}\n', b"\xff\n", b"null\n"):
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(str(place))
                connection.sendall(words)
        assert ask_to_find(place) == "no such run"
    assert process.returncode == 0, "it ends with the pipe"


def test_after_the_code_has_changed_it_starts_no_run_and_makes_room_for_another_one(home: Home) -> None:
    with starter_by_itself(home, "-c", CHANGING) as (place, process):
        assert not ask_starter(place, {"do": "start", "runId": "one", "arguments": "{}"})
        assert process.wait(10) == 0
    assert not ask_starter(place, {"do": "start", "runId": "one", "arguments": "{}"}), "nobody is there to be asked"
