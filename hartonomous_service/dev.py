"""Runs Dagster's page, its daemon and the code server on this home until interrupted, for `hartonomous dev`."""

import os
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from hartonomous_resources.database.transactions import query
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings, variable_of
from hartonomous_service.daemon import sole_daemon
from hartonomous_service.dagster_commands import (
    WORKER_COMMAND,
    CodeServer,
    code_server_command,
    daemon_command,
    dagster_environment,
    page_command,
)
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.services import Service, keep_running

if TYPE_CHECKING:
    import dagster as dg

_START_SECONDS = 90.0
_STOP_SECONDS = 30.0
_KILL_SECONDS = 10.0
_ANSWER_SECONDS = 5.0
_CHILD_MARK = "HARTONOMOUS_DEV_OF_HOME"


def run_dev(host: str, port: int, *, with_worker: bool = False) -> int:
    """Run the three processes, and a worker that embeds for them if asked to, until Ctrl-C or SIGTERM; returns the exit code.

    Raises Conflict when the home has a daemon, or a worker where one is to be started, or the port is taken; Unavailable when the page
    does not start.
    """
    settings = Settings()
    if with_worker and settings.compute == "api":
        raise Conflict("an API embeds (HARTONOMOUS_COMPUTE=api), and so no worker: unset one of the two")
    open_database(settings).close()  # the schema first, and a clear error if it cannot be had
    with sole_daemon(settings) as tell:
        # An earlier dev was killed: what it started would run beside what we start, and holds its port.
        left = _end_children(settings)
        worker = _worker(settings) if with_worker else None
        return _serve(settings, host, _free_port(host, port, _KILL_SECONDS if left else 0.0), tell, worker)


def _free_port(host: str, wanted: int, patience: float) -> int:
    """Return the port, or a free one for 0; waits up to `patience` seconds for the process that holds it to let it go."""
    deadline = time.monotonic() + patience
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, wanted))
                return int(probe.getsockname()[1])
            except OSError as error:
                if time.monotonic() >= deadline:
                    raise Conflict(
                        f"port {wanted} of {host} cannot be used: {error.strerror}; choose another port, or 0"
                    ) from error
        time.sleep(0.1)


def _worker(settings: Settings) -> Service:
    from hartonomous_resources.compute.protocol import ComputeUnavailable
    from hartonomous_resources.compute.worker.worker_client import WorkerClient

    client = WorkerClient(settings.home, wait_seconds=0)

    def answers() -> bool:
        try:
            client.health()
        except ComputeUnavailable:
            return False
        return True

    if answers():
        raise Conflict("a worker of this home runs already: stop it, or set HARTONOMOUS_COMPUTE=worker instead")
    return Service("the worker", WORKER_COMMAND, settings.home, _environment(settings, []), answers)


def _serve(settings: Settings, host: str, port: int, tell: Callable[[], object], worker: Service | None) -> int:
    from hartonomous_service.dagster_home import open_instance

    # A database that does not answer is said here, once, and not by every tick of the sensor.
    with closing(open_database(settings)) as database:
        query(database, "schema")
    instance = open_instance(settings)  # fails the runs that died with it
    # The socket lies in a folder that only this user enters: whoever reaches it may start runs.
    with tempfile.TemporaryDirectory(prefix="hartonomous-dev-") as folder, ExitStack() as stopping:
        code_socket = Path(folder, "code")
        code_server, page, daemon = _services(settings, host, port, code_socket, with_worker=worker is not None)
        first = [worker, code_server, page] if worker else [code_server, page]
        stopping.callback(_end_children, settings)
        try:
            for service in first:
                service.start()
                stopping.callback(service.stop, _STOP_SECONDS)
            stopping.callback(_cancel_runs, instance, code_socket)
            daemon.start()
            stopping.callback(daemon.stop, _STOP_SECONDS)  # the first to be stopped: it would start further runs
            _wait_for_page(page)
            tell()
            print(  # noqa: T201
                f"Hartonomous: the page is at http://{host}:{port} (home {settings.home}); Ctrl-C stops it", flush=True
            )
            keep_running([*first, daemon])
        except KeyboardInterrupt:
            print("Hartonomous: stopping, which takes a few seconds", file=sys.stderr, flush=True)  # noqa: T201
            return 0


def _environment(settings: Settings, hosts: list[str]) -> dict[str, str]:
    return {**dagster_environment(settings, os.environ, hosts), _CHILD_MARK: str(settings.home.resolve())}


def _services(
    settings: Settings, host: str, port: int, code_socket: Path, *, with_worker: bool
) -> tuple[Service, Service, Service]:
    """Describe the code server, the page and the daemon as children of ours: `dagster dev` would not notice that its code server was killed."""
    server, workspace, folder = CodeServer(code_socket), code_socket.with_name("workspace.yaml"), settings.dagster_home
    server.write_workspace(workspace)
    environment = _environment(settings, [host])
    if with_worker and settings.compute == "in_process":
        environment[variable_of("compute")] = "worker"
    return (
        Service(
            "the code server", code_server_command(server), folder, environment, lambda: server.answers(_ANSWER_SECONDS)
        ),
        Service(
            "the page", page_command(workspace, host, port), folder, environment, lambda: _page_answers(host, port)
        ),
        Service("the daemon", daemon_command(workspace), folder, environment),  # ends itself when a part of it hangs
    )


def _page_answers(host: str, port: int) -> bool:
    # A proxy does not know this machine's loopback.
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(f"http://{host}:{port}/server_info", timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False


def _wait_for_page(page: Service) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if (code := page.process.poll()) is not None:
            raise Unavailable(f"the Dagster page ended while starting, with exit code {code}; see its words above")
        if page.answers():
            return
        time.sleep(0.2)
    raise Unavailable(f"the Dagster page did not answer within {_START_SECONDS:.0f} s; see the lines above")


def _cancel_runs(instance: "dg.DagsterInstance", code_socket: Path) -> None:
    """Terminate the runs that were started through our code server, and wait until they have released their claims."""
    import dagster as dg

    from hartonomous_assets.our_runs import code_socket_of

    unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED])
    ours = [run.run_id for run in instance.get_runs(unfinished) if code_socket_of(run) == str(code_socket)]
    if not ours:
        return
    for run_id in ours:
        instance.run_launcher.terminate(run_id)
    deadline = time.monotonic() + _STOP_SECONDS
    canceling = dg.RunsFilter(run_ids=ours, statuses=[dg.DagsterRunStatus.CANCELING])
    while instance.get_runs_count(canceling) and time.monotonic() < deadline:
        time.sleep(0.1)


def _end_children(settings: Settings) -> bool:
    """Kill every process that a `dev` of this home started and did not stop; returns whether there was one.

    Its children carry the home in their environment.
    """
    home = str(settings.home.resolve())
    children = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(_CHILD_MARK) == home:
                process.kill()
                children.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # gone meanwhile, or another user's
    psutil.wait_procs(children, _KILL_SECONDS)
    return bool(children)
