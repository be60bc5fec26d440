"""`sql`: statements against the embedded database, in SQLite's dialect or SQL Server's.

What people wrote for SQL Server (TOP, dbo., HASHBYTES, CAST … AS VARBINARY, GETUTCDATE, DECLARE @x … = …, geometry::Point) is
transpiled, so that the same quick checks work on both stores. The file is opened read-only unless writing is asked for.
"""

import hashlib
import math
import re
import sqlite3
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hartonomous_resources.clock import timestamp
from hartonomous_resources.database.sqlite import BUSY_SECONDS
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import CommandError
from hartonomous_service.sql_functions import add_functions

if TYPE_CHECKING:
    from sqlglot import exp


def run_sql(
    settings: Settings, text: str, *, write: bool = False, n: int = 1000, seconds: float = 60.0
) -> dict[str, Any]:
    """Run statements (separated by semicolons) in one transaction; the last one's first `n` rows are returned.

    A transaction that takes longer than `seconds` is given up. Sees every tenant: it is a tool of whoever owns the home.
    Returns {"columns", "rows", "rowsChanged", "truncated"}; bytes are shown in hex.

    Raises CommandError with the database's own words.
    """
    text = text.encode(errors="replace").decode()  # an argument need not be text
    connection = sqlite3.connect(":memory:", timeout=BUSY_SECONDS, isolation_level=None, uri=True)
    complaints = add_functions(connection)
    try:
        connection.create_function("SHA2", 2, _sha2, deterministic=True)
        connection.create_function("GETUTCDATE", 0, timestamp)
        connection.create_function("SYSUTCDATETIME", 0, timestamp)
        mode = "rw" if write else "ro"
        # Attached under SQL Server's schema name, so that dbo.Atom and Atom are the same table.
        connection.execute("ATTACH DATABASE ? AS dbo", (f"{settings.database_path.absolute().as_uri()}?mode={mode}",))
        connection.execute("PRAGMA foreign_keys = ON")
        deadline = time.monotonic() + seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 100_000)
        connection.execute("BEGIN")
        connection.set_authorizer(_refuse)
        cursor = None
        changed = 0
        variables: dict[str, Any] = {}
        for statement in _to_sqlite(text):
            _require_declared(statement, variables)
            if statement.assigns is not None:
                [variables[statement.assigns]] = connection.execute(statement.text, variables).fetchone()
                continue
            cursor = connection.execute(statement.text, variables)
            changed += max(cursor.rowcount, 0)
        columns = [item[0] for item in cursor.description] if cursor and cursor.description else []
        fetched = cursor.fetchmany(n + 1) if cursor and columns else []
        connection.set_authorizer(None)
        connection.execute("COMMIT")
        return {
            "columns": columns,
            "rows": [[_shown(value) for value in row] for row in fetched[:n]],
            "rowsChanged": changed,
            "truncated": len(fetched) > n,
        }
    except sqlite3.Error as error:
        hint = "; give --write to change data" if "readonly" in str(error) else ""
        hint = f"; it ran longer than {seconds:g} s, give --seconds for more" if "interrupted" in str(error) else hint
        hint += "".join(f"; {complaint}" for complaint in complaints[:1])
        raise CommandError(f"sql: {error}{hint}") from error
    finally:
        connection.close()


