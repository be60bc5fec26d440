"""Values and types of T-SQL as SQL Server computes with them: ranges, precedence, conversions.

What is not needed to execute this project's functions raises Unsupported: nothing is guessed.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Value = Any
"""int, float, str, bytes, Decimal (literals only), Point, or None for NULL."""


class Unsupported(Exception):
    """T-SQL that this evaluator does not know."""


class SqlError(Exception):
    """What the server would raise, with its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{number}: {message}")
        self.number = number


@dataclass(frozen=True, slots=True)
class SqlType:
    """A type; `length` is None for max and for types that have none."""

    name: str
    length: int | None = None

    @property
    def is_integer(self) -> bool:
        return self.name in _RANGES

    @property
    def is_text(self) -> bool:
        return self.name in ("varchar", "char", "nvarchar", "nchar")

    @property
    def is_binary(self) -> bool:
        return self.name in ("varbinary", "binary", "timestamp")


@dataclass(frozen=True, slots=True)
class Point:
    """A point of type geometry."""

    x: float
    y: float
    z: float | None
    srid: int

    @classmethod
    def from_text(cls, text: str, srid: int) -> "Point":
        match = re.fullmatch(r"\s*POINT\s*\(\s*(\S+)\s+(\S+?)(?:\s+(\S+?))?\s*\)\s*", text)
        if not match:
            raise SqlError(24114, f"no point in well-known text: {text!r}")
        x, y, z = (None if part is None else float(part) for part in match.groups())
        assert x is not None and y is not None
        return cls(x, y, z, srid)


_RANGES = {
    "bigint": (-(2**63), 2**63 - 1),
    "int": (-(2**31), 2**31 - 1),
    "smallint": (-(2**15), 2**15 - 1),
    "tinyint": (0, 255),
    "bit": (0, 1),
}
_PRECEDENCE = ["geometry", "datetime2", "float", "decimal", "bigint", "int", "smallint", "tinyint", "bit"]
_PRECEDENCE += ["uniqueidentifier", "nvarchar", "nchar", "varchar", "char", "timestamp", "varbinary", "binary", "null"]
_SIZES = {"bigint": 8, "int": 4, "smallint": 2, "tinyint": 1, "float": 8, "bit": 1}

NULL = SqlType("null")
BIT = SqlType("bit")
INT = SqlType("int")
BIGINT = SqlType("bigint")
FLOAT = SqlType("float")
DECIMAL = SqlType("decimal")
GEOMETRY = SqlType("geometry")


def common_type(*types: SqlType) -> SqlType:
    """The type that values of these types are converted to where they meet: that of the highest precedence."""
    highest = min(types, key=lambda type_: _PRECEDENCE.index(type_.name))
    alike = [type_.length for type_ in types if type_.name == highest.name or type_.is_text or type_.is_binary]
    if highest.is_text or highest.is_binary:
        return SqlType(highest.name, None if None in alike else max(length for length in alike if length is not None))
    return highest


def in_range(value: int, type_: SqlType) -> int:
    """The integer itself, or what the server says to one that does not fit."""
    low, high = _RANGES[type_.name]
    if not low <= value <= high:
        raise SqlError(8115, f"arithmetic overflow: {value} is no {type_.name}")
    return value


def finite(value: float) -> float:
    """The float itself: SQL Server has neither infinity nor NaN, and no subnormal numbers."""
    if not math.isfinite(value):
        raise SqlError(8115, "arithmetic overflow: float")
    return 0.0 if 0.0 < abs(value) < 2.2250738585072014e-308 else value


def data_length(value: Value, type_: SqlType) -> int:
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, str):
        return len(value.encode("utf-16-le" if type_.name.startswith("n") else "cp1252"))
    if type_.name in _SIZES:
        return _SIZES[type_.name]
    raise Unsupported(f"DATALENGTH of {type_.name}")


def converter(source: SqlType, target: SqlType, style: int = 0) -> Callable[[Value], Value]:
    """How a value of one type becomes one of another; NULL stays NULL."""
    if source == target or source.name == "null":
        return lambda value: value
    convert = _conversion(source, target, style)
    return lambda value: None if value is None else convert(value)


def _conversion(source: SqlType, target: SqlType, style: int) -> Callable[[Value], Value]:
    if target.name == "bit":
        return lambda value: int(value != 0)
    if target.is_integer:
        return _to_integer(source, target)
    if target.name == "float" and not source.is_binary:
        return lambda value: finite(float(value))
    if target.is_binary:
        return _to_binary(source, target)
    if target.is_text:
        return _to_text(source, target, style)
    if source.name == target.name or (target.name in ("datetime2", "uniqueidentifier") and source.is_text):
        return lambda value: value
    raise Unsupported(f"conversion of {source.name} to {target.name}")


def _to_integer(source: SqlType, target: SqlType) -> Callable[[Value], Value]:
    if source.is_binary:
        size = _SIZES[target.name]

        # The last bytes count, most significant first; a shorter value has zeros before it, so it is never negative.
        def from_bytes(value: bytes) -> int:
            return int.from_bytes(value[-size:].rjust(size, b"\0"), "big", signed=target.name != "tinyint")

        return from_bytes
    if source.is_integer or source.name in ("float", "decimal"):
        return lambda value: in_range(math.trunc(value), target)
    if source.is_text:
        return lambda value: in_range(int(value), target)
    raise Unsupported(f"conversion of {source.name} to {target.name}")


def _to_binary(source: SqlType, target: SqlType) -> Callable[[Value], Value]:
    if not source.is_binary:
        raise Unsupported(f"conversion of {source.name} to {target.name}")
    length = target.length
    if length is None:
        return lambda value: value
    if target.name == "binary":
        return lambda value: value[:length].ljust(length, b"\0")
    return lambda value: value[:length]


def _to_text(source: SqlType, target: SqlType, style: int) -> Callable[[Value], Value]:
    def fitted(text: str) -> str:
        if target.length is not None and not source.is_text and len(text) > target.length:
            raise SqlError(8115, f"{text!r} does not fit {target.name}({target.length})")
        text = text if target.length is None else text[: target.length]
        return text.ljust(target.length or 0) if target.name in ("char", "nchar") else text

    if source.is_text:
        return fitted
    if source.is_integer:
        return lambda value: fitted(str(value))
    if source.name == "float" and style == 3:
        return lambda value: fitted(_seventeen_digits(value))
    if source.is_binary and style == 2:
        return lambda value: fitted(value.hex().upper())
    raise Unsupported(f"conversion of {source.name} to {target.name} with style {style}")


def _seventeen_digits(value: float) -> str:
    mantissa, exponent = f"{value:.16e}".split("e")
    return f"{mantissa}e{exponent[0]}{int(exponent[1:]):03d}"


def decimal_literal(text: str) -> tuple[SqlType, Value]:
    """1.5, and an integer that is no int."""
    return DECIMAL, Decimal(text)
