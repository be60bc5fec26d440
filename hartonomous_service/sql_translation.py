"""Translates SQL Server's dialect into statements that the embedded database runs; SQLite's own dialect stays as it is.

What people wrote for SQL Server (TOP, dbo., HASHBYTES, CAST … AS VARBINARY, 'a' + 'b', GETUTCDATE, DECLARE @x … = …, EXEC,
geometry::Point) is translated. What has no counterpart is refused with an error that names it, never ignored.
"""

import logging
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hartonomous_resources.database.sqlserver.scripts import split_batches
from hartonomous_service.errors import Invalid

if TYPE_CHECKING:
    from sqlglot import exp


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement in SQLite's dialect. It may read variables (@name).

    With `assigns`, it is a SELECT whose last row goes into these variables. With `calls`, it is a SELECT of the arguments of
    that procedure, whose names are `arguments` (None: by position).
    """

    text: str
    reads: frozenset[str] = frozenset()
    assigns: tuple[str, ...] = ()
    calls: str | None = None
    arguments: tuple[str | None, ...] = ()


def translate_batches(text: str) -> Iterator[list[Statement]]:
    """Yield the statements of each batch: a line that holds only GO ends a batch and the life of its variables.

    Raises Invalid for what cannot be translated, and for a text without a statement.
    """
    found = False
    for batch in split_batches(text):
        statements = (
            _translate(batch) if _TSQL.search(batch) else [Statement(each) for each in _split_statements(batch)]
        )
        found = found or bool(statements)
        yield statements
    if not found:
        raise Invalid("sql: there is no statement in the text")


_TSQL = re.compile(
    r"\b(TOP|USE|DECLARE|EXEC(UTE)?|CONVERT|REPLICATE|HASHBYTES|GETUTCDATE|SYSUTCDATETIME)\b|\bdbo\.|geometry::|\.ToString\(|"
    r"\bN'|\b0x|@\w|'\s*\+|\+\s*'|\bTRY_|\bAS\s+(N?CHAR|BINARY)\b|N?VARCHAR|VARBINARY",
    re.IGNORECASE,
)
"""Words that only T-SQL has; a text without them is taken for SQLite's dialect."""


def _split_statements(batch: str) -> Iterator[str]:
    """Split a batch in SQLite's dialect, which tells itself where a statement is complete."""
    start = 0
    for end in (match.end() for match in re.finditer(r";|\Z", batch)):
        if end == len(batch) or sqlite3.complete_statement(batch[start:end]):
            if _has_statement(batch[start:end]):
                yield batch[start:end]
            start = end


def _has_statement(statement: str) -> bool:
    """Tell whether a statement holds more than comments."""
    return bool(re.sub(r"/\*.*?(\*/|$)|--[^\n]*|[\s;]", "", statement, flags=re.DOTALL))


def _translate(batch: str) -> list[Statement]:
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # of what it cannot read we say so ourselves
    try:
        trees = [tree for tree in sqlglot.parse(batch, read="tsql") if tree is not None]
    except sqlglot.errors.SqlglotError:
        # Perhaps it is in SQLite's grammar, and SQLite says what is wrong with it.
        return [Statement(each) for each in _split_statements(batch)]
    statements: list[Statement] = []
    types: dict[str, exp.DataType] = {}  # of the variables
    for tree in trees:
        if isinstance(tree, (exp.Use, exp.Semicolon)):
            continue  # one database: nothing to switch to; and a comment at the end is no statement
        if isinstance(tree, exp.Declare):
            statements += [_translate_declaration(item, types) for item in tree.expressions]
        elif isinstance(tree, exp.Set):
            statements += [_translate_assignment(item, types) for item in tree.expressions]
        elif isinstance(tree, exp.Execute):
            statements.append(_translate_call(tree))
        elif isinstance(tree, (exp.Select, exp.SetOperation, exp.Insert, exp.Update, exp.Delete)):
            statements.append(_translate_query(tree, types))
        else:
            what = tree.sql(dialect="tsql").split(maxsplit=2)
            raise Invalid(
                f"sql: {' '.join(what[:2])[:40]} is not done here; this is for SELECT, INSERT, UPDATE, DELETE, DECLARE, SET @name = value "
                "and EXEC"
            )
    return statements


