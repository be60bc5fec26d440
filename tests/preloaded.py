"""Runs commands in processes of their own that need not import the libraries of others first: half a second for each, two with Dagster.

One process of the tests has imported them; it forks for a command, which then imports our own modules under its own environment and
ends like any other. What the interpreter or a library reads when it starts would be missed: another environment is a fresh interpreter.
"""

import array
import atexit
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

_OF_ALL = ("numpy", "psutil", "filelock", "typer", "rich.progress", "pydantic_settings")
_OF_RUNS = (
    *("dagster", "dagster._core.storage.event_log", "alembic.command", "sqlalchemy", "dagster._core.execution.api"),
    *("dagster._core.storage.sqlite_storage", "dagster._core.execution.execute_in_process", "structlog", "upath"),
    *("dagster._core.executor.in_process", "dagster._core.remote_representation.grpc_server_registry"),
)
_OF_THE_MODEL = ("tokenizers", "safetensors.numpy", "llvmlite.binding", "nupunkt")
"""Commands that start a run, or embed, import them; without threads of their own, as all of these must be."""
LIBRARIES = (*_OF_ALL, *_OF_RUNS, *_OF_THE_MODEL)
_AT_START = dict(os.environ)
_PROGRAM = (
    "import sys; from tests.preloaded import end_of, serve; serve(int(sys.argv.pop()));"
    " from hartonomous_service.cli import main; end_of(main)"
)


class Preloaded:
    """The process that forks; it ends with its socket."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = _of_libraries(environment)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, str(theirs.fileno())],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def suits(self, environment: Mapping[str, str]) -> bool:
        """Whether a command under this environment finds what it would find in a fresh interpreter."""
        return _of_libraries(environment) == self._environment

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], seconds: float) -> tuple[int, bytes, bytes]:
        """Run a command to its end: its code (negative: the signal that killed it), stdout and stderr.

        Kills one that outlives the deadline, and raises TimeoutError.
        """
        with TemporaryFile() as request, TemporaryFile() as out, TemporaryFile() as error:
            request.write(json.dumps([arguments, dict(environment)]).encode())
            request.flush()
            ours, theirs = socket.socketpair()
            with ours:
                with theirs:
                    socket.send_fds(self._socket, [b"."], [file.fileno() for file in (request, out, error, theirs)])
                ours.settimeout(seconds)
                pid, code = _receive(ours), 0
                try:
                    code = _receive(ours)
                except TimeoutError:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                    raise
            for file in (out, error):
                file.seek(0)
            return code, out.read(), error.read()


@cache
def preloaded(folder: Path) -> Preloaded:
    """The one of this process, under the environment in which the tests began."""
    return Preloaded({name: value for name, value in _AT_START.items() if not name.startswith("DAGSTER_")}, folder)


def _of_libraries(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith("HARTONOMOUS_") and name != "PYTEST_CURRENT_TEST"
    }


def _receive(connection: socket.socket) -> int:
    data = connection.recv(4, socket.MSG_WAITALL)
    assert len(data) == 4, "the process that starts commands has ended: see its stderr"
    return array.array("i", data)[0]


def _send(connection: int, number: int) -> None:
    os.write(connection, array.array("i", [number]).tobytes())


# ---- in the process that forks


def serve(listening: int) -> None:
    """Fork for each request; return only in the process of a command, which has its streams, arguments and environment by then."""
    for module in LIBRARIES:
        importlib.import_module(module)
    assert not any(name.startswith("hartonomous_") for name in sys.modules), "our modules read the environment"
    gc.freeze()
    with socket.socket(fileno=listening) as requests:
        while True:
            _, files, _, _ = socket.recv_fds(requests, 1, 4)
            if not files:
                os._exit(0)  # the tests have ended
            waiting = os.fork()
            if waiting == 0 and _start(*files):
                return
            for file in files:
                os.close(file)
            os.waitpid(waiting, 0)


def _start(request: int, out: int, error: int, told: int) -> bool:
    """True in the process of the command; the one that waits for it tells its id and its code, and ends."""
    if os.fork():
        os._exit(0)  # the next request may come
    if command := os.fork():
        _send(told, command)
        _send(told, os.waitstatus_to_exitcode(os.waitpid(command, 0)[1]))
        os._exit(0)
    arguments, environment = json.loads(os.pread(request, os.fstat(request).st_size, 0))
    os.dup2(out, 1)
    os.dup2(error, 2)
    for file in (request, out, error, told):
        os.close(file)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments
    time.tzset()
    return True


def end_of(main: Callable[[], None]) -> None:
    """Run the command and end as an interpreter does, but for taking all those modules apart, which would be a third of a short command."""
    try:
        main()
    except SystemExit as ending:
        if not isinstance(ending.code, int):
            raise
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        gc.collect()  # what a command left open says so
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ending.code)
