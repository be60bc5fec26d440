"""The systemd units: what systemd says of them, and each ExecStart run as a user without rights. PID 1 need not be systemd for that."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.worker.listening import dotnet_address
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_commands import CodeServer
from tests.cli import wait_until
from tests.install.needed import needed
from tests.install.units import COMMON, PROGRAM, SERVICES, UNITS, WORKER, Installation, read_environment_file, read_unit
from tests.tools.neo4j.server import free_port
from tests.unit.raw_worker_client import RawClient

CODE, DAEMON, PAGE, SERVE = (f"hartonomous-{name}.service" for name in ("code", "daemon", "webserver", "serve"))
HIGHEST_EXPOSURE = 3.0
_BUSY_SECONDS = 180.0


def analyze(root: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [needed("systemd-analyze", "systemd"), *words]
    return subprocess.run(
        command, env={**os.environ, "SYSTEMD_COLORS": "0"}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root in which the units are installed, with systemd's own, which they name, and the program."""
    shutil.copytree("/usr/lib/systemd/system", tmp_path / "usr/lib/systemd/system", symlinks=True)
    shutil.copytree(UNITS, tmp_path / "etc/systemd/system")
    program = tmp_path / PROGRAM[1:]
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", [*SERVICES, "hartonomous.target"])
def test_systemd_has_nothing_to_say_of_a_unit(root: Path, name: str) -> None:
    done = analyze(root, "verify", "--man=no", f"--root={root}", name)

    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("line", ["ExecStrat=/bin/true", "ProtectSystem=very", "SystemCallFilter=@no-such-set"])
def test_systemd_would_say_what_is_wrong(root: Path, line: str) -> None:
    unit = root / "etc/systemd/system" / SERVE
    unit.write_text(unit.read_text().replace("[Service]\n", f"[Service]\n{line}\n"))

    assert (
        line.split("=")[1].split()[0] in (said := analyze(root, "verify", f"--root={root}", SERVE).stderr)
        or "ExecStrat" in said
    )


@pytest.mark.parametrize("name", SERVICES)
def test_a_unit_exposes_little(root: Path, name: str) -> None:
    document = json.loads(analyze(root, "security", "--offline=true", f"--root={root}", "--json=short", name).stdout)
    # The table has a row a property and no sum; the sum is what the threshold (in tenths) is held against.
    assert document
    assert (
        analyze(
            root, "security", "--offline=true", f"--root={root}", f"--threshold={int(HIGHEST_EXPOSURE * 10) - 1}", name
        ).returncode
        == 0
    )
    assert analyze(root, "security", "--offline=true", f"--root={root}", "--threshold=1", name).returncode != 0


def test_the_target_starts_every_unit_but_the_worker_which_joins_it_where_it_is_enabled() -> None:
    target = read_unit(UNITS / "hartonomous.target")
    assert sorted([*target["Unit", "Wants"][0].split(), WORKER]) == SERVICES
    for name in SERVICES:
        unit = read_unit(COMMON, UNITS / name)
        assert unit["Unit", "PartOf"] == ["hartonomous.target"] == unit["Install", "WantedBy"]
        assert unit["Service", "StandardError"] == ["journal"] and unit["Service", "Restart"] == ["always"]


def test_the_settings_of_the_example_exist_and_hold_no_password() -> None:
    text = (UNITS / "hartonomous.env.example").read_text("utf-8")
    every = {
        line.lstrip("#").partition("=")[0] for line in text.splitlines() if line.lstrip("#").startswith("HARTONOMOUS_")
    }
    known = {f"HARTONOMOUS_{name.upper()}" for name in Settings.model_fields}

    assert {"HARTONOMOUS_MODEL_DIR", "HARTONOMOUS_SQLSERVER_SERVER"} <= every <= known
    assert not any("PASSWORD" in name or "URL" in name for name in every)
    assert set(read_environment_file(UNITS / "hartonomous.env.example")) <= every


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """An installation in a folder that a user without rights may enter: pytest shuts its own again whenever another run begins."""
    with tempfile.TemporaryDirectory(prefix="hartonomous-units-") as folder:
        Path(folder).chmod(0o711)
        made = Installation(Path(folder, "here"), {"3000": str(free_port()), "8350": str(free_port())})
        made.make()
        yield made


def answer(port: str, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}",
        data=json.dumps(body).encode() if body else None,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
            return json.load(response)
    except OSError:
        return None