def _translate_declaration(item: "exp.DeclareItem", types: "dict[str, exp.DataType]") -> Statement:
    """Translate DECLARE @name type = value."""
    from sqlglot import exp

    [parameter] = item.this if isinstance(item.this, list) else [item.this]
    kind = item.args.get("kind")
    if not isinstance(kind, exp.DataType) or kind.is_type(exp.DType.USERDEFINED):
        raise Invalid(f"sql: @{parameter.name} is a table; tables in variables are SQL Server's own")
    if not kind.expressions:
        kind.append("expressions", exp.DataTypeParam(this=exp.Literal.number(1)))  # VARCHAR is VARCHAR(1) here
    types[parameter.name.lower()] = kind
    return _select_into_variables([(parameter.name, item.args.get("default") or exp.Null())], exp.select(), types)


def _translate_assignment(item: "exp.SetItem", types: "dict[str, exp.DataType]") -> Statement:
    """Translate SET @name = value."""
    from sqlglot import exp

    assigned = item.this
    if not (isinstance(assigned, exp.EQ) and isinstance(assigned.this, exp.Parameter)):
        raise Invalid(f"sql: SET {assigned.sql()} has no meaning here; SET @name = value has")
    return _select_into_variables([(assigned.this.name, assigned.expression)], exp.select(), types)


def _select_into_variables(
    assigned: "Sequence[tuple[str, exp.Expr]]", select: "exp.Select", types: "dict[str, exp.DataType]"
) -> Statement:
    """Return a SELECT whose values go into variables, each cast to the type that its variable was declared with."""
    from sqlglot import exp

    names = tuple(name.lower() for name, _ in assigned)
    values = [
        value
        if name not in types or types[name].is_type(exp.DType.GEOMETRY)
        else exp.Cast(this=value, to=types[name].copy())
        for name, (_, value) in zip(names, assigned, strict=True)
    ]
    select.set("expressions", values)
    return _to_sqlite(select, names)


def _translate_call(tree: "exp.Execute") -> Statement:
    """Translate EXEC procedure @name = value, … into a SELECT of the values."""
    from sqlglot import exp

    if not isinstance(tree.this, exp.Table) or isinstance(tree, exp.ExecuteSql):
        raise Invalid("sql: EXEC of a text is not done here; give the text itself")
    if tree.args.get("return_status"):
        raise Invalid("sql: EXEC @name = … is not done here; a procedure returns rows")
    names: list[str | None] = []
    values: list[exp.Expr] = []
    for argument in tree.expressions:
        by_name = isinstance(argument, exp.EQ) and isinstance(argument.this, exp.Parameter)
        names.append(argument.this.name if by_name else None)
        values.append(argument.expression if by_name else argument)
    evaluated = _to_sqlite(exp.select(*(values or [exp.Null()])))
    return Statement(evaluated.text, evaluated.reads, calls=tree.this.name, arguments=tuple(names))


def _translate_query(tree: "exp.Expr", types: "dict[str, exp.DataType]") -> Statement:
    """Translate SELECT, INSERT, UPDATE or DELETE, and a SELECT that assigns variables instead of returning rows."""
    from sqlglot import exp

    if tree.args.get("into"):
        raise Invalid("sql: SELECT … INTO makes a table, which is not done here")
    if not isinstance(tree, exp.Select):
        return _to_sqlite(tree)
    assigned = [
        (each.this.name, each.expression)
        for each in tree.expressions
        if isinstance(each, exp.EQ) and isinstance(each.this, exp.Parameter)
    ]
    if not assigned:
        tree.set("expressions", [_name_column(each) for each in tree.expressions])
        return _to_sqlite(tree)
    if len(assigned) != len(tree.expressions):
        raise Invalid("sql: a SELECT either assigns variables or returns rows")
    return _select_into_variables(assigned, tree, types)


def _name_column(projection: "exp.Expr") -> "exp.Expr":
    """Name a column of the result by its text as given, not by the translation."""
    from sqlglot import exp

    if isinstance(projection, exp.Alias) or not projection.find(exp.Add, exp.Cast, exp.Convert):
        return projection
    return exp.alias_(projection, projection.sql(dialect="tsql"), quoted=True)


