"""`hartonomous doctor`: each thing that can be wrong with an installation is named, with what to do, and ends it with 1."""

import http.server
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.resources import open_database, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service import health
from hartonomous_service.check_outcomes import DEGRADED, HEALTHY, UNHEALTHY
from hartonomous_service.doctor import check_installation, machine, running
from hartonomous_service.doctor.machine import check_rights, find_unfit
from hartonomous_service.doctor.running import UNITS, VERIFICATION, check_ports, check_positions, judge_units
from hartonomous_service.doctor.what_to_do import DATABASE_FILE, REMEDIES
from hartonomous_service.health_of_models import check_device
from hartonomous_service.models_in_use import ModelsInUse
from tests.cli import Home
from tests.install.units import SERVICES

OPERATIONS = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text("utf-8")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings as the environment gives them to the doctor: a home that only its user enters, and ports of nobody."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setattr(running, "_PAGE_PORT", port)
    for name, value in {
        "HOME": home,
        "MODEL_DIR": tmp_path / "models",
        "HTTP_PORT": port,
        "CODE_SERVER": f"127.0.0.1:{port}",
    }.items():
        monkeypatch.setenv(f"HARTONOMOUS_{name}", str(value))
    return Settings()


def by_name(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in document["checks"]}


def test_a_fresh_home_lacks_only_a_model_and_an_embedding(settings: Settings) -> None:
    open_database(settings).close()
    document = check_installation()
    found = by_name(document)

    assert document["status"] == DEGRADED
    assert {name for name, check in found.items() if check["status"] != HEALTHY} <= {
        "text_model",
        "positions",
        "disk",
        "settings",
    }
    assert found["positions"]["detail"] == "TotalEmbeddings 0, WithSpatial 0: nothing has been embedded yet"
    assert {name for name, check in found.items() if check["remedy"]} == {
        name for name, check in found.items() if check["status"] != HEALTHY
    }
    assert list(found) == list(dict.fromkeys(found)) and set(found) == set(
        REMEDIES
    )  # each has one, and none is left over


def test_the_command_says_what_to_do_and_ends_with_1(tmp_path: Path) -> None:
    home = Home(
        tmp_path / "home",
        tmp_path / "models",
        {"sqlserver_server": "127.0.0.1,1", "sqlserver_login_seconds": 1, "threads": -1},
    )

    told, counted = home.run_all(("doctor",), ("doctor", "--json"))

    assert told.code == counted.code == 1
    found = by_name(counted.document)
    assert found["settings"]["status"] == found["database"]["status"] == UNHEALTHY
    assert "HARTONOMOUS_THREADS" in found["settings"]["detail"]
    assert f"database: {REMEDIES['database']}" in told.stdout.decode()
    assert "Traceback" not in told.stderr + counted.stderr


def test_a_package_that_is_missing_or_too_old_is_named_and_those_of_extras_are_not_asked_for() -> None:
    pydantic = metadata.version("pydantic")
    assert find_unfit(["no-such-package>=1", "pydantic<1", f"pydantic=={pydantic}", "neither>=1; extra == 'prov'"]) == [
        "no-such-package is missing",
        f"pydantic {pydantic} is not <1",
    ]


def test_another_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.version_info", (3, 10, 1, "final", 0))
    status, detail = machine.check_python()
    assert status == UNHEALTHY and detail.startswith("3.10.1") and ">=3.11" in detail


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({}, "healthy", "int8 is computed by the processor"),
        ({"text_precision": "fp16", "device": "cpu"}, "healthy", "the processor"),
        ({"compute": "api"}, "healthy", "an API embeds"),
        (
            {"device": "cuda"},
            "degraded",
            "HARTONOMOUS_DEVICE=cuda, but int8 is computed by the processor: a GPU takes ",
        ),
        ({"text_precision": "int8,fp16", "device": "cuda:99"}, "degraded", "HARTONOMOUS_DEVICE=cuda:99, but "),
    ],
)
def test_a_gpu_is_tried_where_a_model_needs_one(
    settings: Settings, more: dict[str, str], status: str, words: str
) -> None:
    found, detail = check_device(ModelsInUse(settings.model_copy(update=more)))

    assert found == status
    assert detail.startswith(words) or words in detail


def test_health_and_so_the_doctor_say_that_the_gpu_of_the_settings_does_not_compute(settings: Settings) -> None:
    """Without a driver, and with one: there is no hundredth device."""
    named = settings.model_copy(update={"text_precision": "fp16", "device": "cuda:99"})

    found = by_name(health.check_health(named))["device"]

    assert found["status"] == DEGRADED
    assert found["detail"].startswith("HARTONOMOUS_DEVICE=cuda:99, but ")


