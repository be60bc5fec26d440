"""`dev`: the Dagster page and daemon on this home, until interrupted."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
from filelock import Timeout

from hartonomous_resources.project_files import project_file
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import daemon_lock
from hartonomous_service.errors import CommandError

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0


def run_dev(host: str, port: int) -> int:
    """Run until Ctrl-C or SIGTERM; returns the exit code.

    Raises CommandError when another one runs on this home, or the page does not come up.
    """
    settings = Settings()
    open_database(settings).close()  # the schema first, and a clear error if it cannot be had
    try:
        with daemon_lock(settings).acquire(timeout=0):
            return _serve(settings, host, port or _free_port(host))
    except Timeout as error:
        raise CommandError(
            f"`hartonomous dev` already runs on {settings.home}; stop it, or set HARTONOMOUS_HOME"
        ) from error


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _serve(settings: Settings, host: str, port: int) -> int:
    from hartonomous_service.dagster_home import open_instance

    session_file = settings.home / "dev.session"
    if session_file.exists():  # an earlier dev was killed: what it started would run beside what we start
        _kill_session(int(session_file.read_text()))
    open_instance(settings)  # fails the runs that died with it
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
    environment = {
        **os.environ,
        "PYTHONWARNINGS": "ignore",
    }  # Dagster's deprecations and previews are not the user's business
    process = subprocess.Popen(  # noqa: S603 - our own words
        command, cwd=settings.dagster_home, env=environment, start_new_session=os.name != "nt"
    )
    session_file.write_text(str(process.pid))
    try:
        _wait_for_page(process, host, port)
        print(f"Hartonomous: the page is at http://{host}:{port} (home {settings.home}); Ctrl-C stops it", flush=True)  # noqa: T201
        return process.wait()
    except KeyboardInterrupt:
        return 0
    finally:
        _stop(process)
        session_file.unlink(missing_ok=True)


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


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ask the page, the daemon and the runs to stop (they release what they have claimed); end whatever is left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _kill_session(process.pid)


def _kill_session(session: int) -> None:
    """End every process of a session that a `dev` made for its children."""
    if os.name == "nt":
        return
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and os.getsid(process.pid) == session:
                process.kill()
        except (psutil.NoSuchProcess, ProcessLookupError):
            continue
