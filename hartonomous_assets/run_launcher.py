"""Starts runs out of the process that is prepared for them, where the code server has one beside it; else as Dagster does."""

import json
import socket
from pathlib import Path

import dagster as dg
from dagster._core.errors import DagsterLaunchFailedError
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import serialize_value

from hartonomous_assets.our_runs import code_socket_of

_ANSWER_SECONDS = 60.0
"""How long to wait for an answer: as long as a busy machine takes for a fork."""

_MOST_BYTES = 1 << 20


class PreparedRunLauncher(DefaultRunLauncher):
    """Has `run_starter.py` fork for a run, which takes a second less than a new interpreter of the code server."""

    def launch_run(self, context: LaunchRunContext) -> None:
        if not self._start(context.dagster_run):
            super().launch_run(context)

    def _start(self, run: dg.DagsterRun) -> bool:
        """Return whether the run has been started; raises DagsterLaunchFailedError where that cannot be known: it is not started twice."""
        if run.job_code_origin is None:
            return False
        arguments = ExecuteRunArgs(run.job_code_origin, run.run_id, self._instance.get_ref(), True)
        try:
            return self._ask(run, "start", arguments=serialize_value(arguments))
        except (OSError, ValueError) as error:
            words = f"the process that starts runs did not say whether it has started this one: {error}"
            raise DagsterLaunchFailedError(words) from error  # type: ignore[no-untyped-call]

    def terminate(self, run_id: str) -> bool:
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or not self._ask(run, "find"):
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        return self._ask(run, "interrupt")

    def _ask(self, run: dg.DagsterRun, do: str, **more: str) -> bool:
        """Ask the process that starts runs beside the run's code server; False where there is none."""
        code_socket = code_socket_of(run)
        request = {"do": do, "runId": run.run_id, **more}
        return code_socket is not None and ask_starter(socket_of_starter(code_socket), request)


def socket_of_starter(code_socket: str) -> Path:
    """Return the socket of the process that starts runs beside a code server that listens at `code_socket`."""
    return Path(f"{code_socket}.runs")


def ask_starter(place: Path, request: dict[str, str]) -> bool:
    """Ask the process that starts runs at `place` to do something; False where it does not, or there is none.

    Raises OSError or ValueError where it was asked and did not answer.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(place))
        except OSError:
            return False
        connection.sendall(json.dumps(request).encode() + b"\n")
        return json.loads(read_line(connection)) is True


def read_line(connection: socket.socket) -> bytes:
    """Read to the end of a line, or of what the other side writes."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _MOST_BYTES:
        if not (block := connection.recv(65536)):
            break
        line += block
    return bytes(line)
