"""Runs one of Dagster's processes by itself: as a service of systemd or Windows, or in a container. `hartonomous dev` runs all three.

The process that was started becomes the part, where the system can do that, so that whoever started it signals the right one.
"""

import os
import subprocess
import sys
import time

from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import sole_daemon
from hartonomous_service.dagster_commands import (
    CodeServer,
    code_server_command,
    daemon_command,
    dagster_environment,
    page_command,
)
from hartonomous_service.dagster_home import get_instance
from hartonomous_service.errors import Conflict

_ANSWER_SECONDS = 2.0
_PATIENCE_SECONDS = 60.0


def run_code_server(settings: Settings) -> int:
    """Serve our definitions at `settings.code_server`; runs are its children. Returns the exit code, or does not return."""
    server = CodeServer.parse(settings.code_server)
    get_instance(settings).dispose()  # its tables: made by two processes at once, they would be unusable for good
    if server.socket and server.socket.exists():
        if server.answers(_ANSWER_SECONDS):
            raise Conflict(f"a code server listens at {server.target} already: stop it, or set HARTONOMOUS_CODE_SERVER")
        server.socket.unlink()  # a killed server left it, and it would be in the way
    return _become(settings, server, code_server_command(server))


def run_webserver(settings: Settings, host: str, port: int) -> int:
    """Show Dagster's page; returns the exit code, or does not return."""
    server = CodeServer.parse(settings.code_server)
    get_instance(settings).dispose()
    _wait_for(server)
    workspace = settings.dagster_home / "workspace.yaml"
    server.write_workspace(workspace)
    return _become(settings, server, page_command(workspace, host, port))


def run_daemon(settings: Settings) -> int:
    """Run Dagster's daemon, which starts runs for what is on the queue; returns the exit code.

    It is the home's daemon, as `hartonomous dev` is: `ingest` leaves the work to it. Raises Conflict when the home has one.
    """
    server = CodeServer.parse(settings.code_server)
    with sole_daemon(settings) as tell:
        get_instance(settings).dispose()
        _wait_for(server)
        workspace = settings.dagster_home / "workspace.yaml"
        server.write_workspace(workspace)
        tell()
        return _run_here(settings, server, daemon_command(workspace))


def _wait_for(server: CodeServer) -> None:
    """Wait until the code server answers: services start together. Dagster goes on without it, and looks again by itself."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not server.answers(_ANSWER_SECONDS):
        if time.monotonic() >= deadline:
            LOGGER.warning(
                "the code server at %s does not answer: is `hartonomous code-server` running?", server.target
            )
            return
        time.sleep(0.2)


def _become(settings: Settings, server: CodeServer, command: list[str]) -> int:
    environment = dagster_environment(settings, os.environ, [server.host])
    if sys.platform == "win32":  # there, exec is another process, and whoever started this one takes it for ended
        return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603 - our own words
    os.chdir(settings.dagster_home)
    os.execve(command[0], command, environment)  # noqa: S606 - our own words


def _run_here(settings: Settings, server: CodeServer, command: list[str]) -> int:
    """Run a command of Dagster in this process, which holds a lock."""
    os.environ.update(dagster_environment(settings, os.environ, [server.host]))
    os.chdir(settings.dagster_home)
    from dagster._daemon.cli import create_dagster_daemon_cli

    words = command[command.index("run") :]
    create_dagster_daemon_cli().main(words, standalone_mode=False)
    return 0
