"""Migrations on SQL Server: batches, schemas and the choice of features, as data."""

from typing import Any

import pytest

from hartonomous_resources.database.database_errors import DatabaseError, SchemaMismatch
from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.database.sqlserver.migrator import Server, choose_features
from hartonomous_resources.database.sqlserver.scripts import _NOT_CODE, in_schema, split_batches
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings


def server(**changes: Any) -> Server:
    fields: dict[str, Any] = {
        "edition": 3,
        "major": 16,
        "database": "Atoms",
        "broker_enabled": True,
        "read_committed_snapshot": True,
        "snapshot_isolation": True,
        "full_text": False,
    }
    return Server(**fields | changes)


@pytest.mark.parametrize(
    ("script", "batches"),
    [
        ("SELECT 1\nGO\nSELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1\n  GO  \n\nGO\n", ["SELECT 1"]),
        ("-- GO\nSELECT 1 -- a\n/*\nGO\n*/\nGO", ["-- GO\nSELECT 1 -- a\n/*\nGO\n*/"]),
        ("SELECT 'a\nGO\nb''c'\nGO\nSELECT [x\nGO\n]]y]", ["SELECT 'a\nGO\nb''c'", "SELECT [x\nGO\n]]y]"]),
        ("SELECT 1 AS GO\n", ["SELECT 1 AS GO"]),
        ("-- it's\nSELECT 1\nGO\nSELECT 2 -- don't", ["-- it's\nSELECT 1", "SELECT 2 -- don't"]),
        ("", []),
    ],
)
def test_go_separates_batches_only_where_it_stands_alone_in_the_code(script: str, batches: list[str]) -> None:
    assert list(split_batches(script)) == batches


def test_no_text_of_ours_names_another_schema_or_loses_one_on_the_way() -> None:
    folder = project_file("sql") / "sqlserver"
    for file in folder.rglob("*.sql"):
        moved = in_schema(file.read_text("utf-8"), "atoms")
        assert "dbo" not in moved.replace("dbo_", ""), file
        assert in_schema(moved, "atoms") == moved


def test_the_schema_is_in_brackets_wherever_it_stands_as_a_name() -> None:
    """A reserved word may be a schema's name: [user]. In strings it needs none."""
    for file in (project_file("sql") / "sqlserver").rglob("*.sql"):
        code = _NOT_CODE.sub("", in_schema(file.read_text("utf-8"), "some_schema"))
        assert "some_schema" not in code, file


@pytest.mark.parametrize("feature", ["migrations", "table_broker", "service_broker", "spatial", "vector", "full_text"])
def test_the_migrations_of_each_feature_are_numbered_without_a_gap(feature: str) -> None:
    assert read_migrations(project_file("sql") / "sqlserver" / feature)


@pytest.mark.parametrize(
    ("facts", "settings", "journal", "chosen"),
    [
        ({}, {}, set(), ["service_broker", "spatial"]),
        ({"major": 17}, {}, set(), ["service_broker", "spatial", "vector"]),
        ({"edition": 5, "major": 12, "broker_enabled": False}, {}, set(), ["table_broker", "spatial", "vector"]),
        ({}, {}, {"core", "table_broker"}, ["table_broker", "spatial"]),
        ({"broker_enabled": False}, {"broker": "table", "spatial": "off"}, set(), ["table_broker"]),
        ({"major": 17}, {"vector": "off", "spatial": "off"}, set(), ["service_broker"]),
        ({}, {"vector": "on", "spatial": "on"}, set(), ["service_broker", "spatial", "vector"]),
        ({"full_text": True}, {}, set(), ["service_broker", "spatial", "full_text"]),
        ({"full_text": True}, {"full_text": "off"}, set(), ["service_broker", "spatial"]),
    ],
)
def test_features_are_what_the_settings_say_else_the_journal_else_what_the_server_has(
    facts: dict[str, Any], settings: dict[str, Any], journal: set[str], chosen: list[str]
) -> None:
    assert choose_features(Settings(**settings), server(**facts), journal) == chosen


def test_full_text_search_that_the_server_lacks_is_refused_where_it_is_asked_for() -> None:
    with pytest.raises(DatabaseError, match="no full-text search: install it, or set HARTONOMOUS_FULL_TEXT=off"):
        choose_features(Settings(full_text="on"), server(), set())


def test_a_database_keeps_the_broker_it_was_made_with() -> None:
    with pytest.raises(SchemaMismatch, match=r"made with table_broker: set HARTONOMOUS_BROKER=auto"):
        choose_features(Settings(broker="service_broker"), server(), {"core", "table_broker"})


def test_a_disabled_broker_is_refused_with_the_statement_that_enables_it() -> None:
    with pytest.raises(
        DatabaseError, match=r"ALTER DATABASE \[At\]\]oms\] SET ENABLE_BROKER .*or HARTONOMOUS_BROKER=table"
    ):
        choose_features(Settings(), server(broker_enabled=False, database="At]oms"), set())


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"major": 13}, "SQL Server 2019"),
        ({"snapshot_isolation": False}, "SET ALLOW_SNAPSHOT_ISOLATION ON"),
        ({"read_committed_snapshot": False}, "SET READ_COMMITTED_SNAPSHOT ON"),
    ],
)
def test_a_server_that_cannot_hold_the_schema_is_refused_with_what_to_do(facts: dict[str, Any], words: str) -> None:
    assert words in (server(**facts).refusal() or "")


@pytest.mark.parametrize("facts", [{}, {"edition": 5, "major": 12}, {"edition": 8, "major": 12}])
def test_a_server_that_can_hold_the_schema_is_not_refused(facts: dict[str, Any]) -> None:
    assert server(**facts).refusal() is None
