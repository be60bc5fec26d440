"""What our SQL Server migrations define, read from their own text: it stays the only place where a table is described.

This reads the CREATE statements of our files, whose form we know; it is no parser of T-SQL in general.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache

from hartonomous_resources.project_files import project_file

TABLES_MIGRATION = "0001_tables"
"""The migration whose place an adoption takes."""

FEATURES = ("table_broker", "service_broker", "spatial", "vector", "full_text")

_STRINGS_AND_COMMENTS = re.compile(r"('(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)
_GO = re.compile(r"^\s*GO\s*$", re.MULTILINE | re.IGNORECASE)
_TABLE = re.compile(r"CREATE TABLE dbo\.(\w+)\s*\((.*)\)$", re.DOTALL)
_INDEX = re.compile(r"CREATE (UNIQUE )?INDEX (\w+) ON dbo\.(\w+) \(([\w, ]+)\)(.*)$", re.DOTALL)
_SEQUENCE = re.compile(r"CREATE SEQUENCE dbo\.(\w+)")
_COMPUTED = re.compile(r"(\w+) AS (.+)$", re.DOTALL)
_COLUMN = re.compile(r"(\w+) (\w+)(?:\s*\((\w+)\))?(.*)$", re.DOTALL)
_CONSTRAINT = re.compile(
    r"CONSTRAINT (\w+)\s+(PRIMARY KEY|UNIQUE|CHECK|DEFAULT|FOREIGN KEY|REFERENCES)\b(.*)$", re.DOTALL
)
_REFERENCE = re.compile(r"dbo\.(\w+) \((\w+)\)(.*)$", re.DOTALL)
_NAMED = re.compile(
    r"^\s*CREATE\s+(?:OR\s+ALTER\s+)?(TABLE|VIEW|PROCEDURE|FUNCTION|TYPE|TRIGGER|SEQUENCE|QUEUE)\s+dbo\.(\w+)",
    re.MULTILINE | re.IGNORECASE,
)
_ADDED = re.compile(r"ALTER TABLE dbo\.(\w+)\s+(?:WITH \w+\s+)?ADD\s+(?!CONSTRAINT)(.*)$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint with its name. `text` is what follows the kind; a column's constraint lists that column."""

    name: str
    kind: str
    text: str
    columns: tuple[str, ...]

    @property
    def definition(self) -> str:
        """The text that adds it to a table that has the column already."""
        column = self.columns[0] if self.columns else ""
        match self.kind:
            case "DEFAULT":
                return f"CONSTRAINT {self.name} DEFAULT {self.text} FOR {column}"
            case "REFERENCES":
                return f"CONSTRAINT {self.name} FOREIGN KEY ({column}) REFERENCES {self.text}"
            case "UNIQUE" if "(" not in self.text:
                return f"CONSTRAINT {self.name} UNIQUE {self.text} ({column})"
        return f"CONSTRAINT {self.name} {self.kind} {self.text}"

    @property
    def reference(self) -> tuple[str, str, bool]:
        """Of a foreign key: table, column, and whether a delete there deletes here."""
        match = _REFERENCE.search(self.text)
        if match is None:
            raise ValueError(f"{self.name} is no foreign key")
        return match[1], match[2], "ON DELETE CASCADE" in match[3]


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `length` counts characters or bytes (-1: max) and for datetime2 the digits of its seconds."""

    name: str
    type: str
    length: int
    collation: str | None
    nullable: bool
    identity: bool
    computed_as: str | None
    constraints: tuple[Constraint, ...]
    definition: str

    @property
    def type_text(self) -> str:
        return type_text(self.type, self.length)

    @property
    def default(self) -> Constraint | None:
        return next((c for c in self.constraints if c.kind == "DEFAULT"), None)


@dataclass(frozen=True, slots=True)
class Index:
    """An index of a table."""

    name: str
    table: str
    unique: bool
    columns: tuple[str, ...]
    filtered: bool
    statement: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its columns in order and all its constraints, those of the columns included."""

    name: str
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    statement: str

    def key_columns(self, indexes: Iterable[Index]) -> set[str]:
        """Columns that a key or an index of ours is made of: they may not be of unlimited length."""
        keys = [c.columns for c in self.constraints if c.kind in ("PRIMARY KEY", "UNIQUE")]
        return {name for columns in (*keys, *(i.columns for i in indexes if i.table == self.name)) for name in columns}


@dataclass(frozen=True, slots=True)
class Sequence:
    """A sequence."""

    name: str
    statement: str


Definition = Table | Index | Sequence


def type_text(name: str, length: int) -> str:
    """A type as T-SQL writes it."""
    if name in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary", "datetime2", "datetimeoffset"):
        return f"{name}({'max' if length < 0 else length})"
    return name


