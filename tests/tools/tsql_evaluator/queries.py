"""SELECT of T-SQL: from its tree to a closure that returns rows."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.aggregates import grouped, sorting, windowed
from tests.tools.tsql_evaluator.expressions import Frame, Scope, condition, expression
from tests.tools.tsql_evaluator.sources import filtered, from_clause
from tests.tools.tsql_evaluator.values import SqlError, SqlType, Unsupported, Value


@dataclass(frozen=True, slots=True)
class Query:
    """A compiled SELECT."""

    columns: list[tuple[str, SqlType]]
    run: Callable[[Frame], list[tuple[Value, ...]]]


def compile_query(node: Node, scope: Scope) -> Query:
    """A query; `scope` is its own, with variables and common table expressions in it and the tables still to come."""
    if node.kind == "QueryParenthesisExpression":
        return compile_query(node["QueryExpression"], scope)
    if node.kind != "QuerySpecification":
        raise Unsupported(node.kind)
    if node.get("UniqueRowFilter") == "Distinct" or node.get("HavingClause") or node.get("OffsetClause"):
        raise Unsupported("DISTINCT, HAVING, OFFSET")
    rows = from_clause(node.get("FromClause"), scope)
    if where := node.get("WhereClause"):
        rows = filtered(rows, condition(where["SearchCondition"], scope))
    elements = node.all("SelectElements")
    rows = grouped(node, rows, elements, scope)
    rows = windowed(rows, elements, scope)
    selected = [expression(element["Expression"], scope) for element in elements]
    names = [_name_of(element) for element in elements]
    order = node["OrderByClause"].all("OrderByElements") if node.get("OrderByClause") else []
    sort = sorting(order, scope)
    top = expression(node["TopRowFilter"]["Expression"], scope).run if node.get("TopRowFilter") else None
    runs = [typed.run for typed in selected]

    def run(frame: Frame) -> list[tuple[Value, ...]]:
        full = sort([{**frame, **row} for row in rows(frame)])
        if top is not None:
            if (n := top(frame)) is None or n < 0:
                raise SqlError(1060, "TOP takes a number that is not negative")
            full = full[:n]
        return [tuple(value(row) for value in runs) for row in full]

    return Query(list(zip(names, (typed.type for typed in selected), strict=True)), run)


def with_ctes(statement: Node, scope: Scope) -> Scope:
    """The scope of a statement: its common table expressions are tables there."""
    inner = scope.inside()
    ctes = statement.get("WithCtesAndXmlNamespaces")
    for cte in ctes.all("CommonTableExpressions") if ctes else []:
        inner.ctes[cte["ExpressionName"]["Value"].lower()] = compile_query(cte["QueryExpression"], inner.inside())
    return inner


def _name_of(element: Node) -> str:
    if element.kind != "SelectScalarExpression":
        raise Unsupported(element.kind)
    if name := element.get("ColumnName"):
        return str(name["Value"])
    inner = element["Expression"]
    return last_name(inner["MultiPartIdentifier"]) if inner.kind == "ColumnReferenceExpression" else ""
