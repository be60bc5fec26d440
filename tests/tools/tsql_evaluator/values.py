"""Values of T-SQL as NumPy's scalars, which overflow and promote as the server's do: int is int32, bigint int64, float float64.

Text is str (NText where it is national), binary is bytes, NULL is None. What this project's T-SQL does not use raises Unsupported:
nothing is guessed.
"""

import hashlib
import math
import operator
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from tests.tools.tsql.tree import Node, last_name

Value = Any
_INTEGERS = {"bigint": np.int64, "int": np.int32, "smallint": np.int16, "tinyint": np.uint8, "bit": np.int8}
_KEPT = ("datetime2", "uniqueidentifier", "geometry", "timestamp", "rowversion", "decimal")


class Unsupported(Exception):
    """T-SQL that this evaluator does not know."""


class SqlError(Exception):
    """What the server would raise, with its number."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(f"{number}: {message}")
        self.number = number


class NText(str):
    """nvarchar: two bytes a character where it is hashed or measured."""


class ByteText(NText):
    """nvarchar of a collation that compares byte by byte (BIN2)."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of type geometry."""

    x: float
    y: float
    z: float | None
    srid: int

    @classmethod
    def from_text(cls, text: str, srid: int) -> "Point":
        x, y, z = map(float, re.fullmatch(r"POINT\((\S+) (\S+) (\S+)\)", text).groups())  # type: ignore[union-attr]
        return cls(x, y, z, srid)


def is_binary(collation: Node | None) -> bool:
    """Whether a collation compares byte by byte; those in UTF-8 are of varchar, which is never compared here."""
    return collation is not None and collation["Value"].endswith("_BIN2")


@dataclass(frozen=True, slots=True)
class Type:
    """A type as it is written; `length` is None for max and for types that have none."""

    name: str
    length: int | None = None
    is_exact: bool = False
    """Of a collation that compares byte by byte."""

    @classmethod
    def of(cls, node: Node, collation: Node | None = None) -> "Type":
        name, parameters = last_name(node["Name"]).lower(), node.all("Parameters")
        sized = "char" in name or "binary" in name
        length = str(parameters[0].get("Value") or "max").lower() if parameters else "1"
        return cls(name, int(length) if sized and length != "max" else None, is_exact=is_binary(collation))

    def convert(self, value: Value, style: int = 0) -> Value:
        """The value as one of this type. NULL stays NULL; what does not fit is error 8115, as on the server."""
        if value is None or self.name in _KEPT:
            return value
        if self.name in _INTEGERS:
            return self._integer(value)
        if self.name == "float" and not isinstance(value, bytes):
            return np.float64(value)
        if "binary" in self.name and isinstance(value, str) and style == 2:
            value = bytes.fromhex(value)
        if "binary" in self.name and isinstance(value, str):
            value = value.encode()  # every text of ours that is converted so is of a UTF-8 collation
        if "binary" in self.name and isinstance(value, bytes):
            fitted = value[: self.length]
            return fitted.ljust(self.length or 0, b"\0") if self.name == "binary" else fitted
        if "char" in self.name:
            return self._text(value, style)
        raise Unsupported(f"conversion of {type(value).__name__} to {self.name}")

    def _integer(self, value: Value) -> Value:
        kind = _INTEGERS[self.name]
        if isinstance(
            value, bytes
        ):  # the last bytes count, most significant first; a shorter value has zeros before it
            size = np.dtype(kind).itemsize
            return kind(int.from_bytes(value[-size:].rjust(size, b"\0"), "big", signed=True))
        number = int(value != 0) if self.name == "bit" else int(value)  # of a float, toward zero
        if not np.iinfo(kind).min <= number <= np.iinfo(kind).max:
            raise SqlError(8115, f"arithmetic overflow: {number} is no {self.name}")
        return kind(number)

    def _text(self, value: Value, style: int) -> str:
        if isinstance(value, str):
            text = value[: self.length]
        elif isinstance(value, bytes) and style == 2:
            text = value.hex().upper()
        elif isinstance(value, np.floating) and style == 3:  # 17 digits
            mantissa, exponent = f"{value:.16e}".split("e")
            text = f"{mantissa}e{exponent[0]}{int(exponent[1:]):03d}"
        elif isinstance(value, np.integer):
            text = str(value)
        else:
            raise Unsupported(f"conversion of {type(value).__name__} to {self.name} with style {style}")
        if self.length is not None and len(text) > self.length:
            raise SqlError(8115, f"{text!r} does not fit {self.name}({self.length})")
        text = text.ljust(self.length or 0) if self.name in ("char", "nchar") else text
        kind = ByteText if self.is_exact or isinstance(value, ByteText) else NText if self.name.startswith("n") else str
        return kind(text)


