"""What Windows needs, as far as functions go, and the page about its services."""

import re
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

import pytest

from hartonomous_resources.ado_connection_string import settings_of_connection_string
from hartonomous_resources.database.sqlserver import connection
from hartonomous_resources.settings import Settings
from hartonomous_resources.source_uris import UnreadableSource, parse_local_path
from tests.install.units import SERVICES, UNITS, read_unit

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "windows.md").read_text("utf-8")
ADDED = re.findall(r"^shawl add (.+) -- (\S+) (.+)$", PAGE, re.MULTILINE)
WORKERS = ("Ingestion", "EmbeddingGenerator", "SpatialProjector", "Neo4jSync", "Gpu")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///C:/inbox/a%20b.txt",
        "file://localhost/C:/inbox/a b.txt",
        r"C:\inbox\a b.txt",
        "C:/inbox/a b.txt",
        "FILE:/C:/inbox/a b.txt",
    ],
)
def test_a_file_has_one_name_however_it_is_spelled(uri: str) -> None:
    path = parse_local_path(uri, PureWindowsPath)
    assert path == PureWindowsPath(r"C:\inbox\a b.txt") and path.as_uri() == "file:///C:/inbox/a%20b.txt"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (r"\\host\share\a.txt", "share"),
        ("//host/share/a.txt", "share"),
        ("file:////host/share/a.txt", "share"),
        (r"\\.\pipe\hartonomous-gpu-pipe", "share"),
        ("file://host/share/a.txt", "names the host"),
        (r"inbox\a.txt", "not an absolute path"),
        (r"C:a.txt", "not an absolute path"),
        (r"\inbox\a.txt", "not an absolute path"),
        ("file:///inbox/a.txt", "not an absolute path"),
        ("https://host/a.txt", "only local files"),
    ],
)
def test_what_is_no_file_of_this_machine_is_refused(uri: str, why: str) -> None:
    with pytest.raises(UnreadableSource, match=why):
        parse_local_path(uri, PureWindowsPath)


@pytest.mark.parametrize("uri", ["C:/inbox/a.txt", r"C:\inbox\a.txt"])
def test_a_drive_means_nothing_elsewhere(uri: str) -> None:
    with pytest.raises(UnreadableSource):
        parse_local_path(uri, PurePosixPath)
    assert parse_local_path("file:///C:/a.txt", PurePosixPath) == PurePosixPath("/C:/a.txt")
    assert type(parse_local_path("/a.txt", type(PurePath()))) is type(PurePath())


@pytest.mark.parametrize("pipe", [r"np:\\.\pipe\sql\query", r"np:\\.\pipe\MSSQL$NAME\sql\query"])
def test_a_named_pipe_of_sql_server_reaches_the_driver_as_it_is(pipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "odbc_driver", lambda: "ODBC Driver 18 for SQL Server")
    assert pipe in PAGE
    given, unknown = settings_of_connection_string(f"Server={pipe};Database=Hartonomous;Trusted_Connection=True;")
    assert (given["sqlserver_server"], unknown) == (pipe, [])

    text = connection.connection_string(Settings(sqlserver_server=pipe, sqlserver_database="Hartonomous"))

    assert f"SERVER={{{pipe}}}" in text and "Trusted_Connection=yes" in text


def test_the_services_run_what_the_units_run() -> None:
    assert {program for _, program, _ in ADDED} == {r"C:\Hartonomous\venv\Scripts\hartonomous.exe"}
    of_units = {read_unit(UNITS / name)["Service", "ExecStart"][0].split()[1] for name in SERVICES}
    assert sorted(command.split()[0] for _, _, command in ADDED) == sorted(of_units)
    names = [re.findall(r"--name (\w+)", options)[0] for options, _, _ in ADDED]
    assert all(f"'{name}'" in PAGE for name in names) and len(set(names)) == len(SERVICES)
    for options, _, command in ADDED:
        [milliseconds] = re.findall(r"--stop-timeout (\d+)", options)
        unit = next(
            name
            for name in SERVICES
            if read_unit(UNITS / name)["Service", "ExecStart"][0].split()[1] == command.split()[0]
        )
        assert int(milliseconds) == 1000 * int(read_unit(UNITS / unit)["Service", "TimeoutStopSec"][0])


def test_the_wrapper_gets_options_that_it_has() -> None:
    # Of `shawl add --help`, 1.9.0.
    known = {
        "name",
        "restart",
        "restart-delay",
        "stop-timeout",
        "kill-process-tree",
        "dependencies",
        "log-dir",
        "cwd",
        "env",
    }
    assert {option for options, _, _ in ADDED for option in re.findall(r"--([a-z-]+)", options)} <= known


def test_every_old_worker_has_a_row_and_its_setting_exists() -> None:
    rows = dict(re.findall(r"^\| `Hartonomous\.Workers\.(\w+)` \| (.+) \|$", PAGE, re.MULTILINE))
    assert tuple(sorted(rows)) == tuple(sorted(WORKERS))
    assert set(re.findall(r"`HARTONOMOUS_(\w+)`", PAGE)) <= {name.upper() for name in Settings.model_fields}
    assert all(f"'{worker}'" in PAGE for worker in WORKERS)
