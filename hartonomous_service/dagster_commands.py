"""The command lines of Dagster's processes, the same under `hartonomous dev` and as services of their own, and where the code server is."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hartonomous_assets.code_location import LOCATION_NAME
from hartonomous_resources.settings import Settings, variable_of

_PYTHON = (sys.executable, "-m")
_LOOPBACK = "localhost,127.0.0.1,::1"
_SOCKET = "unix:"
WORKER_COMMAND = (sys.executable, "-c", "from hartonomous_service.cli import main; main()", "gpu-worker")
"""Dagster has no part in it; `dev` starts it beside the others."""


@dataclass(frozen=True, slots=True)
class CodeServer:
    """Where the code server listens: a socket file, which only those reach who may open it, or a host and port."""

    socket: Path | None = None
    host: str = ""
    port: int = 0

    @classmethod
    def parse(cls, address: str) -> "CodeServer":
        """Read `unix:/PATH` or `HOST:PORT`, as `Settings.code_server` has checked it."""
        if address.startswith(_SOCKET):
            return cls(socket=Path(address.removeprefix(_SOCKET)))
        host, _, port = address.rpartition(":")
        return cls(host=host.strip("[]"), port=int(port))

    @property
    def target(self) -> str:
        """The address as gRPC writes it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_SOCKET}{self.socket}" if self.socket else f"{host}:{self.port}"

    def answers(self, seconds: float) -> bool:
        """Ask the server for a sign of life; gives up after so many seconds."""
        import grpc
        from grpc_health.v1 import health_pb2, health_pb2_grpc

        request = health_pb2.HealthCheckRequest(service="DagsterApi")
        # A proxy does not know this machine's sockets, nor the other containers.
        with grpc.insecure_channel(self.target, options=[("grpc.enable_http_proxy", 0)]) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=seconds)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    def write_workspace(self, file: Path) -> None:
        """Write the workspace.yaml that leads Dagster's page and daemon here; others may read the file at any moment."""
        place = {"socket": str(self.socket)} if self.socket else {"host": self.host, "port": self.port}
        text = json.dumps({"load_from": [{"grpc_server": {"location_name": LOCATION_NAME, **place}}]})
        if not file.exists() or file.read_text("utf-8") != text:
            partial = file.with_name(f".{file.name}.{os.getpid()}")
            partial.write_text(text, "utf-8")
            partial.replace(file)


def code_server_command(server: CodeServer) -> list[str]:
    """Return the command that serves our definitions to Dagster, and whose children the runs are."""
    address = ["--socket", str(server.socket)] if server.socket else ["--host", server.host, "--port", str(server.port)]
    code = ["-m", "hartonomous_assets.definitions", "--location-name", LOCATION_NAME]
    return [*_PYTHON, "hartonomous_service.code_server", "api", "grpc", *code, *address, "--log-level", "warning"]


def page_command(workspace: Path, host: str, port: int) -> list[str]:
    """Return the command of Dagster's page."""
    page = ["-w", str(workspace), "-h", host, "-p", str(port), "--dagster-log-level", "warning"]
    return [*_PYTHON, "dagster_webserver", *page]


def daemon_command(workspace: Path) -> list[str]:
    """Return the command of Dagster's daemon."""
    return [*_PYTHON, "dagster._daemon", "run", "-w", str(workspace), "--log-level", "warning"]


def dagster_environment(
    settings: Settings, environment: Mapping[str, str], hosts: Sequence[str] = ()
) -> dict[str, str]:
    """Return the environment of Dagster's processes: quiet about itself, and past any proxy to this machine and to `hosts`."""
    named = [environment.get("no_proxy"), environment.get("NO_PROXY"), _LOOPBACK, *hosts]
    direct = ",".join(filter(None, named))
    return {
        **environment,
        "no_proxy": direct,
        "NO_PROXY": direct,
        variable_of("log_level"): settings.log_level if "log_level" in settings.model_fields_set else "info",
        "PYTHONWARNINGS": "ignore",  # Dagster's deprecations and previews are not the user's business
    }
