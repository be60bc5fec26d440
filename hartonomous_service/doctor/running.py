"""What runs of an installation: Dagster's storage and code server, ports, units, and whether what was embedded has its position."""

import json
import os
import shutil
import socket
import subprocess
import urllib.request
from pathlib import Path

import psutil

from hartonomous_resources.settings import Settings
from hartonomous_service.check_outcomes import DEGRADED, HEALTHY, UNHEALTHY, Outcome
from hartonomous_service.daemon import daemon_is_running
from hartonomous_service.dagster_commands import CodeServer
from hartonomous_service.dagster_storage import require_postgres
from hartonomous_service.errors import ServiceError
from hartonomous_service.sql_console import run_sql

VERIFICATION = (
    "SELECT COUNT(*) AS TotalEmbeddings, SUM(CASE WHEN SpatialKey IS NOT NULL THEN 1 ELSE 0 END) AS WithSpatial "
    "FROM dbo.AtomEmbedding"
)
"""What the .NET system's checklist of a deployment ends with."""

UNITS = tuple(f"hartonomous-{name}.service" for name in ("code", "webserver", "daemon", "serve", "worker"))
_OPTIONAL = "hartonomous-worker.service"
_PAGE_PORT = 3000
_ANSWER_SECONDS = 3.0
_SYSTEMD = Path("/run/systemd/system")  # there where systemd is PID 1


def check_dagster_storage(settings: Settings) -> Outcome:
    """Ask the storage of Dagster's runs and events whether it can be used."""
    if settings.dagster_postgres_url is None:
        return HEALTHY, f"files in {settings.dagster_home}"
    require_postgres(settings.dagster_postgres_url.get_secret_value())
    return HEALTHY, "PostgreSQL"


def check_code_server(settings: Settings) -> Outcome:
    """Ask the code server for a sign of life, where the daemon needs one."""
    server = CodeServer.parse(settings.code_server)
    if server.answers(_ANSWER_SECONDS):
        return HEALTHY, f"answers at {server.target}"
    if "code_server" in settings.model_fields_set and daemon_is_running(settings):
        return UNHEALTHY, f"nobody answers at {server.target}, so the daemon can start no run"
    return HEALTHY, f"nobody answers at {server.target}; without services none is needed"


def check_ports(settings: Settings) -> Outcome:
    """Look who answers where our servers listen."""
    outcomes = [
        _look_at_port("Dagster's page", "127.0.0.1", _PAGE_PORT, "/server_info", "dagster_webserver_version"),
        _look_at_port("serve", settings.http_host, settings.http_port, "/health/live", "status"),
    ]
    status = UNHEALTHY if any(status == UNHEALTHY for status, _ in outcomes) else HEALTHY
    return status, "; ".join(detail for _, detail in outcomes)


def _look_at_port(what: str, host: str, port: int, path: str, key: str) -> Outcome:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what others listen on
    try:
        socket.create_connection((host, port), _ANSWER_SECONDS).close()
    except OSError:
        return HEALTHY, f"{port}: {what} is not running"
    place = f"[{host}]" if ":" in host else host
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(f"http://{place}:{port}{path}", timeout=_ANSWER_SECONDS) as response:
            answered = key in json.load(response)
    except (OSError, ValueError, TypeError):
        answered = False
    if answered:
        return HEALTHY, f"{port}: {what} answers"
    return UNHEALTHY, f"{port}: {_holder_of(port)} listens there, and not {what}"


def _holder_of(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return "another program"


def check_units() -> Outcome:
    """Ask systemd about our units."""
    systemctl = shutil.which("systemctl")
    if systemctl is None or not _SYSTEMD.is_dir():
        return HEALTHY, "systemd does not run here: nothing to look at"
    properties = "Id,LoadState,ActiveState,SubState,NRestarts,UnitFileState"
    done = subprocess.run(  # noqa: S603 - our own words
        [systemctl, "show", "--property", properties, *UNITS],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode != 0:
        return UNHEALTHY, f"systemctl: {done.stderr.strip() or done.returncode}"
    return judge_units(done.stdout)


def judge_units(shown: str) -> Outcome:
    """Judge what `systemctl show` says of the units: blocks of lines KEY=VALUE, an empty line between two."""
    units = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in shown.split("\n\n")]
    there = [unit for unit in units if unit.get("LoadState") not in (None, "not-found") and not _is_unused(unit)]
    if not there:
        return HEALTHY, "not installed as units"
    wrong = [unit for unit in there if unit["LoadState"] != "loaded" or unit["ActiveState"] in ("failed", "activating")]
    idle = [unit for unit in there if unit["ActiveState"] not in ("active", "failed", "activating")]
    detail = ", ".join(
        f"{unit['Id'].removesuffix('.service')} {unit['ActiveState']} ({unit['SubState']}, started again {unit['NRestarts']} times)"
        for unit in there
    )
    return (UNHEALTHY if wrong else DEGRADED if idle else HEALTHY), detail


def _is_unused(unit: dict[str, str]) -> bool:
    return unit["Id"] == _OPTIONAL and unit["ActiveState"] == "inactive" and unit["UnitFileState"] == "disabled"


def check_positions(settings: Settings) -> Outcome:
    """Run VERIFICATION: every embedding has a position."""
    try:
        [[total, placed]] = run_sql(settings, VERIFICATION)["rows"]
    except ServiceError as error:
        if "permission was denied" in str(error):  # the application's login may only execute procedures
            return DEGRADED, f"not known: {error}"
        raise
    detail = f"TotalEmbeddings {total:,}, WithSpatial {placed or 0:,}"
    if not total:
        return DEGRADED, f"{detail}: nothing has been embedded yet"
    return (HEALTHY, detail) if placed == total else (DEGRADED, f"{detail}: the others wait for their position")
