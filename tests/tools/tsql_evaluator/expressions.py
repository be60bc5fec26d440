"""Expressions and conditions of T-SQL, from their tree to closures over a frame."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.tools.tsql.tree import Node
from tests.tools.tsql_evaluator.values import (
    FUNCTIONS,
    ByteText,
    NText,
    SqlError,
    Type,
    Unsupported,
    Value,
    binary_operator,
    comparison,
    concat,
    is_binary,
    like,
)

if TYPE_CHECKING:
    from tests.tools.tsql_evaluator.server import Server

Frame = dict[Any, Value]
"""Values by name: variables (@x), columns (alias.x and x, an inner query's hide an outer's), aggregates by the id of their node."""
Run = Callable[[Frame], Value]
AGGREGATES = ("SUM", "COUNT", "COUNT_BIG", "MIN", "MAX", "STRING_AGG")


@dataclass
class Scope:
    """What a body knows: the server, the types of its variables, its common table expressions."""

    server: "Server"
    types: dict[str, Type] = field(default_factory=dict)
    ctes: dict[str, Any] = field(default_factory=dict)


def null_in_null_out(implementation: Callable[..., Value], arguments: list[Run]) -> Run:
    if len(arguments) == 2:
        left, right = arguments

        def run(frame: Frame) -> Value:
            if (x := left(frame)) is None or (y := right(frame)) is None:
                return None
            return implementation(x, y)

        return run

    def run_many(frame: Frame) -> Value:
        values = [argument(frame) for argument in arguments]
        return None if any(value is None for value in values) else implementation(*values)

    return run_many


def expression(node: Node, scope: Scope) -> Run:
    """The closure of a scalar expression."""
    if node.kind not in _SCALARS:
        raise Unsupported(f"{node.kind} at {node.line}:{node.column}")
    run = _SCALARS[node.kind](node, scope)
    if is_binary(node.get("Collation")):
        return null_in_null_out(ByteText, [run])
    return run


def _literal(value: Value) -> Run:
    return lambda frame: value


def _hexadecimal(node: Node, scope: Scope) -> Run:
    digits = node["Value"][2:]
    return _literal(bytes.fromhex(digits.rjust(len(digits) + len(digits) % 2, "0")))


def _variable(node: Node, scope: Scope) -> Run:
    name = node["Name"].lower()
    return lambda frame: frame[name]


def _column(node: Node, scope: Scope) -> Run:
    name = ".".join(part["Value"] for part in node["MultiPartIdentifier"].all("Identifiers")).lower()
    return lambda frame: frame[name]


def _sides(node: Node, scope: Scope) -> list[Run]:
    return [expression(node[side], scope) for side in ("FirstExpression", "SecondExpression")]


def _unary(node: Node, scope: Scope) -> Run:
    if node["UnaryExpressionType"] != "Negative":
        raise Unsupported(node["UnaryExpressionType"])
    return null_in_null_out(lambda x: -x, [expression(node["Expression"], scope)])


def _convert(node: Node, scope: Scope) -> Run:
    target, value = Type.of(node["DataType"]), expression(node["Parameter"], scope)
    style = int(node["Style"]["Value"]) if node.get("Style") else 0
    return lambda frame: target.convert(value(frame), style)


def _try_convert(node: Node, scope: Scope) -> Run:
    convert = _convert(node, scope)

    def run(frame: Frame) -> Value:
        try:
            return convert(frame)
        except (SqlError, ValueError):
            return None

    return run


def _next_value(node: Node, scope: Scope) -> Run:
    return lambda frame: next(scope.server.sequence)


def _case(node: Node, scope: Scope) -> Run:
    branches = []
    for clause in node.all("WhenClauses"):
        if node.kind == "SearchedCaseExpression":
            holds = condition(clause["WhenExpression"], scope)
        else:
            sides = [expression(part, scope) for part in (node["InputExpression"], clause["WhenExpression"])]
            holds = null_in_null_out(comparison("Equals"), sides)
        branches.append((holds, expression(clause["ThenExpression"], scope)))
    otherwise = expression(node["ElseExpression"], scope) if node.get("ElseExpression") else _literal(None)
    return lambda frame: next((result for holds, result in branches if holds(frame)), otherwise)(frame)


def _coalesce(node: Node, scope: Scope) -> Run:
    runs = [expression(part, scope) for part in node.all("Expressions")]
    return lambda frame: next((value for run in runs if (value := run(frame)) is not None), None)


def _null_if(node: Node, scope: Scope) -> Run:
    first, second = _sides(node, scope)
    equal = null_in_null_out(comparison("Equals"), [first, second])
    return lambda frame: None if equal(frame) else first(frame)


def _call(node: Node, scope: Scope) -> Run:
    if node.get("OverClause") or (not node.get("CallTarget") and node["FunctionName"]["Value"].upper() in AGGREGATES):
        return lambda frame: frame[id(node)]  # the query has computed it
    name, target = node["FunctionName"]["Value"], node.get("CallTarget")
    arguments = [expression(argument, scope) for argument in node.all("Parameters")]
    if target and target.kind == "MultiPartIdentifierCallTarget":
        function = scope.server.function(name)
        return lambda frame: function.value([argument(frame) for argument in arguments])
    if name.upper() == "CONCAT":
        return lambda frame: concat([argument(frame) for argument in arguments])
    if name not in FUNCTIONS:
        raise Unsupported(name)
    return null_in_null_out(FUNCTIONS[name], arguments)


def _property(node: Node, scope: Scope) -> Run:
    name = {"STX": "x", "STY": "y", "Z": "z"}[node["PropertyName"]["Value"]]
    return null_in_null_out(lambda point: getattr(point, name), [expression(node["CallTarget"]["Expression"], scope)])


def _scalar_subquery(node: Node, scope: Scope) -> Run:
    query = scope.server.query(node["QueryExpression"], scope)

    def run(frame: Frame) -> Value:
        rows = query.run(frame)
        assert len(rows) <= 1, "512: a subquery returned more than one value"
        return rows[0][0] if rows else None

    return run


_SCALARS: dict[str, Callable[[Node, Scope], Run]] = {
    # an integer that is no int is numeric
    "IntegerLiteral": lambda node, scope: _literal(np.int32(v) if (v := int(node["Value"])) < 2**31 else Decimal(v)),
    "NumericLiteral": lambda node, scope: _literal(Decimal(node["Value"])),
    "RealLiteral": lambda node, scope: _literal(np.float64(node["Value"])),
    "StringLiteral": lambda node, scope: _literal(NText(node["Value"]) if node.get("IsNational") else node["Value"]),
    "BinaryLiteral": _hexadecimal,
    "NullLiteral": lambda node, scope: _literal(None),
    "VariableReference": _variable,
    "GlobalVariableExpression": _variable,
    "ColumnReferenceExpression": _column,
    "ParenthesisExpression": lambda node, scope: expression(node["Expression"], scope),
    "BinaryExpression": lambda node, scope: null_in_null_out(
        binary_operator(node["BinaryExpressionType"]), _sides(node, scope)
    ),
    "UnaryExpression": _unary,
    "ConvertCall": _convert,
    "TryConvertCall": _try_convert,
    "NextValueForExpression": _next_value,
    "SearchedCaseExpression": _case,
    "SimpleCaseExpression": _case,
    "CoalesceExpression": _coalesce,
    "NullIfExpression": _null_if,
    "FunctionCall": _call,
    "LeftFunctionCall": lambda node, scope: null_in_null_out(
        lambda text, n: type(text)(text[:n]), [expression(part, scope) for part in node.all("Parameters")]
    ),
    "UserDefinedTypePropertyAccess": _property,
    "ScalarSubquery": _scalar_subquery,
}


def condition(node: Node, scope: Scope) -> Run:
    """The closure of a condition: True, False, or None for unknown."""
    match node.kind:
        case "BooleanComparisonExpression":
            return null_in_null_out(comparison(node["ComparisonType"]), _sides(node, scope))
        case "BooleanParenthesisExpression":
            return condition(node["Expression"], scope)
        case "BooleanIsNullExpression":
            value, wanted = expression(node["Expression"], scope), not node.get("IsNot")
            return lambda frame: (value(frame) is None) == wanted
        case "BooleanNotExpression":
            inner = condition(node["Expression"], scope)
            return lambda frame: None if (holds := inner(frame)) is None else not holds
        case "LikePredicate":
            return null_in_null_out(like(negated=bool(node.get("NotDefined"))), _sides(node, scope))
        case "ExistsPredicate":
            query = scope.server.query(node["Subquery"]["QueryExpression"], scope)
            return lambda frame: bool(query.run(frame))
        case "BooleanBinaryExpression":
            left, right = (condition(node[side], scope) for side in ("FirstExpression", "SecondExpression"))
            return _combined(left, right, decisive=node["BinaryExpressionType"] == "Or")
        case "BooleanTernaryExpression" if node["TernaryExpressionType"] == "NotBetween":
            names = ("FirstExpression", "SecondExpression", "ThirdExpression")
            value, low, high = (expression(node[name], scope) for name in names)
            below = null_in_null_out(comparison("LessThan"), [value, low])
            return _combined(below, null_in_null_out(comparison("GreaterThan"), [value, high]), decisive=True)
    raise Unsupported(f"{node.kind} at {node.line}:{node.column}")


def _combined(left: Run, right: Run, decisive: bool) -> Run:
    """OR is decided by True, AND by False; else one unknown side makes the whole unknown."""

    def run(frame: Frame) -> bool | None:
        if (x := left(frame)) is decisive or (y := right(frame)) is decisive:
            return decisive
        return None if x is None or y is None else not decisive

    return run
