"""Expressions of T-SQL, from their tree to closures: types are settled once, values many times."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.tools.tsql.tree import Node, last_name
from tests.tools.tsql_evaluator.operators import (
    arithmetic,
    built_in,
    comparison,
    negation,
    point_property,
    static_method,
)
from tests.tools.tsql_evaluator.values import (
    BIT,
    FLOAT,
    INT,
    NULL,
    SqlError,
    SqlType,
    Unsupported,
    Value,
    common_type,
    converter,
    decimal_literal,
)

if TYPE_CHECKING:
    from tests.tools.tsql_evaluator.server import Server

Frame = dict[Any, Value]
"""Values of variables (by their lower-case names, with @) and of the current row's columns (by their keys)."""
Run = Callable[[Frame], Value]


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression: its type, and how its value is found."""

    type: SqlType
    run: Run


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table in FROM; the key is its own, also where a table is named twice."""

    name: str
    type: SqlType
    key: object


@dataclass
class Scope:
    """What names mean at one place: variables of the batch, columns of FROM, common table expressions, and the query around."""

    server: "Server"
    variables: dict[str, Any]
    tables: dict[str, list[Column]] = field(default_factory=dict)
    ctes: dict[str, Any] = field(default_factory=dict)
    computed: dict[int, Column] = field(default_factory=dict)
    """Aggregates and window functions of this query, by the id of their node: their values stand in the frame."""
    outer: "Scope | None" = None

    def inside(self) -> "Scope":
        return Scope(self.server, self.variables, {}, dict(self.ctes), {}, self)

    def column(self, names: list[str]) -> Column:
        *qualifier, name = (part.lower() for part in names)
        for alias, columns in self.tables.items():
            if not qualifier or qualifier[-1] == alias:
                for column in columns:
                    if column.name.lower() == name:
                        return column
        if self.outer is None:
            raise SqlError(207, f"invalid column name {'.'.join(names)}")
        return self.outer.column(names)


def data_type(node: Node) -> SqlType:
    """A type as it is written: varbinary(max), dbo.ScoreRows is not one."""
    name = last_name(node["Name"]).lower()
    parameters = [part["Value"] for part in node.all("Parameters")]
    if name in ("varchar", "char", "nvarchar", "nchar", "varbinary", "binary"):
        length = parameters[0] if parameters else "1"
        return SqlType(name, None if str(length).lower() == "max" else int(length))
    return SqlType({"rowversion": "timestamp", "numeric": "decimal"}.get(name, name))


def expression(node: Node, scope: Scope) -> Typed:
    """The closure of a scalar expression."""
    if column := scope.computed.get(id(node)):
        return Typed(column.type, lambda frame, key=column.key: frame[key])  # type: ignore[misc]
    compile_ = _SCALARS.get(node.kind)
    if compile_ is None:
        raise Unsupported(f"{node.kind} at {node.line}:{node.column}")
    return compile_(node, scope)


def converted(typed: Typed, target: SqlType, style: int = 0) -> Run:
    """The value of an expression as another type."""
    run = typed.run
    if typed.type == target:
        return run
    convert = converter(typed.type, target, style)
    return lambda frame: convert(run(frame))


def _literal(type_: SqlType, value: Value) -> Typed:
    return Typed(type_, lambda frame: value)


def _integer(node: Node, scope: Scope) -> Typed:
    value = int(node["Value"])
    return _literal(INT, value) if value < 2**31 else _literal(*decimal_literal(node["Value"]))


def _string(node: Node, scope: Scope) -> Typed:
    return _literal(
        SqlType("nvarchar" if node.get("IsNational") else "varchar", len(node["Value"]) or 1), node["Value"]
    )


def _hexadecimal(node: Node, scope: Scope) -> Typed:
    digits = node["Value"][2:]
    value = bytes.fromhex(digits if len(digits) % 2 == 0 else f"0{digits}")
    return _literal(SqlType("varbinary", len(value) or 1), value)


def _variable(node: Node, scope: Scope) -> Typed:
    name = node["Name"].lower()
    type_ = INT if name == "@@rowcount" else scope.variables[name]
    return Typed(type_, lambda frame: frame[name])