def _shown(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


_TSQL = re.compile(
    r"\bTOP\b|\bdbo\.|\bUSE\b|HASHBYTES|GETUTCDATE|SYSUTCDATETIME|VARBINARY|NVARCHAR|\bN'|\b0x|\.ToString\(|\bDECLARE\b|geometry::",
    re.IGNORECASE,
)
"""Words that only T-SQL has; without them a text is SQLite's own."""


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement in SQLite's dialect. It may read variables (@name); if it assigns one, it is a SELECT of the value."""

    text: str
    reads: frozenset[str] = frozenset()
    assigns: str | None = None


def _require_declared(statement: _Statement, variables: dict[str, Any]) -> None:
    missing = statement.reads - variables.keys()
    if missing:
        raise CommandError(
            f"sql: the variable @{min(missing)} was not declared; write DECLARE @{min(missing)} … before its first use"
        )


_REFUSED = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
"""Other files, and the transaction that all statements of a call share."""


def _refuse(action: int, subject: str | None, argument: str | None, *_: str | None) -> int:
    changes_pragma = action == sqlite3.SQLITE_PRAGMA and argument is not None and subject not in _ASKING_PRAGMAS
    return sqlite3.SQLITE_DENY if action in _REFUSED or changes_pragma else sqlite3.SQLITE_OK


_ASKING_PRAGMAS = {
    "table_info",
    "table_xinfo",
    "index_list",
    "index_info",
    "index_xinfo",
    "foreign_key_list",
    "integrity_check",
    "quick_check",
}
"""Pragmas that take an argument and change nothing; one such as writable_schema can ruin the file."""


def _sha2(value: str | bytes | None, bits: int) -> bytes | None:
    if value is None or bits != 256:
        return None
    return hashlib.sha256(value.encode() if isinstance(value, str) else value).digest()


def _to_sqlite(text: str) -> list[_Statement]:
    import sqlglot
    from sqlglot import exp

    if not _TSQL.search(text):
        dialect = "sqlite"
        if ";" not in text.rstrip().rstrip(";"):
            return [_Statement(text)]  # one statement of SQLite's own: nothing to translate
    else:
        dialect = "tsql"
    try:
        trees = [tree for tree in sqlglot.parse(text, read=dialect) if tree is not None]
    except sqlglot.errors.SqlglotError:
        return [_Statement(text)]  # SQLite's own grammar, perhaps: it says what is wrong, if anything is
    if not trees:
        raise CommandError("sql: there is no statement in the text")
    statements: list[_Statement] = []
    for tree in trees:
        if isinstance(tree, (exp.Use, exp.Semicolon)):
            continue  # one database: nothing to switch to; and a comment at the end is no statement
        if dialect == "sqlite":
            statements.append(_Statement(tree.sql(dialect="sqlite")))
        elif isinstance(tree, exp.Declare):
            statements += [_declaration(item) for item in tree.expressions]
        elif isinstance(tree, exp.Set):
            statements += [_assignment(item) for item in tree.expressions]
        elif isinstance(tree, (exp.WhileBlock, exp.IfBlock, exp.Block)):
            raise CommandError("sql: WHILE, IF and BEGIN … END are SQL Server's own and not known here")
        else:
            statements.append(_translated(tree))
    return statements


def _declaration(item: "exp.DeclareItem") -> _Statement:
    """DECLARE @name type = value."""
    from sqlglot import exp

    [parameter] = item.this if isinstance(item.this, list) else [item.this]
    value = item.args.get("default") or exp.Null()
    kind = item.args.get("kind")
    if isinstance(kind, exp.DataType) and not kind.is_type(exp.DType.GEOMETRY):
        value = exp.Cast(this=value, to=kind)
    return _translated(exp.select(value), assigns=parameter.name.lower())


def _assignment(item: "exp.SetItem") -> _Statement:
    """SET @name = value."""
    from sqlglot import exp

    assigned = item.this
    if not (isinstance(assigned, exp.EQ) and isinstance(assigned.this, exp.Parameter)):
        raise CommandError(f"sql: SET {assigned.sql()} has no meaning here; SET @name = value has")
    return _translated(exp.select(assigned.expression), assigns=assigned.this.name.lower())


def _translated(tree: "exp.Expr", assigns: str | None = None) -> _Statement:
    """A statement of SQL Server's as SQLite's."""
    from sqlglot import exp

    for repeat in tree.find_all(exp.Repeat):
        # REPLICATE takes text there, so bytes are written as text: here they stay bytes, which text need not be able to hold.
        while isinstance(repeat.this, (exp.Cast, exp.Convert)) and repeat.this.find(exp.HexString):
            repeat.this.replace(repeat.this.expression if isinstance(repeat.this, exp.Convert) else repeat.this.this)
    for resolution in list(tree.find_all(exp.ScopeResolution)):
        resolution.replace(_geometry(resolution))
    for dot in list(tree.find_all(exp.Dot)):
        called = dot.expression
        if isinstance(called, exp.Func) and called.name.lower() == "tostring":
            dot.replace(dot.this)  # SpatialKey.ToString(): the column is text here
        elif isinstance(called, exp.Func):
            dot.replace(called)  # dbo.some_function(): functions have no schema here
    for national in list(tree.find_all(exp.National)):
        national.replace(exp.Literal.string(national.name))  # N'…': all text is Unicode here
    for type_ in tree.find_all(exp.DataType):
        type_.set("expressions", [])  # varbinary(max): lengths have no meaning here
    parameters = list(tree.find_all(exp.Parameter))
    for parameter in parameters:
        if isinstance(parameter.this, exp.Parameter):
            raise CommandError(f"sql: @@{parameter.this.name} is SQL Server's own and not known here")
        parameter.this.set("this", parameter.name.lower())  # @Vec is @vec there
    return _Statement(tree.sql(dialect="sqlite"), frozenset(parameter.name for parameter in parameters), assigns)


def _geometry(resolution: "exp.ScopeResolution") -> "exp.Expr":
    """geometry::Point(x, y, srid), and the methods that read well-known text, which is what a geometry is here."""
    from sqlglot import exp

    call = resolution.expression
    name = call.name.lower()
    if name == "point":
        return exp.Anonymous(this="geometry_point", expressions=call.expressions)
    if name in ("parse", "stpointfromtext", "stgeomfromtext"):
        return call.expressions[0]  # type: ignore[no-any-return]
    raise CommandError(f"sql: geometry::{call.name} is not known here; geometry::Point, Parse and STPointFromText are")
