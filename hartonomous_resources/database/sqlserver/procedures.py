"""Our procedures and table types as sql/sqlserver/ defines them: Python asks the files for parameters and never repeats them.

The named statement `claim_sources` is the procedure `usp_claim_sources`. Arguments go by position in the order of the definition, so
a call is one RPC; each is sent as the declared type, so the driver asks the server for none.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

_PROCEDURE = re.compile(
    r"^CREATE (?:OR ALTER )?PROCEDURE dbo\.(\w+)(.*?)\nWITH EXECUTE AS OWNER\nAS\n", re.MULTILINE | re.DOTALL
)
_TABLE_TYPE = re.compile(r"^CREATE TYPE dbo\.(\w+) AS TABLE\n\(\n(.*?)\n\);", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"@(\w+)\s+(dbo\.\w+|\w+(?:\([^)]*\))?)(?:\s+(?:READONLY|=|OUTPUT)[^,]*)?(?:,|$)")
_COLUMN = re.compile(r"^    (?!PRIMARY )(\w+) (\w+(?:\([^)]*\))?)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its name without @, and its type, such as `nvarchar(max)` or, for a table, the table type's name."""

    name: str
    type: str
    is_table: bool


@dataclass(frozen=True, slots=True)
class Procedure:
    """A stored procedure."""

    name: str
    parameters: tuple[Parameter, ...]

    def arguments(self, given: Mapping[str, object]) -> list[object]:
        """The arguments in the order of the definition.

        Raises TypeError for a parameter that is missing or unknown.
        """
        names = [parameter.name for parameter in self.parameters]
        if given.keys() != set(names):
            raise TypeError(f"{self.name} takes {names}, given are {sorted(given)}")
        return [given[name] for name in names]


@cache
def load_procedures(folder: Path) -> dict[str, Procedure]:
    """Every procedure defined in the .sql files below `folder`, by name: as the last of them defines it."""
    procedures = {}
    for name, text in _definitions(folder, _PROCEDURE):
        parameters = tuple(
            Parameter(found[0], found[1].removeprefix("dbo."), found[1].startswith("dbo."))
            for found in _PARAMETER.findall(" ".join(text.split()))
        )
        procedures[name] = Procedure(name, parameters)
    return procedures


@cache
def load_table_types(folder: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Columns, as (name, type), of every table type defined below `folder`, in its last definition."""
    return {name: tuple(_COLUMN.findall(text)) for name, text in _definitions(folder, _TABLE_TYPE)}


def column_values(columns: Sequence[tuple[str, str]]) -> Callable[[object], tuple[Any, ...]]:
    """What makes a row for a table type, its columns given as (name, type), of an object that has an attribute for each."""
    return attrgetter(*(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name, _ in columns))


def _definitions(folder: Path, pattern: re.Pattern[str]) -> list[tuple[str, str]]:
    return [found for file in sorted(folder.rglob("*.sql")) for found in pattern.findall(file.read_text("utf-8"))]


def to_driver_value(kind: str, value: Any) -> object:
    """Convert a value to what the driver sends for a T-SQL type: times are text in our rows, and so are ids.

    None is BinaryNull, which goes as NULL of the declared type: for None itself pyodbc would ask the server for the type first.
    """
    if value is None:
        import pyodbc

        return pyodbc.BinaryNull
    if kind.startswith("datetime2"):
        return datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None)
    if kind == "uniqueidentifier":
        try:
            return uuid.UUID(str(value))
        except ValueError:
            return uuid.UUID(int=0)  # text that is no id finds nothing
    return value


def to_driver_rows(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
    """Convert rows for a table type, its columns given as (name, type).

    Bytes that are None go as empty bytes: pyodbc would send a column of nothing but None as varchar, which the server does not
    turn into varbinary. Procedures read empty as NULL.
    """
    result = list(rows)
    for place, (_, kind) in enumerate(columns):
        if kind.startswith("datetime2"):
            result = [_with(row, place, to_driver_value(kind, row[place])) for row in result]
        elif "binary" in kind:
            result = [_with(row, place, b"") if row[place] is None else row for row in result]
    return result


def _with(row: Sequence[Any], place: int, value: object) -> Sequence[Any]:
    return (*row[:place], value, *row[place + 1 :])


def input_sizes(parameters: Sequence[Parameter]) -> list[Any]:
    """Return what `Cursor.setinputsizes` takes for these parameters, so that the driver asks the server for no type."""
    import pyodbc

    kinds: dict[str, tuple[int, int, int]] = {
        "bigint": (pyodbc.SQL_BIGINT, 0, 0),
        "int": (pyodbc.SQL_INTEGER, 0, 0),
        "tinyint": (pyodbc.SQL_TINYINT, 0, 0),
        "bit": (pyodbc.SQL_BIT, 0, 0),
        "float": (pyodbc.SQL_DOUBLE, 0, 0),
        "datetime2": (pyodbc.SQL_TYPE_TIMESTAMP, 23, 3),
        "uniqueidentifier": (pyodbc.SQL_GUID, 0, 0),
        "varchar": (pyodbc.SQL_VARCHAR, 0, 0),
        "char": (pyodbc.SQL_VARCHAR, 0, 0),
        "nvarchar": (pyodbc.SQL_WVARCHAR, 0, 0),
        "varbinary": (pyodbc.SQL_VARBINARY, 0, 0),
        "binary": (pyodbc.SQL_VARBINARY, 0, 0),
    }
    return [None if parameter.is_table else kinds[parameter.type.partition("(")[0]] for parameter in parameters]
