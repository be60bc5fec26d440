"""The grid of hours begins where the database that the settings name says, and loads whatever state that is in."""

import ast
import socket
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from hartonomous_assets.grid_start import EARLIEST, GridStart, grid_start
from hartonomous_assets.partitions import grid_from
from hartonomous_core.clock import HOUR_FORMAT, current_hour
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings
from tests.cli import CHECKOUT, Home
from tests.sqlserver.conftest import journal, settings_for
from tests.sqlserver.driver import driver_or_skip
from tests.tools.tds.responses import Rows
from tests.tools.tds.server import TdsServer

pytestmark = pytest.mark.slow

MADE = "2026-11-23-09:00"
NOTHING_KNOWN = GridStart(EARLIEST, "hour")


def hour(start: GridStart) -> str:
    return start.time.strftime(HOUR_FORMAT)


@pytest.fixture
def made(tmp_path: Path) -> Settings:
    """A home whose database was made in a certain hour."""
    settings = Settings(home=tmp_path)
    open_database(settings).close()
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = '2026-11-23T09:44:16.123Z' WHERE Version = 1")
    connection.close()
    return settings


@contextmanager
def locked(settings: Settings) -> Iterator[None]:
    """Somebody has the embedded database for himself, readers included."""
    connection = sqlite3.connect(settings.database_path)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    yield
    connection.close()


def test_the_grid_begins_with_the_hour_in_which_the_database_was_made(made: Settings) -> None:
    assert hour(grid_start(made)) == MADE
    assert grid_start(made).time.tzinfo is UTC


def test_without_a_database_the_grid_begins_now_and_none_is_made(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")

    assert hour(grid_start(settings)) == current_hour()
    assert not settings.home.exists()


def test_the_grid_begins_before_every_database_while_nothing_is_known_of_a_locked_one(made: Settings) -> None:
    with locked(made):
        assert grid_start(made) == NOTHING_KNOWN


def test_a_locked_database_is_remembered(made: Settings) -> None:
    grid_start(made)

    with locked(made):
        assert hour(grid_start(made)) == MADE


@pytest.mark.parametrize("damage", ["bytes", "date", "memory"])
def test_what_cannot_be_understood_hides_no_hour(made: Settings, damage: str) -> None:
    if damage == "bytes":
        made.database_path.write_bytes(b"this is no database " * 500)
    else:
        with sqlite3.connect(made.database_path) as connection:
            connection.execute("UPDATE SchemaVersion SET AppliedAt = 'yesterday'")
        connection.close()
    if damage == "memory":
        [kept] = _remembered(made)
        kept.write_text("yesterday")

    assert grid_start(made) == NOTHING_KNOWN


def _remembered(settings: Settings) -> list[Path]:
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = '2026-11-23T09:44:16.123Z'")
    connection.close()
    grid_start(settings)
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = 'yesterday'")
    connection.close()
    return list((settings.home / "first_hours").iterdir())


# ---- days


@pytest.fixture
def of_days(tmp_path: Path) -> Settings:
    """A home whose database was made with days, on a certain day."""
    settings = Settings(home=tmp_path, partition="day")
    open_database(settings).close()
    with sqlite3.connect(settings.database_path) as connection:
        connection.execute("UPDATE SchemaVersion SET AppliedAt = '2026-11-23T09:44:16.123Z' WHERE Version = 1")
    connection.close()
    return settings.model_copy(update={"partition": "auto"})


DAY = GridStart(datetime(2026, 11, 23, tzinfo=UTC), "day")


def test_a_database_of_days_says_so_and_is_remembered(of_days: Settings) -> None:
    assert grid_start(of_days) == DAY

    with locked(of_days):
        assert grid_start(of_days) == DAY


def test_before_there_is_a_database_the_settings_say_how_long_a_partition_is(tmp_path: Path) -> None:
    found = grid_start(Settings(home=tmp_path / "home", partition="day"))

    assert (hour(found), found.period) == (current_hour("day"), "day")


def test_of_a_database_of_which_nothing_is_known_the_settings_say_it(of_days: Settings) -> None:
    with locked(of_days):
        assert grid_start(of_days.model_copy(update={"partition": "day"})) == GridStart(EARLIEST, "day")
        assert grid_start(of_days) == NOTHING_KNOWN


def test_what_an_earlier_release_remembered_had_hours(made: Settings) -> None:
    [kept] = _remembered(made)
    kept.write_text(MADE)

    with locked(made):
        assert grid_start(made) == GridStart(datetime(2026, 11, 23, 9, tzinfo=UTC), "hour")


def test_the_grid_of_days_has_a_key_for_each_until_today() -> None:
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)

    keys = grid_from(GridStart(yesterday, "day")).get_partition_keys()

    assert keys == [yesterday.strftime("%Y-%m-%d-00:00"), current_hour("day")]