def _divide(x: Value, y: Value) -> Value:
    if y == 0:
        raise SqlError(8134, "divide by zero")
    if isinstance(x, np.floating) or isinstance(y, np.floating):
        return x / y
    quotient = abs(int(x)) // abs(int(y))  # toward zero
    return np.result_type(x, y).type(-quotient if (x < 0) != (y < 0) else quotient)


_ARITHMETIC: dict[str, Callable[[Value, Value], Value]] = {
    "Add": operator.add,
    "Subtract": operator.sub,
    "Multiply": operator.mul,
    "Divide": _divide,
    "Modulo": lambda x, y: x - y * _divide(x, y),
}
_BITWISE = {"BitwiseAnd": operator.and_, "BitwiseOr": operator.or_, "BitwiseXor": operator.xor}
_COMPARISONS = {
    "Equals": operator.eq,
    "NotEqualToBrackets": operator.ne,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
}


def binary_operator(name: str) -> Callable[[Value, Value], Value]:
    """An operator for two values that are not NULL."""
    if name in _BITWISE:
        return _BITWISE[name]  # NumPy refuses floats
    compute = _ARITHMETIC[name]

    def run(x: Value, y: Value) -> Value:
        if isinstance(x, Decimal) or isinstance(y, Decimal):
            raise Unsupported("arithmetic of decimals: write floats with an exponent (1.5E0)")
        result = compute(x, y)
        return NText(result) if isinstance(x, NText) or isinstance(y, NText) else result

    return run


def comparison(name: str) -> Callable[[Value, Value], bool]:
    """A comparison of two values that are not NULL; text as the usual collations compare it, or as that of either side does."""
    compare = _COMPARISONS[name]

    def run(x: Value, y: Value) -> bool:
        if isinstance(x, str):
            x, y, is_exact = x.rstrip(" "), y.rstrip(" "), isinstance(x, ByteText) or isinstance(y, ByteText)
            x, y = (x, y) if is_exact else (x.casefold(), y.casefold())
        return bool(compare(x, y))

    return run


def _power(x: Value, y: Value) -> Value:
    """Of the type of the first argument: POWER(2, 31) overflows and POWER(2, -1) is 0."""
    power = math.pow(x, y)
    kind = {np.float64: "float", np.int64: "bigint"}.get(type(x), "int")
    return Type(kind).convert(np.float64(power))


def _substring(value: bytes | str, start: int, length: int) -> bytes | str:
    return value[max(start - 1, 0) : max(start - 1 + length, 0)]


def _sha256(algorithm: str, value: str | bytes) -> bytes:
    if algorithm != "SHA2_256":
        raise Unsupported(algorithm)
    return hashlib.sha256(_encoded(value)).digest()


def _encoded(value: str | bytes) -> bytes:
    return value.encode("utf-16-le" if isinstance(value, NText) else "cp1252") if isinstance(value, str) else value


FUNCTIONS: dict[str, Callable[..., Value]] = {
    "POWER": _power,
    "SQRT": lambda x: np.float64(math.sqrt(x)),
    "FLOOR": lambda x: np.float64(math.floor(x)),
    "DATALENGTH": lambda x: np.int32(len(_encoded(x))),
    "SUBSTRING": _substring,
    "HASHBYTES": _sha256,
    "LOWER": str.lower,
    "LEN": lambda x: np.int32(len(x.rstrip(" "))),
    "REPLICATE": lambda x, n: type(x)(x * int(n)),
    "STUFF": lambda x, start, length, by: x[: start - 1] + by + x[start - 1 + length :],
    "NCHAR": lambda n: NText(chr(n)),
    "NEWID": lambda: str(uuid.uuid4()).upper(),
    "SYSUTCDATETIME": lambda: datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "STPointFromText": Point.from_text,
}
"""Built-in functions that are NULL as soon as an argument is."""


def like(negated: bool) -> Callable[[str, str], bool]:
    """LIKE and NOT LIKE, of two texts; sets are as in regular expressions."""

    def run(text: str, pattern: str) -> bool:
        parts = re.findall(r"\[.*?\]|%|.", pattern, re.DOTALL)
        regular = "".join({"%": ".*", "_": "."}.get(p, p if len(p) > 1 else re.escape(p)) for p in parts)
        return (re.fullmatch(regular, text, re.DOTALL) is None) == negated

    return run


def concat(values: list[Value]) -> str:
    """CONCAT: NULL counts as nothing."""
    texts = [value if isinstance(value, str) else str(value) for value in values if value is not None]
    return NText("".join(texts)) if any(isinstance(text, NText) for text in texts) else "".join(texts)