def _column(node: Node, scope: Scope) -> Typed:
    column = scope.column([part["Value"] for part in node["MultiPartIdentifier"].all("Identifiers")])
    key = column.key
    return Typed(column.type, lambda frame: frame[key])


def _null_in_null_out(type_: SqlType, implementation: Callable[..., Value], arguments: list[Run]) -> Typed:
    if len(arguments) == 1:
        [only] = arguments
        return Typed(type_, lambda frame: None if (x := only(frame)) is None else implementation(x))
    if len(arguments) == 2:
        left, right = arguments

        def of_two(frame: Frame) -> Value:
            if (x := left(frame)) is None or (y := right(frame)) is None:
                return None
            return implementation(x, y)

        return Typed(type_, of_two)

    def of_many(frame: Frame) -> Value:
        values = [argument(frame) for argument in arguments]
        return None if None in values else implementation(*values)

    return Typed(type_, of_many)


def _binary(node: Node, scope: Scope) -> Typed:
    left, right = (expression(node[side], scope) for side in ("FirstExpression", "SecondExpression"))
    type_, implementation = arithmetic(node["BinaryExpressionType"], left.type, right.type)
    return _null_in_null_out(type_, implementation, [left.run, right.run])


def _unary(node: Node, scope: Scope) -> Typed:
    operand = expression(node["Expression"], scope)
    if node["UnaryExpressionType"] != "Negative":
        raise Unsupported(node["UnaryExpressionType"])
    type_, implementation = negation(operand.type)
    return _null_in_null_out(type_, implementation, [operand.run])


def _cast(node: Node, scope: Scope) -> Typed:
    style = int(node["Style"]["Value"]) if node.get("Style") else 0
    target = data_type(node["DataType"])
    return Typed(target, converted(expression(node["Parameter"], scope), target, style))


def _case(node: Node, scope: Scope) -> Typed:
    clauses = node.all("WhenClauses")
    results = [expression(clause["ThenExpression"], scope) for clause in clauses]
    otherwise = expression(node["ElseExpression"], scope) if node.get("ElseExpression") else _literal(NULL, None)
    type_ = common_type(otherwise.type, *(result.type for result in results))
    conditions: list[Run] = []
    for clause in clauses:
        if node.kind == "SearchedCaseExpression":
            conditions.append(condition(clause["WhenExpression"], scope))
        else:
            conditions.append(_compared("Equals", node["InputExpression"], clause["WhenExpression"], scope))
    branches = list(zip(conditions, (converted(result, type_) for result in results), strict=True))
    final = converted(otherwise, type_)

    def run(frame: Frame) -> Value:
        for holds, result in branches:
            if holds(frame):
                return result(frame)
        return final(frame)

    return Typed(type_, run)


def _coalesce(node: Node, scope: Scope) -> Typed:
    parts = [expression(part, scope) for part in node.all("Expressions")]
    type_ = common_type(*(part.type for part in parts))
    runs = [converted(part, type_) for part in parts]
    return Typed(type_, lambda frame: next((v for run in runs if (v := run(frame)) is not None), None))


def _null_if(node: Node, scope: Scope) -> Typed:
    first = expression(node["FirstExpression"], scope)
    equal = _compared("Equals", node["FirstExpression"], node["SecondExpression"], scope)
    return Typed(first.type, lambda frame: None if equal(frame) else first.run(frame))


def _call(node: Node, scope: Scope) -> Typed:
    name, target = node["FunctionName"]["Value"], node.get("CallTarget")
    arguments = [expression(argument, scope) for argument in node.all("Parameters")]
    types, runs = [argument.type for argument in arguments], [argument.run for argument in arguments]
    if node.get("OverClause"):
        raise Unsupported(f"{name} OVER outside a SELECT list")
    if target is None and name.upper() == "CONCAT":
        texts = [
            converted(argument, SqlType("nvarchar" if argument.type.name.startswith("n") else "varchar"))
            for argument in arguments
        ]
        national = any(type_.name.startswith("n") and type_ != NULL for type_ in types)
        return Typed(
            SqlType("nvarchar" if national else "varchar", 8000), lambda f: "".join(text(f) or "" for text in texts)
        )
    if target is None:
        return _null_in_null_out(*built_in(name.upper(), types), runs)
    if target.kind == "UserDefinedTypeCallTarget":
        return _null_in_null_out(*static_method(name, types), runs)
    return scope.server.scalar_function(name).call(arguments)