def test_no_module_makes_a_key_without_saying_how_long_a_partition_is() -> None:
    """Each of these functions has hours by default, which suits tests alone."""
    arguments = {"current_hour": 1, "hour_of": 2, "is_hour": 2}
    calls = [
        (file.name, call.func.id, len(call.args))
        for package in ("core", "resources", "assets", "service", "client")
        for file in (CHECKOUT / f"hartonomous_{package}").rglob("*.py")
        for call in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in arguments
    ]

    assert len(calls) > 10
    assert [call for call in calls if call[2] != arguments[call[1]]] == []


# ---- SQL Server


@contextmanager
def server_made_at(made_at: str) -> Iterator[TdsServer]:
    """A server whose schema was made at this time."""
    driver_or_skip()
    with TdsServer() as server:
        server.answer("usp_schema_versions", journal())
        _answer_made_at(server, made_at)
        yield server


def _answer_made_at(server: TdsServer, made_at: str, period: str = "hour") -> None:
    columns = [("createdAt", "nvarchar(30)"), ("migrations", "int"), ("hasPeriod", "bit")]
    server.answer("usp_schema", Rows(columns, [[made_at, 18, 1]]))
    server.answer("usp_period", Rows([("period", "varchar(4)")], [[period]]))


def test_of_two_servers_under_one_home_each_has_its_own_hours(tmp_path: Path) -> None:
    with server_made_at("2026-11-23T09:44:16.123Z") as newer, server_made_at("2026-03-01T07:00:00.000Z") as older:
        named = [settings_for(server, home=tmp_path) for server in (newer, older)]
        answered = [hour(grid_start(settings)) for settings in named]

    down = [hour(grid_start(settings)) for settings in named]

    assert answered == [MADE, "2026-03-01-07:00"]
    assert down == answered


def test_a_server_that_was_made_anew_under_its_old_name_is_asked_again(tmp_path: Path) -> None:
    with server_made_at("2026-11-23T09:44:16.123Z") as server:
        settings = settings_for(server, home=tmp_path)
        grid_start(settings)
        _answer_made_at(server, "2026-03-01T07:00:00.000Z")

        assert hour(grid_start(settings)) == "2026-03-01-07:00"


def test_no_password_decides_what_is_remembered_or_lies_in_the_home(tmp_path: Path) -> None:
    with server_made_at("2026-11-23T09:44:16.123Z") as server:
        settings = settings_for(server, home=tmp_path)
        grid_start(settings)
    assert settings.sqlserver_dsn is not None
    changed = settings.sqlserver_dsn.get_secret_value().replace("correct horse", "another")

    assert hour(grid_start(settings.model_copy(update={"sqlserver_dsn": SecretStr(changed)}))) == MADE


def test_a_server_that_never_answers_holds_the_page_up_for_a_second(tmp_path: Path) -> None:
    driver_or_skip()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(home=tmp_path, sqlserver_dsn=SecretStr(f"SERVER=127.0.0.1,{silent.getsockname()[1]}"))
        started = time.monotonic()

        assert grid_start(settings) == NOTHING_KNOWN
        assert time.monotonic() - started < 4


# ---- the definitions


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home without a text model."""
    return Home(tmp_path / "home", tmp_path / "models")


_LOAD = (
    "import time; started = time.monotonic();"
    "from hartonomous_assets.definitions import defs; defs.get_repository_def();"
    "from hartonomous_assets.partitions import INGEST_HOUR;"
    "print(INGEST_HOUR.get_first_partition_key(), time.monotonic() - started)"
)


def load(home: Home) -> tuple[str, float]:
    """Load the definitions in a fresh interpreter: their first hour, and how long it took."""
    result = home.run("-c", _LOAD, program=(sys.executable,))
    assert result.code == 0, result.stderr
    first, seconds = result.stdout.decode().split()
    return first, float(seconds)


def test_the_definitions_load_and_migrate_nothing(home: Home) -> None:
    database = home.path / "hartonomous.db"
    home.path.mkdir()
    with sqlite3.connect(database) as connection:
        connection.execute(
            "CREATE TABLE SchemaVersion (Version INTEGER PRIMARY KEY, Name TEXT, Sha256 TEXT, AppliedAt TEXT)"
        )
        connection.execute("INSERT INTO SchemaVersion VALUES (1, 'tables', 'x', '2026-11-23T09:44:16.123Z')")
    connection.close()

    first, _ = load(home)

    assert first == MADE
    assert home.rows("SELECT name FROM sqlite_master WHERE type = 'table'") == [("SchemaVersion",)]


def test_the_definitions_load_soon_with_everything_down(home: Home) -> None:
    everything = {
        "sqlserver_dsn": "DRIVER={there is none};SERVER=192.0.2.1",
        "neo4j_uri": "bolt://192.0.2.1:7687",
        "openlineage_url": "http://192.0.2.1",
    }

    first, seconds = load(home.with_settings(**everything))

    assert first == hour(NOTHING_KNOWN)
    assert seconds < 20  # Dagster's own import is most of it; the database has a second


def test_the_definitions_load_soon_while_the_database_is_locked(home: Home, made: Settings) -> None:
    with locked(made):
        first, seconds = load(Home(made.home, home.model_dir))

    assert first == hour(NOTHING_KNOWN)
    assert seconds < 20
