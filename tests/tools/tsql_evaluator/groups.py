"""Aggregates, window functions and ORDER BY of T-SQL: from their trees to closures over rows."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any

import numpy as np

from tests.tools.tsql.tree import Node
from tests.tools.tsql_evaluator.expressions import AGGREGATES, Frame, Scope, expression
from tests.tools.tsql_evaluator.values import Unsupported, Value

Rows = Callable[[Frame], Iterable[Frame]]
"""From the frame around, what each row adds to it."""
_OF_ITS_OWN = ("ScalarSubquery", "QueryDerivedTable", "QuerySpecification")


def aggregate_calls(node: Node) -> Iterator[Node]:
    """Aggregates and window functions of this query, not those of subqueries."""
    if node.kind == "FunctionCall" and (
        node.get("OverClause") or (not node.get("CallTarget") and node["FunctionName"]["Value"].upper() in AGGREGATES)
    ):
        yield node
        return
    for child in node.children():
        if child.kind not in _OF_ITS_OWN:
            yield from aggregate_calls(child)


def _sum(total: Value, value: Value) -> Value:
    """From left to right; NULL is left out, and the sum of nothing is NULL."""
    return value if total is None else total if value is None else total + value


def _total(values: list[Value]) -> Value:
    result = None
    for value in values:
        result = _sum(result, value)
    return result


_OF_VALUES: dict[str, Callable[[list[Value]], Value]] = {
    "COUNT": lambda values: np.int32(len(values)),
    "COUNT_BIG": lambda values: np.int64(len(values)),
    "SUM": _total,
    "MIN": lambda values: min(values, default=None),
    "MAX": lambda values: max(values, default=None),
}
"""Of the values that are not NULL."""


def _aggregate(call: Node, scope: Scope) -> Callable[[list[Frame]], Value]:
    name, [argument, *more] = call["FunctionName"]["Value"].upper(), call.all("Parameters")
    if argument.kind == "ColumnReferenceExpression" and argument["ColumnType"] == "Wildcard":
        return lambda rows: _OF_VALUES[name](rows)
    run = expression(argument, scope)
    if name == "STRING_AGG":
        [separator] = (expression(each, scope) for each in more)
        sort = sorting(call["WithinGroupClause"]["OrderByClause"], scope)
        return lambda rows: separator(rows[0]).join(text for row in sort(rows) if (text := run(row)) is not None)
    is_distinct = call.get("UniqueRowFilter") == "Distinct"

    def of_rows(rows: list[Frame]) -> Value:
        values = [value for row in rows if (value := run(row)) is not None]
        return _OF_VALUES[name](list(dict.fromkeys(values)) if is_distinct else values)

    return of_rows


def grouped(node: Node, rows: Rows, calls: list[Node], scope: Scope) -> Rows:
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


def with_window(rows: Rows, call: Node, scope: Scope) -> Rows:
    """The rows with ROW_NUMBER, or with a sum over those up to each."""
    name, over = call["FunctionName"]["Value"].upper(), call["OverClause"]
    partition = [expression(part, scope) for part in over.all("Partitions")]
    sort, window = sorting(over["OrderByClause"], scope), over.get("WindowFrameClause")
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


def sorting(clause: Node | None, scope: Scope) -> Callable[[list[Frame]], list[Frame]]:
    """What puts rows in this order; NULL comes before every value."""
    elements = clause.all("OrderByElements") if clause else []
    keys = [(expression(e["Expression"], scope), e["SortOrder"] == "Descending") for e in elements]

    def sort(rows: list[Frame]) -> list[Frame]:
        for run, descending in reversed(keys):
            rows = sorted(rows, key=lambda row: ((v := run(row)) is not None, v), reverse=descending)
        return rows

    return sort
