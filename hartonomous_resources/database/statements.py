"""Named statements, read from the .sql and .cypher files beside the migrations.

A file holds blocks that begin with a line `-- name: some_name`, in Cypher `// name: some_name`. Python names a statement and
binds parameters; it never holds SQL or Cypher text. Every backend defines the same names with the same parameters.

What several statements of a folder say alike is a block that begins with `-- part: some_part`; `{some_part}` stands for it.

rows/ knows the types of what the busiest statements return (`Statement`) and names what `execute_many` takes (`Write`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Generic, TypeVar

RowT = TypeVar("RowT")

Values = tuple[object, ...]
"""What a row of `execute_many` is: a plain tuple, since a hundred thousand rows at a time are made of it. A NamedTuple took more than
twice as long to make and to bind (586 ms against 260, and 282 by a function, for 100,000 rows of eight values)."""

NULL: Final = ""
"""What very many rows have for NULL, where their statement takes '' for it: sqlite3 looks each time whether somebody adapts None, or bytes, for
half a microsecond each up to Python 3.11; it does not with a text, a number or a bytearray."""

Write = Callable[..., Values]
"""A statement of `execute_many`, as the function for its rows: it has the statement's name and names every value.

Statements take the values by place, and so do the table types of SQL Server: the functions alone know the order, and tests hold it to
the statements on both.
"""

_HEADING = re.compile(r"^(?:--|//) (name|part): (\w+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement(Generic[RowT]):
    """A named statement and the type of its rows: `query(CLAIM_SOURCES, …)` is a `list[ClaimedSource]`.

    `row` is a TypedDict. Tests hold its keys to the columns of the statement on each backend, and keep code of ours from
    asking for a typed statement by its plain name.
    """

    name: str
    row: type[RowT]

    def __str__(self) -> str:
        return self.name


def name_of(statement: Write | str) -> str:
    """The name of a statement that is given as the function for its rows, or by its name."""
    return statement if isinstance(statement, str) else statement.__name__


@cache
def load_statements(folder: Path) -> dict[str, str]:
    """All statements of the files in `folder`, by name.

    Raises ValueError when a name is defined twice.
    """
    found: dict[str, dict[str, str]] = {"name": {}, "part": {}}
    for file in sorted([*folder.glob("*.sql"), *folder.glob("*.cypher")]):
        _, *blocks = _HEADING.split(file.read_text(encoding="utf-8"))
        for kind, name, text in zip(blocks[::3], blocks[1::3], blocks[2::3], strict=True):
            if name in found[kind]:
                raise ValueError(f"{file.name}: {'statement' if kind == 'name' else 'part'} {name} is defined twice")
            found[kind][name] = text.strip().rstrip(";")
    statements = found["name"]
    for part, text in found["part"].items():
        statements = {name: statement.replace(f"{{{part}}}", text) for name, statement in statements.items()}
    return statements
