"""The compose files for development: pinned images, no password in it, and the order in which a database comes to be."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hartonomous_resources.settings import Settings

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
TEXT = (DEPLOY / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
CREATE = (DEPLOY / "sqlserver" / "create-database.sql").read_text("utf-8")
VERSIONS = ("2022", "2025")
NEO4J: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.neo4j.yml").read_text("utf-8"))


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_is_pinned_to_a_release(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        return
    assert re.fullmatch(r"mcr\.microsoft\.com/mssql/server:20\d\d-CU\d+-ubuntu-\d\d\.\d\d", service["image"])


def test_the_built_image_is_pinned_too() -> None:
    [base] = re.findall(r"^FROM (\S+)$", (DEPLOY / "sqlserver" / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", base)


def test_no_password_has_a_default() -> None:
    found = 0
    for service in SERVICES.values():
        for key, value in service["environment"].items():
            if "PASSWORD" in key:
                assert re.fullmatch(r"\$\{(\w+):\?set \1\}", value), f"{key}: {value}"
                found += 1
    assert found >= 8
    assert not re.search(r"PASSWORD\s*=\s*N?'(?!\$\()", CREATE)
    assert "-P" not in TEXT.split()


@pytest.mark.parametrize("version", VERSIONS)
def test_each_service_waits_for_the_one_before_it(version: str) -> None:
    waits = {
        f"database{version}": {f"sqlserver{version}": {"condition": "service_healthy"}},
        f"migrate{version}": {f"database{version}": {"condition": "service_completed_successfully"}},
        f"rights{version}": {f"migrate{version}": {"condition": "service_completed_successfully"}},
    }
    for name, expected in waits.items():
        assert SERVICES[name]["depends_on"] == expected
        assert SERVICES[name]["profiles"] == [f"sqlserver{version}"]
        assert SERVICES[name]["restart"] == "no"
        server = (
            SERVICES[name]["environment"].get("SQLCMDSERVER")
            or SERVICES[name]["environment"]["HARTONOMOUS_SQLSERVER_SERVER"]
        )
        assert server == f"sqlserver{version}"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_is_healthy_when_it_answers_keeps_its_data_and_is_not_seen_from_outside(version: str) -> None:
    server = SERVICES[f"sqlserver{version}"]

    assert "sqlcmd" in server["healthcheck"]["test"][1] and "SELECT 1" in server["healthcheck"]["test"][1]
    assert "$$MSSQL_SA_PASSWORD" in server["healthcheck"]["test"][1]  # read in the container, not written into the file
    [volume] = server["volumes"]
    assert volume == f"sqlserver{version}-data:/var/opt/mssql" and volume.split(":")[0] in COMPOSE["volumes"]
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert server["environment"]["MSSQL_PID"] == "Developer"


def test_neo4j_needs_its_own_password_only_keeps_its_data_and_is_not_seen_from_outside() -> None:
    [server] = NEO4J["services"].values()

    assert re.fullmatch(r"neo4j:5\.26\.\d+-community", server["image"])
    assert server["environment"] == {  # the image takes any other NEO4J_ for a line of neo4j.conf
        "NEO4J_AUTH": "neo4j/${NEO4J_PASSWORD:?set NEO4J_PASSWORD}",
        "NEO4J_dbms_usage__report_enabled": "false",
        "NEO4J_server_bolt_connection__keep__alive": "20s",
    }
    assert server["healthcheck"]["test"][1].startswith('NEO4J_PASSWORD="$${NEO4J_AUTH#*/}" cypher-shell')
    [volume] = server["volumes"]
    assert volume == "neo4j-data:/data" and list(NEO4J["volumes"]) == ["neo4j-data"]
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_migration_gets_settings_that_exist(version: str) -> None:
    migrate = SERVICES[f"migrate{version}"]
    known = {f"HARTONOMOUS_{name.upper()}" for name in Settings.model_fields}

    assert set(migrate["environment"]) <= known
    assert migrate["command"] == ["migrate"]
    assert f"CREATE LOGIN {migrate['environment']['HARTONOMOUS_SQLSERVER_USER']} " in CREATE
    assert f"CREATE DATABASE {migrate['environment']['HARTONOMOUS_SQLSERVER_DATABASE']};" in CREATE


def test_the_database_gets_the_options_that_the_program_asks_for() -> None:
    for option in ("READ_COMMITTED_SNAPSHOT ON", "ALLOW_SNAPSHOT_ISOLATION ON", "ENABLE_BROKER"):
        assert f"ALTER DATABASE Hartonomous SET {option}" in CREATE


def test_the_role_that_is_granted_is_the_one_that_the_migration_makes() -> None:
    migrations = DEPLOY.parent / "sql" / "sqlserver" / "migrations"
    text = "\n".join(file.read_text("utf-8") for file in sorted(migrations.glob("*.sql")))
    [role] = re.findall(r"^CREATE ROLE \[?([\w-]+)\]?", text, re.MULTILINE)

    grant = (DEPLOY / "sqlserver" / "grant-worker.sh").read_text("utf-8")
    assert f"ALTER ROLE [{role.replace('dbo', '$schema')}] ADD MEMBER hartonomous_worker" in grant
    assert "CREATE USER hartonomous_worker FOR LOGIN hartonomous_worker" in CREATE


def test_the_script_that_makes_the_database_is_t_sql() -> None:
    checker = pytest.importorskip("tests.tools.tsql.checker").checker()
    text = re.sub(r"\$\((\w+)\)", r"\1", CREATE)  # sqlcmd's variables
    assert not isinstance(checker.parse(text), list)


def run_script(tmp_path: Path, name: str, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a script with a sqlcmd that shows its arguments and the variables that it would paste."""
    fake = tmp_path / "sqlcmd"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\nenv | grep -E "^(migration|worker)_password=" || true\n', "utf-8")
    fake.chmod(0o755)
    script = tmp_path / name
    script.write_text(
        (DEPLOY / "sqlserver" / name).read_text("utf-8").replace("/opt/mssql-tools18/bin/sqlcmd", str(fake)), "utf-8"
    )
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=False)


def test_a_quote_in_a_password_does_not_end_the_string_and_no_password_is_an_argument(tmp_path: Path) -> None:
    passwords = {"HARTONOMOUS_MIGRATION_PASSWORD": "a'b;--", "HARTONOMOUS_WORKER_PASSWORD": "$(x) 'y'"}
    done = run_script(tmp_path, "create-database.sh", passwords)
    arguments, variables = done.stdout.split("/sqlserver/create-database.sql\n")

    assert done.returncode == 0
    assert set(variables.splitlines()) == {"migration_password=a''b;--", "worker_password=$(x) ''y''"}
    assert "a'b" not in arguments and "-b" in arguments.splitlines()


def test_a_missing_password_stops_the_script(tmp_path: Path) -> None:
    assert run_script(tmp_path, "create-database.sh", {"HARTONOMOUS_MIGRATION_PASSWORD": "x"}).returncode != 0


@pytest.mark.parametrize(("schema", "code"), [("dbo", 0), ("hart", 0), ("x] ADD MEMBER sa; --", 2), ("", 0)])
def test_the_schema_of_the_grant_is_a_plain_name(tmp_path: Path, schema: str, code: int) -> None:
    done = run_script(tmp_path, "grant-worker.sh", {"HARTONOMOUS_SQLSERVER_SCHEMA": schema})

    assert done.returncode == code
    if code == 0:
        assert f"[hartonomous-worker-{schema or 'dbo'}]" in done.stdout
    else:
        assert "is no plain name" in done.stderr and done.stdout == ""
