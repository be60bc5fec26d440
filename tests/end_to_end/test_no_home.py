"""Commands that only read make no home where none is: they say so, and what to do."""

import stat

import pytest

from tests.cli import Home

HASH = "0" * 64
READING = [
    "stats",
    "search tides",
    f"places {HASH}",
    f"lineage {HASH}",
    "sources list",
    "sources show 1",
    "reconstruct 1 -o -",
    "verify",
    "jobs list",
    "jobs show x",
    "jobs retry x",
    "jobs set-status x Failed",
    "inferences list",
    "inferences show x",
    "dead-letters list",
    "dead-letters show 1",
    "dead-letters replay 1",
    "dead-letters discard 1",
    "keys list",
    "keys revoke 0f3c5a7e9b1d2f40",
    "migrate --status",
    "migrate --dry-run",
]


@pytest.mark.parametrize("command", READING)
def test_a_command_that_reads_says_that_there_is_no_home_and_makes_none(home: Home, command: str) -> None:
    result = home.run(*command.split())

    assert (result.code, result.stdout) == (1, b"")
    assert result.error == (
        f"error: there is no database at {home.path / 'hartonomous.db'} yet; `hartonomous ingest` or `hartonomous migrate` makes it; "
        "HARTONOMOUS_HOME names another home"
    )
    assert not home.path.exists()


def test_sql_reads_no_home_into_being_and_makes_one_to_write(home: Home) -> None:
    assert home.run("sql", "SELECT 1").code == 1
    assert not home.path.exists()

    assert home.run("sql", "--write", "DELETE FROM Atom").code == 0
    assert home.run("sql", "SELECT 1").code == 0


def test_a_home_is_made_for_its_user_alone(home: Home) -> None:
    assert home.run("migrate").code == 0
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700


def test_health_says_it_too(home: Home) -> None:
    result = home.run("health", "--json")

    assert result.code == 1
    [database] = [check for check in result.document["checks"] if check["name"] == "database"]
    assert database["status"] == "unhealthy" and "there is no database" in database["detail"]
    assert not home.path.exists()


@pytest.mark.parametrize("command", ["keys create --tenant 0", "jobs create SendReport", "migrate"])
def test_what_writes_the_first_row_makes_the_home(home: Home, command: str) -> None:
    assert home.run(*command.split()).code == 0
    assert home.run("stats").code == 0
