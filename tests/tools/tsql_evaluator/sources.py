"""FROM of T-SQL: tables, joins, APPLY, derived tables and functions, as closures that return rows."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from tests.tools.tsql.tree import Node, last_name, object_name
from tests.tools.tsql_evaluator.expressions import Column, Frame, Run, Scope, condition, converted, expression
from tests.tools.tsql_evaluator.values import BIGINT, SqlError, SqlType, Unsupported, Value, common_type

if TYPE_CHECKING:
    from tests.tools.tsql_evaluator.queries import Query

Rows = Callable[[Frame], Iterable[Frame]]
"""From the frame around, what each row adds to it."""


def filtered(rows: Rows, holds: Run) -> Rows:
    """The rows for which a condition is true: neither false nor unknown."""
    return lambda frame: (row for row in rows(frame) if holds({**frame, **row}))


def from_clause(node: Node | None, scope: Scope) -> Rows:
    """The rows of a FROM clause, whose tables `scope` knows from here on."""
    if node is None:
        return lambda frame: [{}]
    rows: Rows = lambda frame: [{}]  # noqa: E731
    for table in node.all("TableReferences"):
        rows = _crossed(rows, _table(table, scope))
    return rows


def _table(node: Node, scope: Scope) -> Rows:
    match node.kind:
        case "UnqualifiedJoin" if node["UnqualifiedJoinType"] in ("CrossJoin", "CrossApply"):
            left = _table(node["FirstTableReference"], scope)
            return _crossed(left, _table(node["SecondTableReference"], scope))
        case "QualifiedJoin" if node["QualifiedJoinType"] == "Inner":
            return _joined(node, scope)
        case "NamedTableReference":
            return _named_table(node, scope)
        case "VariableTableReference":
            name = node["Variable"]["Name"].lower()
            definition = scope.variables[name]
            keys = _declare(node, name, definition.columns, scope)
            return lambda frame: _stored(frame[name].rows, keys)
        case "QueryDerivedTable":
            query = scope.server.query(node["QueryExpression"], scope.inside())
            return _of_query(node, query, scope)
        case "InlineDerivedTable":
            return _values(node, scope)
        case "SchemaObjectFunctionTableReference":
            return _function(node, scope)
    raise Unsupported(f"{node.kind} {node.properties.get('QualifiedJoinType', '')}")


def _crossed(left: Rows, right: Rows) -> Rows:
    def rows(frame: Frame) -> Iterator[Frame]:
        for one in left(frame):
            for other in right({**frame, **one}):
                yield {**one, **other}

    return rows


def _joined(node: Node, scope: Scope) -> Rows:
    """An inner join, through a dictionary where the condition has an equality: as any engine does, or it would take for ever."""
    left = _table(node["FirstTableReference"], scope)
    left_aliases = set(scope.tables)
    right = _table(node["SecondTableReference"], scope)
    holds = condition(node["SearchCondition"], scope)
    pair = _equality(node["SearchCondition"], left_aliases, set(scope.tables) - left_aliases, scope)
    if pair is None:
        return filtered(_crossed(left, right), holds)
    of_left, of_right = pair

    def rows(frame: Frame) -> Iterator[Frame]:
        found: dict[Value, list[Frame]] = {}
        for other in right(frame):
            found.setdefault(of_right({**frame, **other}), []).append(other)
        for one in left(frame):
            for other in found.get(of_left({**frame, **one}), ()):
                row = {**one, **other}
                if holds({**frame, **row}):
                    yield row

    return rows


def _equality(node: Node, left: set[str], right: set[str], scope: Scope) -> tuple[Run, Run] | None:
    if node.kind == "BooleanBinaryExpression" and node["BinaryExpressionType"] == "And":
        sides = (node["FirstExpression"], node["SecondExpression"])
        return next((pair for side in sides if (pair := _equality(side, left, right, scope))), None)
    if node.kind != "BooleanComparisonExpression" or node["ComparisonType"] != "Equals":
        return None
    first, second = node["FirstExpression"], node["SecondExpression"]
    if _aliases(first) <= right and _aliases(second) <= left:
        first, second = second, first
    if not (_aliases(first) <= left and _aliases(second) <= right):
        return None
    one, other = expression(first, scope), expression(second, scope)
    type_ = common_type(one.type, other.type)
    if type_.is_text:
        return None
    return converted(one, type_), converted(other, type_)


def _aliases(node: Node) -> set[str]:
    """The tables whose columns an expression reads; "" for a column that does not name its table."""
    columns = (column["MultiPartIdentifier"].all("Identifiers") for column in node.walk("ColumnReferenceExpression"))
    return {str(names[-2]["Value"]).lower() if len(names) > 1 else "" for names in columns}


def _declare(
    node: Node, default: str, columns: Iterable[tuple[str, SqlType]], scope: Scope
) -> list[tuple[str, object]]:
    """Make a table known under its alias; returns (lower-case name, key) of its columns."""
    alias = (node["Alias"]["Value"] if node.get("Alias") else default).lower()
    if alias in scope.tables:
        raise SqlError(1013, f"two tables in FROM have the name {alias}")
    named = [Column(name, type_, object()) for name, type_ in columns]
    scope.tables[alias] = [*named, Column("#row", BIGINT, (alias, "#row"))]
    return [(column.name.lower(), column.key) for column in named] + [("#row", (alias, "#row"))]


def _stored(rows: list[dict[str, Value]], keys: list[tuple[str, object]]) -> Iterator[Frame]:
    for row in list(rows):
        yield {key: row if name == "#row" else row[name] for name, key in keys}


def _of_query(node: Node, query: "Query", scope: Scope) -> Rows:
    given = [column["Value"] for column in node.all("Columns")]
    names = given or [name for name, _ in query.columns]
    types = [type_ for _, type_ in query.columns]
    keys = [key for _, key in _declare(node, "", zip(names, types, strict=True), scope)][:-1]
    return lambda frame: [dict(zip(keys, row, strict=True)) for row in query.run(frame)]


def _named_table(node: Node, scope: Scope) -> Rows:
    name = object_name(node["SchemaObject"])
    if query := scope.ctes.get(name.lower()):
        return _of_query(node, query, scope)
    table = scope.server.table(name)
    keys = _declare(node, last_name(node["SchemaObject"]), table.columns, scope)
    return lambda frame: _stored(table.rows, keys)


def _values(node: Node, scope: Scope) -> Rows:
    table = [[expression(value, scope) for value in row.all("ColumnValues")] for row in node.all("RowValues")]
    types = [common_type(*(typed.type for typed in column)) for column in zip(*table, strict=True)]
    runs = [[converted(typed, type_) for typed, type_ in zip(row, types, strict=True)] for row in table]
    names = [column["Value"] for column in node.all("Columns")]
    keys = [key for _, key in _declare(node, "", zip(names, types, strict=True), scope)][:-1]
    return lambda frame: [{key: run(frame) for key, run in zip(keys, row, strict=True)} for row in runs]


def _function(node: Node, scope: Scope) -> Rows:
    function = scope.server.table_function(last_name(node["SchemaObject"]))
    arguments = function.arguments([expression(argument, scope) for argument in node.all("Parameters")])
    keys = [key for _, key in _declare(node, last_name(node["SchemaObject"]), function.query.columns, scope)][:-1]
    return lambda frame: [dict(zip(keys, row, strict=True)) for row in function.query.run(arguments(frame))]
