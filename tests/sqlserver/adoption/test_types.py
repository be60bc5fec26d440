"""Which type serves as it is, which is widened, and which is refused."""

from dataclasses import replace

import pytest

from hartonomous_resources.database.sqlserver.adoption.column_types import fitting_type, grows_in_place
from hartonomous_resources.database.sqlserver.adoption.old_schema import OldColumn
from hartonomous_resources.database.sqlserver.adoption.target import Column, Table, target_definitions
from tests.sqlserver.adoption.schemas import column

MODEL = next(one for one in target_definitions() if isinstance(one, Table)).columns[0]


def wanted(type_name: str, length: int = 0) -> Column:
    return replace(MODEL, type=type_name, length=length)


@pytest.mark.parametrize(
    ("there", "ours", "becomes"),
    [
        (("varchar", 50), ("varchar", 32), "varchar(50)"),
        (("varchar", 20), ("varchar", 32), "varchar(32)"),
        (("nvarchar", 20), ("varchar", 32), "nvarchar(32)"),
        (("varchar", 300), ("nvarchar", 255), "nvarchar(300)"),
        (("varchar", -1), ("nvarchar", -1), "nvarchar(max)"),
        (("nvarchar", 4000), ("nvarchar", -1), "nvarchar(max)"),
        (("ntext", 16), ("nvarchar", -1), "nvarchar(max)"),
        (("image", 16), ("varbinary", -1), "varbinary(max)"),
        (("char", 32), ("varchar", 32), None),
        (("binary", 64), ("varbinary", 64), None),
        (("xml", -1), ("nvarchar", -1), None),
        (("varbinary", 64), ("binary", 32), "varbinary(64)"),
        (("varbinary", 16), ("binary", 32), None),
        (("binary", 20), ("binary", 32), None),
        (("int", 4), ("bigint", 0), "bigint"),
        (("bigint", 8), ("int", 0), None),
        (("real", 4), ("float", 0), "float"),
        (("datetime2", 7), ("datetime2", 3), "datetime2(7)"),
        (("datetime2", 0), ("datetime2", 3), "datetime2(3)"),
        (("datetime", 8), ("datetime2", 3), "datetime2(3)"),
        (("datetimeoffset", 7), ("datetime2", 3), None),
        (("timestamp", 8), ("rowversion", 0), "timestamp"),
        (("bigint", 8), ("rowversion", 0), None),
        (("bit", 1), ("bit", 0), "bit"),
        (("varchar", 16), ("char", 16), None),
        (("uniqueidentifier", 16), ("uniqueidentifier", 0), "uniqueidentifier"),
    ],
)
def test_the_type_that_a_column_gets(there: tuple[str, int], ours: tuple[str, int], becomes: str | None) -> None:
    assert fitting_type(column("C", *there), wanted(*ours), in_key=False) == becomes


@pytest.mark.parametrize(
    ("there", "becomes"),
    [
        (column("C", "varchar", -1, collation="Latin1_General_100_BIN2_UTF8"), "varchar(max)"),
        (column("C", "varchar", 400, collation="Latin1_General_100_CI_AS_SC_UTF8"), "varchar(max)"),
        (column("C", "varchar", -1, collation="Latin1_General_CI_AS"), "nvarchar(max)"),
        (column("C", "nvarchar", -1, collation="Latin1_General_CI_AS"), "nvarchar(max)"),
        (column("C", "ntext", 16, collation="Latin1_General_CI_AS"), "nvarchar(max)"),
    ],
)
def test_a_text_of_any_language_stays_unicode(there: OldColumn, becomes: str) -> None:
    ours = replace(wanted("varchar", -1), collation="Latin1_General_100_BIN2_UTF8")
    assert fitting_type(there, ours, in_key=False) == becomes


def test_a_column_of_a_key_may_not_be_of_unlimited_length() -> None:
    assert fitting_type(column("C", "varchar", -1), wanted("varchar", 32), in_key=True) is None
    assert fitting_type(column("C", "varchar", -1), wanted("varchar", 32), in_key=False) == "varchar(max)"


@pytest.mark.parametrize(
    ("there", "becomes", "in_place"),
    [
        (("varchar", 20), "varchar(32)", True),
        (("varbinary", 20), "varbinary(max)", False),
        (("varchar", 20), "nvarchar(32)", False),
        (("int", 4), "bigint", False),
    ],
)
def test_only_a_length_grows_in_place(there: tuple[str, int], becomes: str, in_place: bool) -> None:
    assert grows_in_place(column("C", *there), becomes) is in_place
