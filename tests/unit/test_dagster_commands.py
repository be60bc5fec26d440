"""Where the code server is, and how Dagster's processes are led to it."""

import json
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_commands import CodeServer, code_server_command, dagster_environment


@pytest.mark.parametrize(
    ("address", "target", "place"),
    [
        (
            "unix:/run/hartonomous/code.sock",
            "unix:/run/hartonomous/code.sock",
            {"socket": "/run/hartonomous/code.sock"},
        ),
        ("code:4000", "code:4000", {"host": "code", "port": 4000}),
        ("[::1]:4000", "[::1]:4000", {"host": "::1", "port": 4000}),
    ],
)
def test_an_address_is_what_grpc_and_the_workspace_need(
    tmp_path: Path, address: str, target: str, place: dict[str, object]
) -> None:
    server = CodeServer.parse(Settings(code_server=address).code_server)
    file = tmp_path / "workspace.yaml"

    server.write_workspace(file)
    server.write_workspace(file)

    assert server.target == target
    assert yaml.safe_load(file.read_text()) == {
        "load_from": [{"grpc_server": {"location_name": "hartonomous", **place}}]
    }
    assert [each.name for each in tmp_path.iterdir()] == ["workspace.yaml"]
    words = code_server_command(server)
    assert [words[words.index(f"--{name}") + 1] for name in place] == [str(value) for value in place.values()]


@pytest.mark.parametrize("address", ["4000", "unix:relative", ":4000", "host", "a b:1", "http://host:1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        Settings(code_server=address)


def test_nothing_of_ours_is_reached_through_a_proxy(tmp_path: Path) -> None:
    made = dagster_environment(Settings(home=tmp_path), {"no_proxy": "intranet", "A": "b"}, ["code"])

    assert made["no_proxy"] == made["NO_PROXY"] == "intranet,localhost,127.0.0.1,::1,code" and made["A"] == "b"


def test_nobody_answers_where_no_server_is(tmp_path: Path) -> None:
    assert not CodeServer(tmp_path / "code").answers(0.5)


def test_a_secret_may_be_a_file_and_a_variable_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hartonomous_neo4j_password").write_text("of the file\n")
    (tmp_path / "hartonomous_neo4j_user").write_text("of the file")
    monkeypatch.setenv("HARTONOMOUS_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("HARTONOMOUS_NEO4J_USER", "of the variable")

    settings = Settings(home=tmp_path)

    assert settings.neo4j_password is not None and settings.neo4j_password.get_secret_value() == "of the file"
    assert settings.neo4j_user == "of the variable"
    assert "of the file" not in json.dumps(settings.model_dump(mode="json"))


def test_a_folder_of_secrets_that_is_not_there_holds_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARTONOMOUS_SECRETS_DIR", str(tmp_path / "none"))
    assert Settings(home=tmp_path).neo4j_password is None