def test_a_home_of_another_user_is_left_alone(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = by_name(check_installation())

    assert found["rights"]["status"] == UNHEALTHY and "cannot be written" in found["rights"]["detail"]
    assert "database" not in found and list(settings.home.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a folder of another user")
def test_root_in_the_home_of_another_user_is_warned_off(settings: Settings) -> None:
    os.chown(settings.home, 65534, 65534)
    status, detail = check_rights(settings)
    assert status == UNHEALTHY and "files of root would lie there" in detail


def test_secrets_that_every_user_may_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_is_open_to_all", lambda path: path.name == "hartonomous_neo4j_password")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "hartonomous_neo4j_password").write_text("x")
    status, detail = check_rights(
        Settings(home=tmp_path / "home", model_dir=tmp_path, secrets_dir=tmp_path / "secrets")
    )
    assert status == DEGRADED and detail.endswith(
        "may read " + str(tmp_path / "secrets" / "hartonomous_neo4j_password")
    )


def test_what_is_open_to_all_is_seen_through_its_folders(tmp_path: Path) -> None:
    shut, file = tmp_path / "shut", tmp_path / "shut" / "file"
    shut.mkdir(mode=0o700)
    file.write_text("x")
    file.chmod(0o644)
    assert not machine._is_open_to_all(file) and not machine._is_open_to_all(tmp_path / "none")
    assert machine._is_open_to_all(Path("/etc/passwd"))


@pytest.fixture
def listener() -> Iterator[tuple[int, dict[str, Any]]]:
    """A port, and what a server there answers to everything."""
    answer: dict[str, Any] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, answer
        server.shutdown()


def test_a_port_is_ours_free_or_held_by_another_program(
    settings: Settings, listener: tuple[int, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_ports(settings) == (
        HEALTHY,
        f"{settings.http_port}: Dagster's page is not running; {settings.http_port}: serve is not running",
    )
    port, answer = listener
    monkeypatch.setattr(running, "_PAGE_PORT", port)
    status, detail = check_ports(settings)
    assert status == UNHEALTHY and f"(pid {os.getpid()}) listens there, and not Dagster's page" in detail
    answer["dagster_webserver_version"] = "1"
    assert check_ports(settings)[0] == HEALTHY


def shown(**states: str) -> str:
    blocks = []
    for name in UNITS:
        load, active, sub, *enabled = states.get(name.split("-")[1].split(".")[0], "loaded active running").split()
        blocks.append(
            f"NRestarts=0\nId={name}\nLoadState={load}\nActiveState={active}\nSubState={sub}\n"
            f"UnitFileState={(enabled or ['disabled'])[0]}"
        )
    return "\n\n".join(blocks) + "\n"


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ({}, HEALTHY),
        ({"daemon": "loaded failed failed"}, UNHEALTHY),
        ({"daemon": "loaded activating auto-restart"}, UNHEALTHY),
        ({"daemon": "bad-setting inactive dead"}, UNHEALTHY),
        ({"serve": "loaded inactive dead"}, DEGRADED),
        ({"worker": "loaded inactive dead enabled"}, DEGRADED),
        ({"worker": "loaded failed failed"}, UNHEALTHY),
        (dict.fromkeys(("code", "webserver", "daemon", "serve", "worker"), "not-found inactive dead"), HEALTHY),
    ],
)
def test_units_are_judged_by_what_systemd_shows(states: dict[str, str], status: str) -> None:
    judged, detail = judge_units(shown(**states))
    assert judged == status
    assert all(
        f"hartonomous-{name} {state.split()[1]}" in detail for name, state in states.items() if "not-found" not in state
    )


def test_a_worker_that_is_not_enabled_is_not_missed() -> None:
    assert judge_units(shown(worker="loaded inactive dead"))[0] == HEALTHY
    assert "hartonomous-worker" not in judge_units(shown(worker="loaded inactive dead"))[1]
    assert "hartonomous-worker active" in judge_units(shown())[1]


def test_the_units_asked_for_are_those_that_are_shipped() -> None:
    assert sorted(UNITS) == SERVICES


def test_the_query_is_the_seeds_and_counts_what_has_no_position(settings: Settings) -> None:
    assert re.sub(r"\s+", " ", VERIFICATION) in OPERATIONS
    open_resources(settings).close()
    assert check_positions(settings)[0] == DEGRADED


@pytest.mark.parametrize(("row", "status"), [([5, 5], HEALTHY), ([5, 3], DEGRADED), ([0, None], DEGRADED)])
def test_an_embedding_without_a_position_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, row: list[Any], status: str
) -> None:
    monkeypatch.setattr(running, "run_sql", lambda *_: {"rows": [row]})
    assert check_positions(settings)[0] == status


def test_health_and_doctor_say_the_same_of_what_both_check(settings: Settings) -> None:
    document = by_name(check_installation())
    for check in health.check_health(settings)["checks"]:
        assert document[check["name"]]["detail"] == check["detail"] or check["name"] == "disk"


def test_a_database_file_that_is_damaged_gets_advice_about_files(settings: Settings) -> None:
    settings.database_path.write_bytes(b"damaged " * 4096)

    check = by_name(check_installation())["database"]

    assert check["status"] == UNHEALTHY
    assert "hartonomous.db: file is not a database: stop what uses it, keep a copy" in check["detail"]
    assert check["remedy"] == DATABASE_FILE and "server" not in DATABASE_FILE
