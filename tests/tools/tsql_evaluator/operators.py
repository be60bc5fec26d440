"""Operators and built-in functions of T-SQL: which type comes out, and how it is computed."""

import hashlib
import math
from collections.abc import Callable, Sequence

from tests.tools.tsql_evaluator.values import (
    BIGINT,
    DECIMAL,
    FLOAT,
    GEOMETRY,
    INT,
    Point,
    SqlError,
    SqlType,
    Unsupported,
    Value,
    common_type,
    converter,
    data_length,
    finite,
    in_range,
)

Implementation = tuple[SqlType, Callable[..., Value]]
"""The type of the result, and what computes it; it is not asked when an argument is NULL."""


def arithmetic(operator: str, left: SqlType, right: SqlType) -> Implementation:
    """A binary operator for operands of these types."""
    type_ = common_type(left, right)
    if operator == "Add" and type_.is_text:
        return SqlType(type_.name), lambda x, y: x + y
    if operator.startswith("Bitwise"):
        if not (left.is_integer and right.is_integer):
            raise SqlError(402, f"{operator} is not for {left.name} and {right.name}")
        return type_, _BITWISE[operator]
    if type_ == DECIMAL:
        raise Unsupported(f"{operator} of decimals: write floats with an exponent (1.5E0)")
    to_left, to_right = converter(left, type_), converter(right, type_)
    if type_.is_integer:
        exact = _EXACT[operator]
        return type_, lambda x, y: in_range(exact(to_left(x), to_right(y)), type_)
    if type_ == FLOAT and operator in _APPROXIMATE:
        approximate = _APPROXIMATE[operator]
        return FLOAT, lambda x, y: finite(approximate(to_left(x), to_right(y)))
    raise Unsupported(f"{operator} of {left.name} and {right.name}")


def comparison(operator: str, left: SqlType, right: SqlType) -> Callable[[Value, Value], bool]:
    """A comparison of values that are not NULL; text as the usual collations compare it."""
    type_ = common_type(left, right)
    if type_ == DECIMAL:
        raise Unsupported("comparison of decimals: write floats with an exponent (1.5E0)")
    to_left, to_right, compare = converter(left, type_), converter(right, type_), _COMPARISONS[operator]
    if type_.is_text:
        return lambda x, y: compare(to_left(x).rstrip(" ").casefold(), to_right(y).rstrip(" ").casefold())
    return lambda x, y: compare(to_left(x), to_right(y))


def negation(type_: SqlType) -> Implementation:
    if type_.is_integer:
        return type_, lambda x: in_range(-x, type_)
    if type_ in (FLOAT, DECIMAL):
        return type_, lambda x: -x
    raise Unsupported(f"minus {type_.name}")


def built_in(name: str, types: Sequence[SqlType]) -> Implementation:
    """A built-in function that is NULL as soon as an argument is."""
    first = types[0]
    match name:
        case "POWER":
            return _power(first, types[1])
        case "SQRT":
            to_float = converter(first, FLOAT)
            return FLOAT, lambda x: _square_root(to_float(x))
        case "FLOOR" if first == FLOAT:
            return FLOAT, lambda x: float(math.floor(x))
        case "DATALENGTH":
            has_max = (first.is_text or first.is_binary) and first.length is None
            return BIGINT if has_max else INT, lambda x: data_length(x, first)
        case "SUBSTRING" if first.is_binary or first.is_text:
            if not (types[1].is_integer and types[2].is_integer):
                raise SqlError(8116, "SUBSTRING counts in integers")
            return _varying(first), _substring
        case "HASHBYTES":
            return SqlType("varbinary", 8000), _hash_of(types[1])
        case "LOWER" if first.is_text:
            return _varying(first), str.lower
        case "ABS" if first == FLOAT or first.is_integer:
            return first, abs
    raise Unsupported(f"{name} of {', '.join(type_.name for type_ in types)}")


def static_method(name: str, types: Sequence[SqlType]) -> Implementation:
    """geometry::…"""
    if name == "STPointFromText" and types[0].is_text:
        return GEOMETRY, Point.from_text
    if name == "Point":
        to_floats = [converter(type_, FLOAT) for type_ in types[:2]]
        return GEOMETRY, lambda x, y, srid: Point(to_floats[0](x), to_floats[1](y), None, srid)
    raise Unsupported(f"geometry::{name}")


