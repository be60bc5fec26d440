"""Where settings come from and what is said of those that are wrong, by whole commands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli import CHECKOUT, Home, Result, finish

SECRETS = {
    "openlineage_url": "https://user:hunter2@lineage/api?api_key=hunter2",
    "neo4j_uri": "bolt://neo4j:hunter2@127.0.0.1:1",
    "sqlserver_dsn": "SERVER=127.0.0.1,1;UID=sa;PWD=hunter2",
}

WITHOUT_HOME_FOLDER = """
import pwd
def nobody(uid): raise KeyError(uid)
pwd.getpwuid = nobody  # as for a uid without an entry, which containers run under
from hartonomous_service.cli import main
main()
"""


def run_without_home_folder(*arguments: str, **environment: str) -> Result:
    """A command of a user without HOME and without an entry in the system's list of users."""
    process = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_HOME_FOLDER, *arguments],
        env={"PYTHONPATH": str(CHECKOUT), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    return finish(process)


def rows(document: dict[str, list[dict[str, object]]]) -> dict[object, dict[str, object]]:
    return {row["variable"]: row for row in document["settings"]}


def test_config_show_prints_no_secret(home: Home) -> None:
    result = home.with_settings(**SECRETS).run("config", "show")

    assert result.code == 0
    assert b"hunter2" not in result.stdout
    assert "hunter2" not in result.stderr


def test_a_message_and_the_health_print_no_secret(home: Home) -> None:
    unreachable = home.with_settings(neo4j_uri=SECRETS["neo4j_uri"], neo4j_connection_seconds=0.1)

    for arguments in (["health"], ["--debug", "health", "--json"], ["lineage", "1"], ["stats"]):
        result = unreachable.run(*arguments)
        assert "hunter2" not in result.stdout.decode() + result.stderr


def test_the_figures_say_why_there_are_none_of_the_graph(home: Home) -> None:
    assert home.run("migrate").code == 0
    unreachable = home.with_settings(neo4j_uri="bolt://127.0.0.1:1", neo4j_connection_seconds=0.1)

    shown, document = unreachable.run("stats"), unreachable.run("stats", "--json").document

    assert "not known: Neo4j at bolt://127.0.0.1:1 does not answer" in shown.stdout.decode()
    assert "graphUnavailable" not in shown.stdout.decode()
    assert document["graph"] is None
    assert document["graphUnavailable"].startswith("Neo4j at bolt://127.0.0.1:1 does not answer")


def test_config_show_shows_all_settings_with_what_is_wrong_with_which(home: Home) -> None:
    wrong = home.with_settings(threads=-1, allowed_roots="/srv", sqlserver_user="me", broker="table")

    result = wrong.run("config", "show", "--json")

    found = rows(result.document)
    assert result.code == 1
    assert {name for name, row in found.items() if row["problem"]} == {
        "HARTONOMOUS_THREADS",
        "HARTONOMOUS_ALLOWED_ROOTS",
        "HARTONOMOUS_SQLSERVER_USER",
    }
    assert found["HARTONOMOUS_BROKER"]["value"] == "table"
    assert [line.split(":")[1] for line in result.stderr.splitlines()] == [
        " HARTONOMOUS_THREADS",
        " HARTONOMOUS_ALLOWED_ROOTS",
        " HARTONOMOUS_SQLSERVER_USER",
    ]


def test_config_show_shows_the_settings_beside_a_file_that_cannot_be_read(home: Home, tmp_path: Path) -> None:
    result = home.run("--config", tmp_path / "none.json", "config", "show", "--json")

    assert result.code == 1
    assert rows(result.document)["HARTONOMOUS_CONFIG"]["problem"] == (
        f"{tmp_path / 'none.json'} cannot be read: No such file or directory"
    )


def test_a_file_that_cannot_be_read_is_one_line_in_every_other_command(home: Home, tmp_path: Path) -> None:
    result = home.run("--config", tmp_path / "none.json", "stats")

    assert result.code == 1
    assert result.error == (
        f"error: setting HARTONOMOUS_CONFIG: {tmp_path / 'none.json'} cannot be read: No such file or directory; "
        "`hartonomous config show` lists what can be set"
    )


def test_the_option_and_the_variable_name_the_same_file(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "appsettings.json"
    file.write_text(
        '{"Workers": {"Ingestion": {"BatchSize": 7}, "EmbeddingGenerator": {"PollingIntervalSeconds": 10}}}'
    )

    by_option = home.run("--config", os.path.relpath(file, CHECKOUT), "config", "show", "--json")
    by_variable = home.with_settings(config=file).run("config", "show", "--json")

    found, expected = rows(by_option.document), rows(by_variable.document)
    assert Path(str(found.pop("HARTONOMOUS_CONFIG")["value"])).samefile(
        str(expected.pop("HARTONOMOUS_CONFIG")["value"])
    )
    assert found == expected
    assert found["HARTONOMOUS_INGESTION_BATCH_SIZE"]["value"] == 7
    for result in (by_option, by_variable):
        assert result.stderr.count("Workers:EmbeddingGenerator:PollingIntervalSeconds is not needed") == 1


def test_a_misspelt_variable_is_a_warning_once_and_the_command_works(home: Home) -> None:
    assert home.run("migrate").code == 0
    result = home.with_settings(linger_second=0).run("stats", "--json")

    assert result.code == 0
    assert result.document["sources"] == 0
    assert (
        result.stderr.count("HARTONOMOUS_LINGER_SECOND is no setting and has no effect: is HARTONOMOUS_LINGER_SECONDS")
        == 1
    )


def test_in_json_logs_the_warning_is_json_too(home: Home) -> None:
    assert home.run("migrate").code == 0
    result = home.with_settings(linger_second=0, log_format="json").run("stats")

    assert [json.loads(line)["level"] for line in result.stderr.splitlines()] == ["warning"]


@pytest.mark.parametrize("arguments", [["stats"], ["demo"], ["dev"], ["health"]], ids=" ".join)
def test_a_user_without_a_home_folder_is_told_to_set_one(arguments: list[str]) -> None:
    result = run_without_home_folder(*arguments)

    assert result.code == 1
    assert result.error.startswith(
        "error: setting HARTONOMOUS_HOME: this user has no home folder: set HARTONOMOUS_HOME;"
    )


def test_a_user_without_a_home_folder_needs_no_more_than_that_variable() -> None:
    result = run_without_home_folder("config", "show", "--json", HARTONOMOUS_HOME="/x")

    assert result.code == 0
    assert rows(result.document)["HARTONOMOUS_MODEL_DIR"]["value"] == "/x/models"
