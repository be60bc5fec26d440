"""Lists the statements whose rows have a type, and finds the columns of a statement by asking SQLite."""

import importlib
import inspect
import pkgutil
import re
import sqlite3
from typing import Any

from hartonomous_resources.database import rows
from hartonomous_resources.database.statements import Statement, Write

_KNOWN = [
    known
    for module in pkgutil.iter_modules(rows.__path__, f"{rows.__name__}.")
    for known in vars(importlib.import_module(module.name)).items()
    if getattr(known[1], "__module__", "").startswith((rows.__name__, Statement.__module__))
]

TYPED: dict[str, Statement[Any]] = {name: value for name, value in _KNOWN if isinstance(value, Statement)}
"""The statements whose rows have a type, by the name of their constant."""

WRITES: dict[str, Write] = {name: value for name, value in _KNOWN if inspect.isfunction(value)}
"""The functions for rows of execute_many, by the name of the statement."""


def names_of(write: Write) -> list[str]:
    """Return the names of the values of a row, in order."""
    return list(inspect.signature(write).parameters)


def snake_case(column: str) -> str:
    """Convert a column's name to snake_case, as Python has it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", column).lower()


class AnyName(dict[str, object]):
    """Parameters of a statement: NULL for every name but `n`, which is 0, as LIMIT takes no NULL."""

    def __missing__(self, key: str) -> int | None:
        return 0 if key == "n" else None


def is_staging(name: str) -> bool:
    """Whether a statement makes a table of the connection alone, which `write_rows` fills."""
    return name.startswith("create_staged_")


def sqlite_columns(connection: sqlite3.Connection, statement: str) -> list[str] | None:
    """Return the names of a statement's columns; None where it returns no rows."""
    if not any(row["opcode"] == "ResultRow" for row in connection.execute(f"EXPLAIN {statement}", AnyName())):
        return None
    return [column[0] for column in connection.execute(statement, AnyName()).description]


def bare(statement: str) -> str:
    """Remove comments and strings from a statement."""
    return re.sub(r"--.*|'[^']*'", "", statement)


def positional_columns(statement: str) -> list[str]:
    """Return the column for each value of a row of execute_many, in the order of the values; numbered ones (?2) give their place."""
    text = re.sub(r"NULLIF\((\?), [^)]*\)", r"\1", " ".join(bare(statement).split()))
    pairs = re.findall(r"(\w+) = (?:\w+ \+ )?(\?\d*)", text)
    if inserted := re.search(r"\((.*?)\) (?:VALUES \(|SELECT )(.*?)(?:\)| FROM )", text):
        pairs += zip(*(part.split(", ") for part in inserted.groups()), strict=True)
    given = [(int(value[1:] or 0), column) for column, value in pairs if value.startswith("?")]
    return [column for _, column in sorted(given, key=lambda pair: pair[0])]