def _to_sqlite(tree: "exp.Expr", assigns: tuple[str, ...] = ()) -> Statement:
    """Rewrite a statement of SQL Server as one of SQLite."""
    from sqlglot import ErrorLevel, exp
    from sqlglot.errors import UnsupportedError

    for repeat in tree.find_all(exp.Repeat):
        # REPLICATE takes text there, so bytes are written as text: here they stay bytes, which text need not be able to hold.
        while isinstance(repeat.this, (exp.Cast, exp.Convert)) and repeat.this.find(exp.HexString):
            repeat.this.replace(repeat.this.expression if isinstance(repeat.this, exp.Convert) else repeat.this.this)
    for resolution in list(tree.find_all(exp.ScopeResolution)):
        resolution.replace(_translate_geometry(resolution))
    for dot in list(tree.find_all(exp.Dot)):
        called = dot.expression
        if isinstance(called, exp.Func) and called.name.lower() == "tostring":
            dot.replace(dot.this)  # SpatialKey.ToString(): the column is text here
        elif isinstance(called, exp.Func):
            dot.replace(called)  # dbo.some_function(): functions have no schema here
    for table in tree.find_all(exp.Table):
        if table.db.lower() == "dbo":
            table.set("db", None)
        table.set("hints", None)  # WITH (NOLOCK): a reader waits for nobody here
    for national in list(tree.find_all(exp.National)):
        national.replace(exp.Literal.string(national.name))  # N'…': all text is Unicode here
    for cast in list(tree.find_all(exp.Cast)):  # TryCast is one, too
        cast.replace(_translate_conversion(cast, cast.this, cast.to))
    for convert in list(tree.find_all(exp.Convert)):
        convert.replace(_translate_conversion(convert, convert.expression, convert.this))
    for sum_ in list(tree.find_all(exp.Add)):
        sum_.replace(exp.Anonymous(this="tsql_add", expressions=[sum_.this, sum_.expression]))
    parameters = list(tree.find_all(exp.Parameter))
    for parameter in parameters:
        if isinstance(parameter.this, exp.Parameter):
            raise Invalid(f"sql: @@{parameter.this.name} is SQL Server's own and not known here")
        parameter.this.set("this", parameter.name.lower())  # @Vec is @vec there
    if any(each.args.get("with_ties") or each.args.get("percent") for each in tree.find_all(exp.LimitOptions)):
        raise Invalid("sql: TOP … PERCENT and WITH TIES are SQL Server's own; TOP n is known")
    try:
        text = tree.sql(dialect="sqlite", unsupported_level=ErrorLevel.RAISE)
    except UnsupportedError as error:
        raise Invalid(f"sql: SQL Server's own and not known here: {error}") from error
    return Statement(text, frozenset(parameter.name for parameter in parameters), assigns)


def _translate_conversion(conversion: "exp.Expr", value: "exp.Expr", to: "exp.DataType") -> "exp.Expr":
    """Translate CAST, CONVERT and their TRY_ forms; a function replaces those that SQLite's CAST would do differently."""
    from sqlglot import exp

    kind = to.this.value.lower()
    if kind not in _CONVERTED:
        to.set("expressions", [])
        return exp.Cast(this=value, to=to)
    [length] = [each.name for each in to.expressions[:1]] or ["30"]
    style = conversion.args.get("style") or exp.Literal.number(0)
    safe = isinstance(conversion, exp.TryCast) or bool(conversion.args.get("safe"))
    limit = -1 if length.lower() == "max" else int(length)
    options = [exp.Literal.string(kind), exp.Literal.number(limit), style, exp.Literal.number(int(safe))]
    return exp.Anonymous(this="tsql_cast", expressions=[value, *options])


_CONVERTED = {
    "varbinary",
    "binary",
    "varchar",
    "nvarchar",
    "char",
    "nchar",
    "int",
    "bigint",
    "smallint",
    "utinyint",
    "tinyint",
}


def _translate_geometry(resolution: "exp.ScopeResolution") -> "exp.Expr":
    """Translate geometry::Point(x, y, srid), and the methods that read well-known text, which is how a geometry is stored here."""
    from sqlglot import exp

    call = resolution.expression
    name = call.name.lower()
    if name == "point":
        return exp.Anonymous(this="geometry_point", expressions=call.expressions)
    if name in ("parse", "stpointfromtext", "stgeomfromtext"):
        return call.expressions[0]  # type: ignore[no-any-return]
    raise Invalid(f"sql: geometry::{call.name} is not known here; geometry::Point, Parse and STPointFromText are")