@cache
def target_definitions() -> tuple[Definition, ...]:
    """Tables, indexes and sequences of the migration that makes the tables, in its order."""
    file = project_file("sql") / "sqlserver" / "migrations" / f"{TABLES_MIGRATION}.sql"
    return tuple(parse_definitions(file.read_text(encoding="utf-8")))


def parse_definitions(script: str) -> list[Definition]:
    """What a script of CREATE TABLE, CREATE INDEX and CREATE SEQUENCE defines.

    Raises ValueError for any other statement: whoever adds one to that migration must say how an adoption makes it.
    """
    definitions: list[Definition] = []
    text = _STRINGS_AND_COMMENTS.sub(lambda match: match[1] or "", script)
    for batch in _GO.split(text):
        for statement in _split(batch, ";"):
            if table := _TABLE.match(statement):
                definitions.append(_table(table[1], table[2], statement))
            elif index := _INDEX.match(statement):
                columns = tuple(name.strip() for name in index[4].split(","))
                filtered = re.search(r"\bWHERE\b", index[5]) is not None
                definitions.append(Index(index[2], index[3], bool(index[1]), columns, filtered, statement))
            elif sequence := _SEQUENCE.match(statement):
                definitions.append(Sequence(sequence[1], statement))
            else:
                raise ValueError(f"{TABLES_MIGRATION}: an adoption cannot make {statement[:60]!r}")
    return definitions


@cache
def later_names(features: tuple[str, ...]) -> dict[str, str]:
    """Names in our schema that the other migrations and these features define, with their kinds."""
    return {name: kind.upper() for text in _later_scripts(features) for kind, name in _NAMED.findall(text)}


@cache
def later_columns(features: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """By table, the columns that the other migrations and these features add to tables that are there."""
    columns: dict[str, tuple[str, ...]] = {}
    for text in _later_scripts(features):
        for statement in (one for batch in _GO.split(text) for one in _split(batch, ";")):
            if added := _ADDED.match(statement):
                names = [item.split()[0] for item in _split(added[2], ",") if not item.startswith("CONSTRAINT ")]
                columns[added[1]] = (*columns.get(added[1], ()), *names)
    return columns


def _later_scripts(features: Iterable[str]) -> Iterator[str]:
    """The other migrations and these features, without comments."""
    folders = [project_file("sql") / "sqlserver" / name for name in ("migrations", *features)]
    for file in (file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.sql"))):
        if file.stem != TABLES_MIGRATION:
            yield _STRINGS_AND_COMMENTS.sub(lambda match: match[1] or "", file.read_text(encoding="utf-8"))


def _table(name: str, body: str, statement: str) -> Table:
    columns: list[Column] = []
    constraints: list[Constraint] = []
    for item in _split(body, ","):
        if item.startswith("CONSTRAINT "):
            constraints.append(_constraint(item, None))
        else:
            columns.append(_column(item))
    of_columns = [constraint for column in columns for constraint in column.constraints]
    return Table(name, tuple(columns), (*of_columns, *constraints), statement)


def _column(item: str) -> Column:
    plain, *texts = re.split(r"\s+(?=CONSTRAINT\s)", item)
    if computed := _COMPUTED.match(item):
        return Column(computed[1], "", 0, None, True, False, computed[2], (), item)
    match = _COLUMN.match(plain)
    if match is None:
        raise ValueError(f"{TABLES_MIGRATION}: column {item[:60]!r} cannot be read")
    name, type_name, length, rest = match.groups()
    collation = re.search(r"COLLATE (\w+)", rest)
    return Column(
        name=name,
        type=type_name,
        length=-1 if length == "max" else int(length or 0),
        collation=collation[1] if collation else None,
        nullable="NOT NULL" not in rest,
        identity="IDENTITY" in rest,
        computed_as=None,
        constraints=tuple(_constraint(text, name) for text in texts),
        definition=item,
    )


def _constraint(text: str, column: str | None) -> Constraint:
    match = _CONSTRAINT.match(text)
    if match is None:
        raise ValueError(f"{TABLES_MIGRATION}: constraint {text[:60]!r} cannot be read")
    name, kind, rest = match.groups()
    columns: tuple[str, ...] = (column,) if column else ()
    if not column and kind in ("PRIMARY KEY", "UNIQUE"):
        listed = re.search(r"\(([\w, ]+)\)", rest)
        columns = tuple(part.strip() for part in listed[1].split(",")) if listed else ()
    return Constraint(name, kind, " ".join(rest.split()), columns)


def _split(text: str, separator: str) -> list[str]:
    """The parts of a text between separators that stand in no parenthesis and no string."""
    parts, depth, in_string, start = [], 0, False, 0
    for position, character in enumerate(text):
        if character == "'":
            in_string = not in_string
        elif not in_string and character in "()":
            depth += 1 if character == "(" else -1
        elif not in_string and depth == 0 and character == separator:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]
