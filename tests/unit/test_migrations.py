"""Migrations: each runs once, in order, whole or not at all; a changed one and a newer database are refused."""

import re
import sqlite3
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import get_args

import pytest

from hartonomous_core.clock import timestamp
from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.graph_views import EDGE_VIEWS, Way
from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlite_graph_views import edge_statement, node_statement
from hartonomous_resources.database.sqlite_migrations import split_statements
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file
from tests.backends import rows
from tests.processes import in_processes, wait_for_the_others
from tests.typed_statements import is_staging

ONE = "CREATE TABLE One (Id INTEGER PRIMARY KEY);\n"
TWO = "CREATE TABLE Two (Id INTEGER PRIMARY KEY);\n"
TRIGGER = """CREATE TRIGGER One_Inserted AFTER INSERT ON One
WHEN NEW.Id > 0
BEGIN
  INSERT INTO Two (Id) VALUES (NEW.Id);  -- a comment; with a semicolon
  UPDATE Two SET Id = CASE WHEN Id = 7 THEN 70 ELSE Id END;
END;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two migrations."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_one.sql").write_text(ONE)
    (folder / "0002_two.sql").write_text(TWO)
    return folder


@pytest.fixture
def open_database(tmp_path: Path, folder: Path) -> Callable[[], SqliteDatabase]:
    """Opens the same database file again and again, as later releases would: the folder is read each time."""
    return lambda: SqliteDatabase(tmp_path / "a.db", migrations=folder)


def tables(database: SqliteDatabase) -> set[str]:
    found = database.connection().execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {row["name"] for row in found} - {"SchemaVersion"}


def test_migrations_run_once_and_in_order(open_database: Callable[[], SqliteDatabase]) -> None:
    database = open_database()

    assert database.migrate() == ["0001_one", "0002_two"]
    assert database.migrate() == []
    assert open_database().migrate() == []
    assert tables(database) == {"One", "Two"}


def test_a_later_release_runs_only_what_it_adds(folder: Path, open_database: Callable[[], SqliteDatabase]) -> None:
    open_database().migrate()
    (folder / "0003_three.sql").write_text("CREATE TABLE Three (Id INTEGER);\n")

    assert open_database().migrate() == ["0003_three"]


def test_migrating_can_stop_at_a_version(open_database: Callable[[], SqliteDatabase]) -> None:
    database = open_database()

    assert database.migrate(to=1) == ["0001_one"]
    status = database.migration_status()
    assert [(row["version"], row["name"], row["appliedAt"] is not None) for row in status] == [
        (1, "one", True),
        (2, "two", False),
    ]
    assert status[0]["appliedAt"] <= timestamp()


def test_a_migration_that_ran_and_was_changed_is_refused_by_name(
    folder: Path, open_database: Callable[[], SqliteDatabase]
) -> None:
    open_database().migrate()
    (folder / "0001_one.sql").write_text(ONE.replace("Id", "OtherId"))

    with pytest.raises(SchemaMismatch, match="migration 0001_one ran with other text"):
        open_database().migrate()


def test_line_ends_of_another_system_are_no_change(folder: Path, open_database: Callable[[], SqliteDatabase]) -> None:
    open_database().migrate()
    (folder / "0001_one.sql").write_bytes(ONE.replace("\n", "\r\n").encode())

    assert open_database().migrate() == []


def test_a_database_newer_than_the_program_is_refused(
    folder: Path, open_database: Callable[[], SqliteDatabase]
) -> None:
    open_database().migrate()
    (folder / "0002_two.sql").unlink()

    with pytest.raises(SchemaMismatch, match="schema version 2, this program knows up to 1: upgrade hartonomous"):
        open_database().migrate()


@pytest.mark.parametrize("name", ["0004_gap.sql", "0002_twice.sql", "0000_zero.sql"])
def test_a_gap_in_the_numbers_or_a_number_twice_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_text("SELECT 1;\n")

    with pytest.raises(ValueError, match="without a gap"):
        read_migrations(folder)


def test_files_that_are_no_migrations_are_left_alone(folder: Path) -> None:
    for name in ("README.md", "0003_three.sql.bak", "three.sql"):
        (folder / name).write_text("nonsense")

    assert [migration.version for migration in read_migrations(folder)] == [1, 2]


def test_a_migration_that_fails_leaves_nothing_of_itself_or_of_those_before_it(
    folder: Path, open_database: Callable[[], SqliteDatabase]
) -> None:
    (folder / "0002_two.sql").write_text(TWO + "CREATE TABLE One (Id INTEGER);\n")
    database = open_database()

    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        database.migrate()

    assert tables(database) == set()
    assert [row["appliedAt"] for row in database.migration_status()] == [None, None]


def test_pending_migrations_are_named_and_none_of_them_runs(open_database: Callable[[], SqliteDatabase]) -> None:
    database = open_database()

    assert database.pending_migrations() == ["0001_one", "0002_two"]
    assert database.pending_migrations(to=1) == ["0001_one"]
    assert tables(database) == set()


def test_what_an_upgrade_changes_keeps_the_rows_that_are_there(
    folder: Path, open_database: Callable[[], SqliteDatabase]
) -> None:
    open_database().migrate()
    open_database().connection().execute("INSERT INTO One (Id) VALUES (7)")
    (folder / "0003_three.sql").write_text("ALTER TABLE One ADD COLUMN Name TEXT NOT NULL DEFAULT 'none';\n")

    assert open_database().migrate() == ["0003_three"]

    [row] = open_database().connection().execute("SELECT Id, Name FROM One")
    assert tuple(row) == (7, "none")


def migrate_with_others(_index: int, folder: Path, n: int) -> list[list[str]]:
    """Migrate n fresh databases, each at the same moment as the others do; returns what ran here, for each."""
    ran = []
    for number in range(n):
        database = SqliteDatabase(folder / f"{number}.db")
        wait_for_the_others()
        try:
            ran.append(database.migrate())
        except Exception as error:  # noqa: BLE001 - kept, so that the others do not wait in vain
            ran.append([repr(error)])
    return ran


@pytest.mark.slow
def test_of_processes_that_start_at_once_exactly_one_migrates_and_none_fails(tmp_path: Path) -> None:
    shipped = [f"{m.version:04d}_{m.name}" for m in read_migrations(project_file("sql") / "sqlite" / "migrations")]

    ran = in_processes(4, migrate_with_others, tmp_path, 10)

    for by_process in zip(*ran, strict=True):
        assert sorted(by_process) == [[], [], [], shipped]


def test_a_database_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    maker = sqlite3.connect(tmp_path / "hartonomous.db", isolation_level=None, check_same_thread=False)
    maker.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, lambda: maker.execute("COMMIT"))
    done.start()

    ran = SqliteDatabase(tmp_path / "hartonomous.db").migrate()

    done.join()
    maker.close()
    assert len(ran) >= 1


def test_a_migrated_database_holds_what_its_journal_says(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()

    client = sqlite3.connect(database.path)
    journal = rows(client, "SELECT Version, Name, Sha256 FROM SchemaVersion ORDER BY Version")
    shipped = read_migrations(project_file("sql") / "sqlite" / "migrations")
    assert journal == [{"Version": m.version, "Name": m.name, "Sha256": m.sha256} for m in shipped]
    assert rows(client, "PRAGMA foreign_key_check") == []
    client.close()


def test_the_body_of_a_trigger_stays_in_one_statement() -> None:
    statements = list(split_statements(ONE + "-- a comment; between\n" + TWO + TRIGGER))

    assert [s.split()[-1] for s in statements] == ["KEY);", "KEY);", "END;"]
    connection = sqlite3.connect(":memory:")
    for statement in statements:
        connection.execute(statement)
    connection.execute("INSERT INTO One (Id) VALUES (7)")
    assert connection.execute("SELECT Id FROM Two").fetchall() == [(70,)]
    connection.close()


def test_a_semicolon_within_a_string_ends_no_statement() -> None:
    assert list(split_statements("SELECT 'a;\nb;\n';\nSELECT 2;\n")) == ["SELECT 'a;\nb;\n';\n", "SELECT 2;\n"]


def test_a_comment_after_the_last_statement_is_no_statement() -> None:
    assert list(split_statements("SELECT 1;\n\n-- the end\n")) == ["SELECT 1;\n"]


@pytest.mark.parametrize("script", ["SELECT 1", "SELECT 1;\nSELECT 'open;\n", TRIGGER.replace("END;", "")])
def test_a_script_that_ends_within_a_statement_is_refused(script: str) -> None:
    with pytest.raises(ValueError, match="unfinished statement"):
        list(split_statements(script))


def test_statements_are_read_by_name_from_every_file_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "-- about this file\n-- name: one\nSELECT 1;\n\n-- name: two\n-- why\nSELECT\n  2;\n"
    )
    (tmp_path / "b.sql").write_text("-- name: three\nSELECT 3\n")

    assert load_statements(tmp_path) == {"one": "SELECT 1", "two": "-- why\nSELECT\n  2", "three": "SELECT 3"}


def test_a_part_stands_for_what_several_statements_say(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text(
        "-- name: one\nSELECT 1 WHERE {wanted};\n\n-- name: two\nSELECT '{\"wanted\": {}}'\n"
    )
    (tmp_path / "b.sql").write_text(
        "-- part: wanted\n-- why\n1 = 1\n\n-- name: three\nSELECT 3 WHERE {wanted} AND {wanted}\n"
    )

    assert load_statements(tmp_path) == {
        "one": "SELECT 1 WHERE -- why\n1 = 1",
        "two": "SELECT '{\"wanted\": {}}'",
        "three": "SELECT 3 WHERE -- why\n1 = 1 AND -- why\n1 = 1",
    }


def test_a_statement_named_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.sql").write_text("-- name: one\nSELECT 1;\n")
    (tmp_path / "b.sql").write_text("-- name: one\nSELECT 2;\n")

    with pytest.raises(ValueError, match="statement one is defined twice"):
        load_statements(tmp_path)


class AnyName(dict[str, object]):
    """Every named parameter is NULL."""

    def __missing__(self, key: str) -> None:
        return None


def filled(text: str) -> list[str]:
    """A statement that is asked of any view of the graph, with each view; another one as it is."""
    if "{here}" in text:
        return [edge_statement(text, view, way, 2) for view in EDGE_VIEWS for way in get_args(Way)]
    return [node_statement(text, label, 2) for label in LABELS] if "{view}" in text else [text]


def test_every_shipped_statement_fits_the_shipped_tables(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "a.db")
    database.migrate()
    named = load_statements(project_file("sql") / "sqlite" / "statements")
    connection = database.connection()
    for name in filter(is_staging, named):  # the tables that are not a migration's
        connection.execute(named[name])

    for text in chain.from_iterable(map(filled, named.values())):
        unnumbered = re.findall(r"\?(?!\d)", re.sub(r"--.*", "", text))
        connection.execute(f"EXPLAIN {text}", [None] * len(unnumbered) or AnyName())