def _property(node: Node, scope: Scope) -> Typed:
    owner = expression(node["CallTarget"]["Expression"], scope)
    return _null_in_null_out(*point_property(node["PropertyName"]["Value"]), [owner.run])


def _scalar_subquery(node: Node, scope: Scope) -> Typed:
    query = scope.server.query(node["QueryExpression"], scope.inside())
    [column] = query.columns

    def run(frame: Frame) -> Value:
        rows = query.run(frame)
        if len(rows) > 1:
            raise SqlError(512, "a subquery returned more than one value")
        return rows[0][0] if rows else None

    return Typed(column[1], run)


def condition(node: Node, scope: Scope) -> Run:
    """The closure of a condition: True, False, or None for unknown."""
    if node.kind == "BooleanComparisonExpression":
        return _compared(node["ComparisonType"], node["FirstExpression"], node["SecondExpression"], scope)
    if node.kind == "BooleanParenthesisExpression":
        return condition(node["Expression"], scope)
    if node.kind == "BooleanNotExpression":
        inner = condition(node["Expression"], scope)
        return lambda frame: None if (x := inner(frame)) is None else not x
    if node.kind == "BooleanIsNullExpression":
        value, wanted = expression(node["Expression"], scope).run, not node.get("IsNot")
        return lambda frame: (value(frame) is None) == wanted
    if node.kind == "ExistsPredicate":
        query = scope.server.query(node["Subquery"]["QueryExpression"], scope.inside())
        return lambda frame: bool(query.run(frame))
    if node.kind == "BooleanBinaryExpression":
        left, right = (condition(node[side], scope) for side in ("FirstExpression", "SecondExpression"))
        return _both(left, right) if node["BinaryExpressionType"] == "And" else _either(left, right)
    if node.kind == "BooleanTernaryExpression":
        first = _compared("GreaterThanOrEqualTo", node["FirstExpression"], node["SecondExpression"], scope)
        last = _compared("LessThanOrEqualTo", node["FirstExpression"], node["ThirdExpression"], scope)
        between = _both(first, last)
        if node["TernaryExpressionType"] == "Between":
            return between
        return lambda frame: None if (x := between(frame)) is None else not x
    raise Unsupported(f"{node.kind} at {node.line}:{node.column}")


def _compared(operator: str, first: Node, second: Node, scope: Scope) -> Run:
    left, right = expression(first, scope), expression(second, scope)
    compare = comparison(operator, left.type, right.type)
    return _null_in_null_out(BIT, compare, [left.run, right.run]).run


def _both(left: Run, right: Run) -> Run:
    def run(frame: Frame) -> bool | None:
        if (x := left(frame)) is False or (y := right(frame)) is False:
            return False
        return None if x is None or y is None else True

    return run


def _either(left: Run, right: Run) -> Run:
    def run(frame: Frame) -> bool | None:
        if (x := left(frame)) or (y := right(frame)):
            return True
        return None if x is None or y is None else False

    return run


_SCALARS: dict[str, Callable[[Node, Scope], Typed]] = {
    "IntegerLiteral": _integer,
    "NumericLiteral": lambda node, scope: _literal(*decimal_literal(node["Value"])),
    "RealLiteral": lambda node, scope: _literal(FLOAT, float(node["Value"])),
    "StringLiteral": _string,
    "BinaryLiteral": _hexadecimal,
    "NullLiteral": lambda node, scope: _literal(NULL, None),
    "VariableReference": _variable,
    "GlobalVariableExpression": _variable,
    "ColumnReferenceExpression": _column,
    "ParenthesisExpression": lambda node, scope: expression(node["Expression"], scope),
    "BinaryExpression": _binary,
    "UnaryExpression": _unary,
    "ConvertCall": _cast,
    "CastCall": _cast,
    "SearchedCaseExpression": _case,
    "SimpleCaseExpression": _case,
    "CoalesceExpression": _coalesce,
    "NullIfExpression": _null_if,
    "FunctionCall": _call,
    "UserDefinedTypePropertyAccess": _property,
    "ScalarSubquery": _scalar_subquery,
}
