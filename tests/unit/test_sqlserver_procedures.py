"""Procedures as the files define them, and arguments as the driver sends them."""

import re
import uuid
from datetime import datetime
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlserver.procedures import (
    Parameter,
    load_procedures,
    load_table_types,
    to_driver_rows,
    to_driver_value,
)
from hartonomous_resources.project_files import project_file

FOLDER = project_file("sql") / "sqlserver"


def test_parameters_come_in_the_order_of_the_definition_with_their_types() -> None:
    assert load_procedures(FOLDER)["usp_write_atoms"].parameters == (
        Parameter("tenant_id", "int", False),
        Parameter("source_id", "bigint", False),
        Parameter("ingest_hour", "char(16)", False),
        Parameter("atoms", "AtomRows", True),
    )


def test_defaults_and_outputs_are_no_part_of_a_type() -> None:
    found = load_procedures(FOLDER)["sp_AtomizeAndInsert"].parameters

    assert [(p.name, p.type) for p in found] == [
        ("TenantId", "int"),
        ("Atoms", "AtomRows"),
        ("SourceUri", "nvarchar(max)"),
        ("ContentType", "nvarchar(255)"),
        ("SourceId", "bigint"),
    ]


def test_the_last_definition_of_a_procedure_and_a_table_type_counts(tmp_path: Path) -> None:
    first = "CREATE TYPE dbo.Rows AS TABLE\n(\n    A int NOT NULL\n);\nGO\n"
    first += "CREATE PROCEDURE dbo.usp_a\n    @a int\nWITH EXECUTE AS OWNER\nAS\nBEGIN\n    SET NOCOUNT ON;\nEND;\n"
    (tmp_path / "0001_first.sql").write_text(first)
    second = first.replace("CREATE PROCEDURE", "CREATE OR ALTER PROCEDURE").replace("@a int", "@a int, @b bigint")
    (tmp_path / "0002_second.sql").write_text(second.replace("A int NOT NULL", "A int NOT NULL,\n    B bit NULL"))

    assert [p.name for p in load_procedures(tmp_path)["usp_a"].parameters] == ["a", "b"]
    assert load_table_types(tmp_path) == {"Rows": (("A", "int"), ("B", "bit"))}


def test_every_procedure_of_the_files_is_found() -> None:
    texts = [file.read_text("utf-8") for file in FOLDER.rglob("*.sql")]
    defined = {name for text in texts for name in re.findall(r"(?m)^CREATE (?:OR ALTER )?PROCEDURE dbo\.(\w+)", text)}

    assert load_procedures(FOLDER).keys() == defined


def test_table_types_have_their_columns_in_the_order_in_which_rows_are_sent() -> None:
    assert load_table_types(FOLDER)["MessageRows"] == (
        ("Ordinal", "int"),
        ("MessageId", "varchar(36)"),
        ("OrderingKey", "nvarchar(max)"),
        ("Body", "varbinary(max)"),
    )


@pytest.mark.parametrize("given", [{}, {"hour": "x"}, {"source_id": 1, "now": "x", "more": 1}])
def test_wrong_parameters_are_refused_before_anything_is_sent(given: dict[str, object]) -> None:
    with pytest.raises(TypeError, match="usp_touch_source takes"):
        load_procedures(FOLDER)["usp_touch_source"].arguments(given)


def test_times_and_ids_are_sent_as_such() -> None:
    assert to_driver_value("datetime2(3)", "2026-11-25T14:00:00.123Z") == datetime(2026, 11, 25, 14, 0, 0, 123000)
    assert to_driver_value("uniqueidentifier", "0193a5b0-0000-7000-8000-000000000001") == uuid.UUID(
        "0193a5b0-0000-7000-8000-000000000001"
    )
    assert to_driver_value("uniqueidentifier", "no id") == uuid.UUID(int=0)
    assert to_driver_value("datetime2(3)", None) is pytest.importorskip("pyodbc").BinaryNull


def test_bytes_of_a_row_are_never_none() -> None:
    columns = (("A", "int"), ("B", "varbinary(64)"), ("C", "datetime2(3)"))

    rows = to_driver_rows(columns, [(1, None, "2026-11-25T14:00:00.000Z"), (None, b"x", "2026-11-25T14:00:00.000Z")])

    assert [row[:2] for row in rows] == [(1, b""), (None, b"x")]
    assert {row[2] for row in rows} == {datetime(2026, 11, 25, 14)}
