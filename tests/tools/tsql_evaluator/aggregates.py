"""GROUP BY, aggregates, window functions and order of T-SQL."""

from collections.abc import Callable, Iterable, Iterator
from functools import cmp_to_key
from itertools import groupby
from typing import Any

from tests.tools.tsql.tree import Node
from tests.tools.tsql_evaluator.expressions import Column, Frame, Scope, Typed, expression
from tests.tools.tsql_evaluator.sources import Rows
from tests.tools.tsql_evaluator.values import BIGINT, INT, SqlType, Unsupported, Value, finite, in_range

_AGGREGATES = {"SUM", "COUNT", "COUNT_BIG", "MIN", "MAX"}
_SUBQUERIES = ("ScalarSubquery", "QueryDerivedTable", "QuerySpecification")


def _calls(node: Node, wanted: Callable[[Node], bool]) -> Iterator[Node]:
    """Function calls of this query that are wanted, not those of subqueries."""
    if node.kind == "FunctionCall" and wanted(node):
        yield node
        return
    for child in node.children():
        if child.kind not in _SUBQUERIES:
            yield from _calls(child, wanted)


def _is_aggregate(call: Node) -> bool:
    return (
        not call.get("CallTarget")
        and not call.get("OverClause")
        and call["FunctionName"]["Value"].upper() in _AGGREGATES
    )


def grouped(node: Node, rows: Rows, elements: list[Node], scope: Scope) -> Rows:
    """One row for each group, if the query groups or aggregates; the aggregates stand in it."""
    group_by = node["GroupByClause"].all("GroupingSpecifications") if node.get("GroupByClause") else []
    calls = [call for element in elements for call in _calls(element, _is_aggregate)]
    if not calls and not group_by:
        return rows
    keys = [expression(specification["Expression"], scope).run for specification in group_by]
    totals = [(id(call), *_aggregate(call, scope)) for call in calls]
    for identity, type_, _ in totals:
        scope.computed[identity] = Column("", type_, identity)

    def rows_of_groups(frame: Frame) -> Iterator[Frame]:
        groups: dict[tuple[Value, ...], list[Frame]] = {} if group_by else {(): []}
        for row in rows(frame):
            full = {**frame, **row}
            groups.setdefault(tuple(key(full) for key in keys), []).append(row)
        for members in groups.values():
            full_members = [{**frame, **row} for row in members]
            first = members[0] if members else {}
            yield {**first, **{identity: total(full_members) for identity, _, total in totals}}

    return rows_of_groups


def _aggregate(call: Node, scope: Scope) -> tuple[SqlType, Callable[[list[Frame]], Value]]:
    name = call["FunctionName"]["Value"].upper()
    if call.get("UniqueRowFilter") == "Distinct":
        raise Unsupported(f"{name}(DISTINCT …)")
    [argument] = call.all("Parameters")
    if name.startswith("COUNT"):
        type_ = INT if name == "COUNT" else BIGINT
        if argument.kind == "ColumnReferenceExpression" and argument["ColumnType"] == "Wildcard":
            return type_, len
        run = expression(argument, scope).run
        return type_, lambda frames: sum(run(frame) is not None for frame in frames)
    typed = expression(argument, scope)
    if name == "SUM":
        add = _adder(typed)
        return typed.type, lambda frames: add(None, frames)
    smallest_or_largest = min if name == "MIN" else max
    run = typed.run
    return typed.type, lambda frames: smallest_or_largest(
        (value for frame in frames if (value := run(frame)) is not None), default=None
    )


def _adder(typed: Typed) -> Callable[[Value, Iterable[Frame]], Value]:
    """A sum from left to right, NULL left out; of no numbers it is NULL."""
    run, is_float = typed.run, typed.type.name == "float"
    if not is_float and typed.type not in (INT, BIGINT):
        raise Unsupported(f"SUM of {typed.type.name}")

    def add(total: Value, frames: Iterable[Frame]) -> Value:
        for frame in frames:
            if (value := run(frame)) is not None:
                total = value if total is None else total + value
                total = finite(total) if is_float else in_range(total, typed.type)
        return total

    return add


def windowed(rows: Rows, elements: list[Node], scope: Scope) -> Rows:
    """The rows with the values of the window functions in the SELECT list."""
    calls = [call for element in elements for call in _calls(element, lambda call: bool(call.get("OverClause")))]
    for call in calls:
        rows = _with_window(rows, call, scope)
    return rows


def _with_window(rows: Rows, call: Node, scope: Scope) -> Rows:
    name, over = call["FunctionName"]["Value"].upper(), call["OverClause"]
    partition = [expression(part, scope).run for part in over.all("Partitions")]
    sort = sorting(over["OrderByClause"].all("OrderByElements"), scope)
    add = None
    type_ = BIGINT
    if name == "SUM":
        window = over.get("WindowFrameClause")
        if (
            not window
            or window["WindowFrameType"] != "Rows"
            or window["Top"]["WindowDelimiterType"] != "UnboundedPreceding"
        ):
            raise Unsupported("a window other than ROWS UNBOUNDED PRECEDING")
        typed = expression(call.all("Parameters")[0], scope)
        add, type_ = _adder(typed), typed.type
    elif name != "ROW_NUMBER":
        raise Unsupported(f"{name} OVER")
    identity = id(call)
    scope.computed[identity] = Column("", type_, identity)

    def rows_with_window(frame: Frame) -> Iterator[Frame]:
        full = [{**frame, **row} for row in rows(frame)]
        by_partition: Callable[[Frame], Any] = lambda row: tuple(run(row) for run in partition)  # noqa: E731
        for _, members in groupby(sorted(full, key=by_partition), key=by_partition):
            total = None
            for number, row in enumerate(sort(list(members)), start=1):
                total = number if add is None else add(total, [row])
                yield {**row, identity: total}

    return rows_with_window


def sorting(elements: list[Node], scope: Scope) -> Callable[[list[Frame]], list[Frame]]:
    """What puts rows in this order; NULL comes before every value."""
    keys = [(expression(e["Expression"], scope).run, -1 if e["SortOrder"] == "Descending" else 1) for e in elements]

    def compare(one: Frame, other: Frame) -> int:
        for run, direction in keys:
            x, y = run(one), run(other)
            if x == y:
                continue
            return direction * (-1 if y is not None and (x is None or x < y) else 1)
        return 0

    return lambda rows: sorted(rows, key=cmp_to_key(compare)) if keys else rows
