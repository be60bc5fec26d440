"""SELECT and FROM of T-SQL: from their trees to closures that return rows."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.expressions import Frame, Run, Scope, condition, expression
from tests.tools.tsql_evaluator.values import Unsupported, Value

Rows = Callable[[Frame], Iterable[Frame]]
"""From the frame around, what each row adds to it."""
_OF_ITS_OWN = ("ScalarSubquery", "QueryDerivedTable", "QuerySpecification")


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled SELECT: the names of its columns, and what returns its rows."""

    names: list[str]
    run: Callable[[Frame], list[tuple[Value, ...]]]


def compile_query(node: Node, scope: Scope) -> Query:
    refused = node.get("UniqueRowFilter") == "Distinct" or node.get("HavingClause") or node.get("OffsetClause")
    if node.kind != "QuerySpecification" or refused:
        raise Unsupported(f"{node.kind} at {node.line}: DISTINCT, HAVING, OFFSET, UNION")
    elements = node.all("SelectElements")
    calls = [call for element in elements for call in _calls(element)]
    rows = _from(node.get("FromClause"), scope)
    if where := node.get("WhereClause"):
        rows = filtered(rows, condition(where["SearchCondition"], scope))
    if any(not call.get("OverClause") for call in calls):
        rows = _grouped(node, rows, [call for call in calls if not call.get("OverClause")], scope)
    for call in calls:
        if call.get("OverClause"):
            rows = _with_window(rows, call, scope)
    sort = _sorting(node.get("OrderByClause"), scope)
    top = expression(node["TopRowFilter"]["Expression"], scope) if node.get("TopRowFilter") else lambda frame: None
    values = [expression(element["Expression"], scope) for element in elements]

    def run(frame: Frame) -> list[tuple[Value, ...]]:
        full = sort([{**frame, **row} for row in rows(frame)])
        return [tuple(value(row) for value in values) for row in full[: top(frame)]]

    return Query([_name_of(element) for element in elements], run)


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
        case "QualifiedJoin" if node["QualifiedJoinType"] == "Inner":
            return _joined(node, scope)
        case "NamedTableReference":
            name = last_name(node["SchemaObject"]).lower()
            if name in scope.ctes:
                return _of_query(node, scope.ctes[name], lambda frame: frame)
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


# ---- aggregates, window functions, order


def _calls(node: Node) -> Iterator[Node]:
    """Aggregates and window functions of this query, not those of subqueries."""
    if node.kind == "FunctionCall" and (
        node.get("OverClause")
        or (not node.get("CallTarget") and node["FunctionName"]["Value"].upper() in ("SUM", "COUNT"))
    ):
        yield node
        return
    for child in node.children():
        if child.kind not in _OF_ITS_OWN:
            yield from _calls(child)


def _sum(total: Value, value: Value) -> Value:
    """From left to right; NULL is left out, and the sum of nothing is NULL."""
    return value if total is None else total if value is None else total + value


def _aggregate(call: Node, scope: Scope) -> Callable[[list[Frame]], Value]:
    name, [argument] = call["FunctionName"]["Value"].upper(), call.all("Parameters")
    if call.get("UniqueRowFilter") == "Distinct":
        raise Unsupported("DISTINCT")
    if argument.kind == "ColumnReferenceExpression" and argument["ColumnType"] == "Wildcard":
        return lambda rows: np.int32(len(rows))
    run = expression(argument, scope)
    if name == "COUNT":
        return lambda rows: np.int32(sum(run(row) is not None for row in rows))

    def total(rows: list[Frame]) -> Value:
        result = None
        for row in rows:
            result = _sum(result, run(row))
        return result

    return total


def _grouped(node: Node, rows: Rows, calls: list[Node], scope: Scope) -> Rows:
    """One row for each group, with the aggregates in it."""
    group_by = node["GroupByClause"].all("GroupingSpecifications") if node.get("GroupByClause") else []
    keys = [expression(specification["Expression"], scope) for specification in group_by]
    totals = [(id(call), _aggregate(call, scope)) for call in calls]

    def groups(frame: Frame) -> Iterator[Frame]:
        found: dict[tuple[Value, ...], list[Frame]] = {} if group_by else {(): []}
        for row in rows(frame):
            full = {**frame, **row}
            found.setdefault(tuple(key(full) for key in keys), []).append(full)
        for members in found.values():
            yield {**(members[0] if members else {}), **{identity: total(members) for identity, total in totals}}

    return groups


def _with_window(rows: Rows, call: Node, scope: Scope) -> Rows:
    """The rows with ROW_NUMBER, or with a sum over those up to each."""
    name, over = call["FunctionName"]["Value"].upper(), call["OverClause"]
    partition = [expression(part, scope) for part in over.all("Partitions")]
    sort, window = _sorting(over["OrderByClause"], scope), over.get("WindowFrameClause")
    if name not in ("SUM", "ROW_NUMBER") or (name == "SUM" and not (window and window["WindowFrameType"] == "Rows")):
        raise Unsupported(f"{name} OVER, but for ROWS UNBOUNDED PRECEDING")
    value = expression(call.all("Parameters")[0], scope) if name == "SUM" else lambda frame: np.int64(1)
    of_partition: Callable[[Frame], Any] = lambda row: tuple(run(row) for run in partition)  # noqa: E731

    def rows_with_window(frame: Frame) -> Iterator[Frame]:
        full = [{**frame, **row} for row in rows(frame)]
        for _, members in groupby(sorted(full, key=of_partition), key=of_partition):
            total = None
            for row in sort(list(members)):
                total = _sum(total, value(row))
                yield {**row, id(call): total}

    return rows_with_window


def _sorting(clause: Node | None, scope: Scope) -> Callable[[list[Frame]], list[Frame]]:
    """What puts rows in this order; NULL comes before every value."""
    elements = clause.all("OrderByElements") if clause else []
    keys = [(expression(e["Expression"], scope), e["SortOrder"] == "Descending") for e in elements]

    def sort(rows: list[Frame]) -> list[Frame]:
        for run, descending in reversed(keys):
            rows = sorted(rows, key=lambda row: ((v := run(row)) is not None, v), reverse=descending)
        return rows

    return sort
