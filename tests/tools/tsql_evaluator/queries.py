"""SELECT and FROM of T-SQL: from their trees to closures that return rows."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Run, Scope, condition, expression
from tests.tools.tsql_evaluator.groups import Rows, aggregate_calls, grouped, sorting, with_window
from tests.tools.tsql_evaluator.values import NText, Unsupported, Value


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled SELECT: the names of its columns, and what returns its rows."""

    names: list[str]
    run: Callable[[Frame], list[tuple[Value, ...]]]


def compile_query(node: Node, scope: Scope) -> Query:
    if node.kind == "QueryParenthesisExpression":
        return compile_query(node["QueryExpression"], scope)
    if node.kind == "BinaryQueryExpression":
        return _union(node, scope)
    if node.kind != "QuerySpecification" or node.get("HavingClause") or node.get("OffsetClause"):
        raise Unsupported(f"{node.kind} at {node.line}: HAVING, OFFSET")
    columns = [column for element in node.all("SelectElements") for column in _columns(element, node, scope)]
    calls = [call for element in node.all("SelectElements") for call in aggregate_calls(element)]
    rows = _from(node.get("FromClause"), scope)
    if where := node.get("WhereClause"):
        rows = filtered(rows, condition(where["SearchCondition"], scope))
    if node.get("GroupByClause") or any(not call.get("OverClause") for call in calls):
        rows = grouped(node, rows, [call for call in calls if not call.get("OverClause")], scope)
    for call in calls:
        if call.get("OverClause"):
            rows = with_window(rows, call, scope)
    sort, is_distinct = sorting(node.get("OrderByClause"), scope), node.get("UniqueRowFilter") == "Distinct"
    top = expression(node["TopRowFilter"]["Expression"], scope) if node.get("TopRowFilter") else lambda frame: None

    def run(frame: Frame) -> list[tuple[Value, ...]]:
        full = sort([{**frame, **row} for row in rows(frame)])
        if is_distinct:
            return list(dict.fromkeys(tuple(value(row) for _, value in columns) for row in full))[: top(frame)]
        return [tuple(value(row) for _, value in columns) for row in full[: top(frame)]]

    return Query([name for name, _ in columns], run)


def _union(node: Node, scope: Scope) -> Query:
    """UNION and UNION ALL, in the order of columns of the result."""
    if node["BinaryQueryExpressionType"] != "Union":
        raise Unsupported(node["BinaryQueryExpressionType"])
    first, second = (compile_query(node[f"{side}QueryExpression"], scope) for side in ("First", "Second"))
    names, sort, keep_all = (
        [name.lower() for name in first.names],
        sorting(node.get("OrderByClause"), scope),
        node.get("All"),
    )

    def run(frame: Frame) -> list[tuple[Value, ...]]:
        rows = [*first.run(frame), *second.run(frame)]
        full = sort([dict(zip(names, row, strict=True)) for row in (rows if keep_all else dict.fromkeys(rows))])
        return [tuple(row.values()) for row in full]

    return Query(first.names, run)


def _columns(element: Node, query: Node, scope: Scope) -> Iterator[tuple[str, Run]]:
    """A column of a SELECT by its name, or those for which `a.*` stands."""
    if element.kind != "SelectStarExpression":
        yield _name_of(element), expression(element["Expression"], scope)
        return
    alias = last_name(element["Qualifier"]).lower()
    [table] = [
        each for each in query["FromClause"].walk("QueryDerivedTable", "NamedTableReference") if alias_of(each) == alias
    ]
    inner = table.get("QueryExpression")
    behind = compile_query(inner, scope) if inner else scope.server.view(last_name(table["SchemaObject"]))
    assert behind, f"{alias}.* of a table: whatever it has"
    yield from ((name, _value_of(f"{alias}.{name.lower()}")) for name in behind.names)


def _value_of(name: str) -> Run:
    return lambda frame: frame[name]


def with_ctes(statement: Node, scope: Scope) -> Scope:
    """The scope of a statement: its common table expressions are tables there."""
    inner = Scope(scope.server, scope.types, dict(scope.ctes))
    ctes = statement.get("WithCtesAndXmlNamespaces")
    for cte in ctes.all("CommonTableExpressions") if ctes else []:
        inner.ctes[cte["ExpressionName"]["Value"].lower()] = compile_query(cte["QueryExpression"], inner)
    return inner


def _name_of(element: Node) -> str:
    if name := element.get("ColumnName"):
        return str(name["Value"])
    inner = element["Expression"]
    return last_name(inner["MultiPartIdentifier"]) if inner.kind == "ColumnReferenceExpression" else ""


# ---- FROM


def _from(node: Node | None, scope: Scope) -> Rows:
    if node is None:
        return lambda frame: [{}]
    [table] = node.all("TableReferences")
    return source(table, scope)


def filtered(rows: Rows, holds: Run) -> Rows:
    """The rows for which a condition is true: neither false nor unknown."""
    return lambda frame: (row for row in rows(frame) if holds({**frame, **row}))


