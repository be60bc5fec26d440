"""A full disk is called a full disk, with how much room is needed."""

import sqlite3
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from hartonomous_resources.database import sqlite_errors
from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings
from hartonomous_service.cli.main import describe_dagster_storage_error
from hartonomous_service.health import check_health

FULL = r"the disk of {} is full \([\d,.]+ MiB free\): make room there, 1 GiB at least, then try again"


def sqlite_error(code: int, words: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(words)
    error.sqlite_errorcode = code
    return error


def test_a_home_that_is_not_made_yet_has_the_room_of_the_disk_on_which_it_will_lie(tmp_path: Path) -> None:
    home = tmp_path / "not" / "made"
    elsewhere = Settings(home=home, sqlserver_server="127.0.0.1,1", neo4j_uri="bolt://127.0.0.1:1")
    limits = {"sqlserver_login_seconds": 1, "neo4j_connection_seconds": 0.1}

    [disk] = [check for check in check_health(elsewhere.model_copy(update=limits))["checks"] if check["name"] == "disk"]

    assert not home.exists()
    assert disk["detail"].endswith(f" GiB free at {home}")


def of_dagster(cause: Exception) -> SQLAlchemyError:
    return OperationalError("INSERT INTO event_logs", {}, cause)


def test_a_database_that_cannot_grow_says_that_the_disk_is_full(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    with database.read() as unit_of_work:  # the connection that the next transaction takes
        [pages] = unit_of_work.connection.execute("PRAGMA page_count").fetchone()
        unit_of_work.connection.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(DatabaseUnavailable, match=FULL.format(tmp_path)), database.unit_of_work() as unit_of_work:
        unit_of_work.enqueue("IngestionQueue", [("key", b"x" * 1_000_000)])

    with database.read() as unit_of_work:
        assert unit_of_work.query("queue_depths") == []
    database.close()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR, sqlite3.SQLITE_IOERR | 19 << 8, sqlite3.SQLITE_CANTOPEN])
def test_what_sqlite_calls_an_io_error_is_a_full_disk_where_there_is_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def fail() -> None:
        with sqlite_errors.explain_errors(tmp_path / "a.db"):
            raise sqlite_error(code, "disk I/O error")

    with pytest.raises(DatabaseUnavailable, match="disk I/O error; check HARTONOMOUS_HOME"):
        fail()
    monkeypatch.setattr(sqlite_errors, "is_full", lambda _folder: True)
    with pytest.raises(DatabaseUnavailable, match=FULL.format(tmp_path)):
        fail()


def test_dagsters_storage_on_a_full_disk_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[describe_dagster_storage_error.__module__], "is_full", lambda _folder: True)

    message = describe_dagster_storage_error(of_dagster(sqlite_error(sqlite3.SQLITE_IOERR, "disk I/O error")), tmp_path)

    assert message.startswith(f"the disk of {tmp_path} is full")
    assert "history" not in message and "%" not in message


@pytest.mark.parametrize(("name", "blamed"), [("home", False), ("100% home", True), ("home?", True)])
def test_characters_of_the_home_are_blamed_only_where_it_has_them(tmp_path: Path, name: str, blamed: bool) -> None:
    (tmp_path / name).mkdir()

    message = describe_dagster_storage_error(
        of_dagster(sqlite_error(sqlite3.SQLITE_CANTOPEN, "unable to open")), tmp_path / name
    )

    assert ("without ? and %" in message) is blamed