def point_property(name: str) -> Implementation:
    """A property of a geometry; as on the server, the names are case-sensitive."""
    if name not in _PROPERTIES:
        raise SqlError(6592, f"geometry has no property {name}")
    return FLOAT, _PROPERTIES[name]


def _varying(type_: SqlType) -> SqlType:
    """binary(4) to varbinary(4), nchar(4) to nvarchar(4)."""
    name = {"binary": "varbinary", "char": "varchar", "nchar": "nvarchar"}.get(type_.name, type_.name)
    return SqlType(name, type_.length)


def _power(base: SqlType, exponent: SqlType) -> Implementation:
    """The result has the type of the first argument: POWER(2, 31) overflows and POWER(2, -1) is 0."""
    to_float = converter(exponent, FLOAT)
    if base == FLOAT:
        return FLOAT, lambda x, y: _power_of_floats(x, to_float(y))
    if base.is_integer:
        type_ = BIGINT if base == BIGINT else INT
        return type_, lambda x, y: in_range(math.trunc(_power_of_floats(float(x), to_float(y))), type_)
    raise Unsupported(f"POWER of {base.name}")


def _power_of_floats(x: float, y: float) -> float:
    try:
        return finite(math.pow(x, y))
    except (OverflowError, ValueError) as error:
        raise SqlError(3623, f"POWER({x}, {y}): {error}") from error


def _square_root(x: float) -> float:
    if x < 0:
        raise SqlError(3623, f"an invalid floating point operation occurred: SQRT({x})")
    return math.sqrt(x)


def _substring(value: bytes | str, start: int, length: int) -> bytes | str:
    if length < 0:
        raise SqlError(537, "invalid length passed to SUBSTRING")
    return value[max(start - 1, 0) : max(start - 1 + length, 0)]


def _hash_of(type_: SqlType) -> Callable[[str, str | bytes], bytes]:
    encoding = "utf-16-le" if type_.name.startswith("n") else "cp1252"

    def digest(algorithm: str, value: str | bytes) -> bytes:
        if algorithm.upper() != "SHA2_256":
            raise Unsupported(f"HASHBYTES('{algorithm}', …)")
        return hashlib.sha256(value.encode(encoding) if isinstance(value, str) else value).digest()

    return digest


def _truncated(x: int, y: int) -> int:
    if y == 0:
        raise SqlError(8134, "divide by zero")
    return -(-x // y) if (x < 0) != (y < 0) else x // y


def _quotient(x: float, y: float) -> float:
    if y == 0:
        raise SqlError(8134, "divide by zero")
    return x / y


_EXACT: dict[str, Callable[[int, int], int]] = {
    "Add": lambda x, y: x + y,
    "Subtract": lambda x, y: x - y,
    "Multiply": lambda x, y: x * y,
    "Divide": _truncated,
    "Modulo": lambda x, y: x - y * _truncated(x, y),
}
_APPROXIMATE: dict[str, Callable[[float, float], float]] = {
    "Add": lambda x, y: x + y,
    "Subtract": lambda x, y: x - y,
    "Multiply": lambda x, y: x * y,
    "Divide": _quotient,
}
_BITWISE: dict[str, Callable[[int, int], int]] = {
    "BitwiseAnd": lambda x, y: x & y,
    "BitwiseOr": lambda x, y: x | y,
    "BitwiseXor": lambda x, y: x ^ y,
}
_COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "Equals": lambda x, y: x == y,
    "NotEqualToBrackets": lambda x, y: x != y,
    "NotEqualToExclamation": lambda x, y: x != y,
    "LessThan": lambda x, y: x < y,
    "LessThanOrEqualTo": lambda x, y: x <= y,
    "GreaterThan": lambda x, y: x > y,
    "GreaterThanOrEqualTo": lambda x, y: x >= y,
}
_PROPERTIES: dict[str, Callable[[Point], Value]] = {
    "STX": lambda point: point.x,
    "STY": lambda point: point.y,
    "Z": lambda point: point.z,
    "STSrid": lambda point: point.srid,
}