def source(node: Node, scope: Scope) -> Rows:
    """The rows of a table, a join, an APPLY, a derived table or a function."""
    match node.kind:
        case "UnqualifiedJoin" if node["UnqualifiedJoinType"] in ("CrossJoin", "CrossApply"):
            left, right = (source(node[f"{side}TableReference"], scope) for side in ("First", "Second"))
            return lambda frame: (one | other for one in left(frame) for other in right({**frame, **one}))
        case "UnqualifiedJoin" if node["UnqualifiedJoinType"] == "OuterApply":
            return _outer_apply(node, scope)
        case "QualifiedJoin" if node["QualifiedJoinType"] == "Inner":
            return _joined(node, scope)
        case "NamedTableReference":
            name = last_name(node["SchemaObject"]).lower()
            if query := scope.ctes.get(name) or scope.server.view(name):
                return _of_query(node, query, lambda frame: frame)
            table = scope.server.table(name)
            return lambda frame: _stored(node, table.rows)
        case "VariableTableReference":
            variable = node["Variable"]["Name"].lower()
            return lambda frame: _stored(node, frame[variable].rows)
        case "QueryDerivedTable":
            return _of_query(node, compile_query(node["QueryExpression"], scope), lambda frame: frame)
        case "InlineDerivedTable":
            names = [column["Value"] for column in node.all("Columns")]
            values = [[expression(v, scope) for v in row.all("ColumnValues")] for row in node.all("RowValues")]
            inline = Query(names, lambda frame: [tuple(value(frame) for value in row) for row in values])
            return _of_query(node, inline, lambda frame: frame)
        case "OpenJsonTableReference":
            text = expression(node["Variable"], scope)
            items = Query(["value"], lambda frame: [(NText(json.dumps(item)),) for item in json.loads(text(frame))])
            return _of_query(node, items, lambda frame: frame)
        case "SchemaObjectFunctionTableReference":
            function = scope.server.function(last_name(node["SchemaObject"]))
            arguments = [expression(argument, scope) for argument in node.all("Parameters")]
            return _of_query(node, function.query, lambda f: function.frame([argument(f) for argument in arguments]))
    raise Unsupported(f"{node.kind} at {node.line}:{node.column}")


def alias_of(node: Node) -> str:
    """What a table is called in its query, in lower case."""
    name = (
        node["Alias"]["Value"]
        if node.get("Alias")
        else last_name(node["SchemaObject"])
        if node.get("SchemaObject")
        else ""
    )
    return str(name).lower()


def _stored(node: Node, rows: list[dict[str, Value]]) -> Iterator[Frame]:
    alias = alias_of(node)
    for row in list(rows):
        yield {**row, **{f"{alias}.{name}": value for name, value in row.items()}, f"{alias}.#row": row}


def _of_query(node: Node, query: Query, inner: Callable[[Frame], Frame]) -> Rows:
    names = [name.lower() for name in query.names]
    keys = [*names, *(f"{alias_of(node)}.{name}" for name in names)]
    return lambda frame: (dict(zip(keys, row * 2, strict=True)) for row in query.run(inner(frame)))


def _outer_apply(node: Node, scope: Scope) -> Rows:
    """Each row with those of a derived table, or with NULL in its columns."""
    left, table = source(node["FirstTableReference"], scope), node["SecondTableReference"]
    right = source(table, scope)
    names = [name.lower() for name in compile_query(table["QueryExpression"], scope).names]
    nothing: Frame = dict.fromkeys([*names, *(f"{alias_of(table)}.{name}" for name in names)])
    return lambda frame: (one | other for one in left(frame) for other in list(right({**frame, **one})) or [nothing])


def _joined(node: Node, scope: Scope) -> Rows:
    """An inner join, through a dictionary where the condition has an equality, as any engine does: else it takes for ever."""
    left, right = (source(node[f"{side}TableReference"], scope) for side in ("First", "Second"))
    holds, alias = condition(node["SearchCondition"], scope), alias_of(node["SecondTableReference"])
    of_left, of_right = _equality(node["SearchCondition"], alias, scope) or ((lambda frame: 0), (lambda frame: 0))

    def rows(frame: Frame) -> Iterator[Frame]:
        found: dict[Value, list[Frame]] = {}
        for other in right(frame):
            found.setdefault(of_right({**frame, **other}), []).append(other)
        for one in left(frame):
            for other in found.get(of_left({**frame, **one}), ()):
                if holds({**frame, **one, **other}):
                    yield one | other

    return rows


def _equality(node: Node, alias: str, scope: Scope) -> tuple[Run, Run] | None:
    """Both sides of an equality of numbers that must hold: that without the right table, and that of it alone."""
    if node.kind == "BooleanBinaryExpression" and node["BinaryExpressionType"] == "And":
        sides = (node["FirstExpression"], node["SecondExpression"])
        return next((pair for side in sides if (pair := _equality(side, alias, scope))), None)
    if node.kind != "BooleanComparisonExpression" or node["ComparisonType"] != "Equals":
        return None
    for one, other in ((0, 1), (1, 0)):
        both = (node["FirstExpression"], node["SecondExpression"])
        names = [{str(part["Value"]).lower() for c in side.walk("ColumnReferenceExpression")
                  for part in c["MultiPartIdentifier"].all("Identifiers")[:1]} for side in both]  # fmt: skip
        if names[other] == {alias} and alias not in names[one]:
            return expression(both[one], scope), expression(both[other], scope)
    return None
