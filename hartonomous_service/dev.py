"""`dev`: the Dagster page and daemon on this home, until interrupted."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import psutil
from filelock import Timeout

from hartonomous_resources.processes import this_process
from hartonomous_resources.project_files import project_file
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import daemon_identity_file, daemon_lock
from hartonomous_service.errors import CommandError

if TYPE_CHECKING:
    import dagster as dg

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_CHILD_MARK = "HARTONOMOUS_DEV_OF_HOME"


def run_dev(host: str, port: int) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code.

    Raises CommandError when another one runs on this home, or the page does not come up.
    """
    settings = Settings()
    open_database(settings).close()  # the schema first, and a clear error if it cannot be had
    try:
        with daemon_lock(settings).acquire(timeout=0):
            try:
                _kill_children(settings)  # an earlier dev was killed: what it started would run beside what we start
                return _serve(settings, host, _free_port(host, port))
            finally:
                daemon_identity_file(settings).unlink(missing_ok=True)
    except Timeout as error:
        raise CommandError(
            f"`hartonomous dev` already runs on {settings.home}; stop it, or set HARTONOMOUS_HOME"
        ) from error


def _free_port(host: str, wanted: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
        except OSError as error:
            raise CommandError(
                f"port {wanted} of {host} cannot be used: {error.strerror}; choose another --port, or 0"
            ) from error
        return int(probe.getsockname()[1])


def _serve(settings: Settings, host: str, port: int) -> int:
    from hartonomous_service.dagster_home import open_instance

    with open_database(settings).read() as unit_of_work:
        # A database that does not answer is said here, once, and not by every tick of the sensor.
        unit_of_work.query("schema")
    instance = open_instance(settings)  # fails the runs that died with it
    command = [
        sys.executable,
        "-m",
        "dagster",
        "dev",
        "-w",
        str(project_file("workspace.yaml")),
        "-h",
        host,
        "-p",
        str(port),
    ]
    command += ["--log-level", "warning", "--code-server-log-level", "warning"]
    # Dagster's deprecations and previews are not the user's business.
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", _CHILD_MARK: str(settings.home)}
    process = subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=settings.dagster_home, env=environment, start_new_session=os.name != "nt"
    )
    try:
        _wait_for_page(process, host, port)
        daemon_identity_file(settings).write_text(str(this_process()))
        print(f"Hartonomous: the page is at http://{host}:{port} (home {settings.home}); Ctrl-C stops it", flush=True)  # noqa: T201
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _cancel_runs(instance)
        _stop(process)
        _kill_children(settings)


def _wait_for_page(process: "subprocess.Popen[bytes]", host: str, port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandError(
                f"the Dagster page ended while starting, with exit code {process.returncode}; see its words above"
            )
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/server_info", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise CommandError(f"the Dagster page did not answer on port {port} within {_START_SECONDS:.0f} s")


def _cancel_runs(instance: "dg.DagsterInstance") -> None:
    """Let the runs that the daemon started end cleanly: they release what they have claimed."""
    import dagster as dg

    unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    for run in instance.get_runs(unfinished):
        instance.run_launcher.terminate(run.run_id)
    deadline = time.monotonic() + _STOP_SECONDS
    canceling = dg.RunsFilter(statuses=[dg.DagsterRunStatus.CANCELING])
    while instance.get_runs_count(canceling) and time.monotonic() < deadline:
        time.sleep(0.1)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask the page and the daemon to stop."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _kill_children(settings: Settings) -> None:
    """End whatever a `dev` of this home has started and not stopped; its children carry the home in their environment."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(_CHILD_MARK) == str(settings.home):
                process.kill()
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # gone meanwhile, or another user's