LOCATIONS = {
    "query": "{workspaceOrError {... on Workspace {locationEntries {name loadStatus locationOrLoadError {__typename}}}}}"
}


def loaded_locations(port: str) -> list[str]:
    """The code locations that Dagster's page has loaded."""
    entries = ((answer(port, "/graphql", LOCATIONS) or {}).get("data") or {}).get("workspaceOrError", {})
    found = entries.get("locationEntries", [])
    return [
        each["name"] for each in found if (each["locationOrLoadError"] or {}).get("__typename") == "RepositoryLocation"
    ]


def stopped(process: "subprocess.Popen[bytes]", name: str) -> int:
    """The exit code after SIGTERM, within what the unit allows."""
    [seconds] = read_unit(UNITS / name)["Service", "TimeoutStopSec"]
    process.send_signal(signal.SIGTERM)
    return process.wait(int(seconds))


@pytest.mark.slow
def test_the_parts_of_dagster_run_as_units_find_one_another_and_end_when_asked(installation: Installation) -> None:
    started = {name: installation.start(name) for name in (DAEMON, PAGE, CODE)}  # in no order, as after a crash
    try:
        server = CodeServer(installation.folder / "run" / "code.sock")
        port = installation.replaced["3000"]
        identity = installation.home / "dev.process"

        def wait_or_end(what: str, condition: Callable[[], bool]) -> None:
            wait_until(
                what, lambda: condition() or any(each.poll() is not None for each in started.values()), _BUSY_SECONDS
            )
            ended = {name: installation.log(name) for name, each in started.items() if each.poll() is not None}
            assert not ended, (what, ended)

        wait_or_end("the code server answers", lambda: server.answers(2.0))
        wait_or_end("the page shows the assets", lambda: loaded_locations(port) == ["hartonomous"])
        wait_or_end("the daemon has written down which process it is", identity.exists)
        assert f"/{started[DAEMON].pid}/" in identity.read_text()
        assert {name: process.poll() for name, process in started.items()} == dict.fromkeys(started)
        if installation.user:
            assert {path.owner() for path in installation.home.rglob("*") if not path.is_symlink()} == {
                installation.user
            }
        assert not [
            path for path in installation.home.rglob("*") if path.stat().st_mode & 0o007 and not path.is_symlink()
        ]
        time.sleep(1)

        codes = {name: stopped(process, name) for name, process in started.items()}

        assert codes == dict.fromkeys(started, 0), {name: installation.log(name) for name in started}
        assert not identity.exists()
        assert not any("Traceback" in installation.log(name) for name in started)
    finally:
        for process in started.values():
            process.kill()
            process.wait()


def test_a_second_daemon_on_a_home_is_refused(installation: Installation) -> None:
    from hartonomous_service.daemon import daemon_lock

    with daemon_lock(Settings(home=installation.home)) as lock:
        Path(lock.lock_file).chmod(0o666)  # the unit's user did not make it
        process = installation.start(DAEMON)
        assert process.wait(60) == 1
    assert "has a daemon already" in installation.log(DAEMON)


@pytest.mark.slow
def test_the_server_of_http_runs_as_a_unit_and_ends_when_asked(installation: Installation) -> None:
    process = installation.start(SERVE)
    try:
        wait_until("it is alive", lambda: answer(installation.replaced["8350"], "/health/live"), _BUSY_SECONDS)
        assert stopped(process, SERVE) == 0, installation.log(SERVE)
        assert "Traceback" not in installation.log(SERVE)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_worker_runs_as_a_unit_where_dotnet_finds_it_and_ends_when_asked(installation: Installation) -> None:
    pipe = installation.folder / "run" / dotnet_address().name
    process = installation.start(WORKER)
    try:
        wait_until(
            "it listens", lambda: str(pipe) in installation.log(WORKER) or process.poll() is not None, _BUSY_SECONDS
        )
        assert pipe.is_socket(), installation.log(WORKER)
        assert pipe.stat().st_mode & 0o777 == 0o600
        if installation.user:
            assert pipe.owner() == installation.user
        for path in (pipe, None):  # as a client in .NET, and as the other units
            with RawClient(installation.home, path) as client:
                assert client.ask("Health")[0]["pid"] == process.pid
        assert stopped(process, WORKER) == 0, installation.log(WORKER)
        assert "Traceback" not in installation.log(WORKER)
        assert not pipe.exists()
    finally:
        process.kill()
        process.wait()
