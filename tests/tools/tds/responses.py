"""Writing what SQL Server answers: the token streams of TDS 7.4 (MS-TDS)."""

import re
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

_COLLATION = b"\x09\x04\xd0\x00\x34"
_ERROR, _MORE, _COUNT, _ATTENTION = 0x02, 0x01, 0x10, 0x20
_SELECT = 0xC1
_INTEGERS = {"bit": (0x68, 1), "tinyint": (0x26, 1), "smallint": (0x26, 2), "int": (0x26, 4), "bigint": (0x26, 8)}


@dataclass(frozen=True, slots=True)
class Failure:
    """An error message. Severity 11-16 ends the statement, 20 and more the connection."""

    number: int
    message: str
    state: int = 1
    severity: int = 16


@dataclass(frozen=True, slots=True)
class Rows:
    """A result set: columns as (name, T-SQL type) and rows in that order."""

    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]


# ---- tokens


def done(token: int = 0xFD, status: int = 0, command: int = 0, rows: int = 0) -> bytes:
    return struct.pack("<BHHQ", token, status, command, rows)


ATTENTION_DONE = done(status=_ATTENTION)


def environment(kind: int, new: bytes, old: bytes = b"\0") -> bytes:
    """A change of the session's environment."""
    return _sized(0xE3, bytes([kind]) + new + old)


def transaction_begins(transaction: int) -> bytes:
    return environment(8, b"\x08" + transaction.to_bytes(8, "little"))


def transaction_ends(transaction: int, committed: bool) -> bytes:
    return environment(9 if committed else 10, b"\0", b"\x08" + transaction.to_bytes(8, "little"))


def failure(error: Failure, procedure: str = "") -> bytes:
    body = struct.pack("<iBB", error.number, error.state, error.severity)
    body += _text(error.message, 2) + _text("test", 1) + _text(procedure, 1) + struct.pack("<I", 1)
    return _sized(0xAA, body)


def _sized(token: int, body: bytes) -> bytes:
    return struct.pack("<BH", token, len(body)) + body


def _text(value: str, length_size: int) -> bytes:
    encoded = value.encode("utf-16-le")
    return (len(encoded) // 2).to_bytes(length_size, "little") + encoded


# ---- the start of a session


def prelogin(encryption: int) -> bytes:
    """Version and encryption (1 on, 2 not supported)."""
    options = [(0, bytes([16, 0, 0x10, 0, 0, 0])), (1, bytes([encryption])), (2, b"\0"), (3, b""), (4, b"\0")]
    head, data = b"", b""
    start = 5 * len(options) + 1
    for kind, value in options:
        head += struct.pack(">BHH", kind, start + len(data), len(value))
        data += value
    return head + b"\xff" + data


def login_accepted(database: str) -> bytes:
    version = b"\x01" + bytes([0x74, 0, 0, 4]) + _text("Microsoft SQL Server", 1) + bytes([16, 0, 0x10, 0])
    return (
        environment(1, _text(database, 1), _text("master", 1))
        + environment(7, b"\x05" + _COLLATION)
        + environment(2, _text("us_english", 1))
        + _sized(0xAD, version)
        + environment(4, _text("4096", 1), _text("4096", 1))
        + b"\xae\xff"
        + done()
    )


def login_refused(error: Failure) -> bytes:
    return failure(error) + done(status=_ERROR)


# ---- results


def call_result(results: Sequence[Rows | Failure], procedure: str = "", handle: int | None = None) -> bytes:
    """Of a procedure: its result sets, an error perhaps, its return status, and the handle where the driver prepared it."""
    data = b""
    failed = any(isinstance(result, Failure) for result in results)
    for result in results:
        if isinstance(result, Failure):
            data += failure(result, procedure)
        else:
            data += _result_set(result) + done(0xFF, _MORE | _COUNT, _SELECT, len(result.rows))
    data += b"\x79" + struct.pack("<i", -6 if failed else 0)
    if handle is not None and not failed:
        data += b"\xac" + struct.pack("<HBBIH", 0, 0, 1, 0, 0) + b"\x26\x04\x04" + struct.pack("<i", handle)
    return data + done(0xFE, _ERROR if failed else 0)


def batch_result(results: Sequence[Rows | Failure]) -> bytes:
    """Of a batch, or of a request to the transaction manager."""
    data = b""
    for place, result in enumerate(results):
        if isinstance(result, Failure):
            return data + failure(result) + done(status=_ERROR)
        more = _MORE if place < len(results) - 1 else 0
        data += _result_set(result) + done(0xFD, _COUNT | more, _SELECT, len(result.rows))
    return data or done()


def _result_set(result: Rows) -> bytes:
    head = b"\x81" + struct.pack("<H", len(result.columns))
    for name, kind in result.columns:
        head += struct.pack("<IH", 0, 9) + _type(kind) + _text(name, 1)
    kinds = [kind for _, kind in result.columns]
    return head + b"".join(
        b"\xd1" + b"".join(_value(kind, value) for kind, value in zip(kinds, row, strict=True)) for row in result.rows
    )


def _parts(kind: str) -> tuple[str, str]:
    found = re.fullmatch(r"(\w+)(?:\((\w+)\))?", kind)
    if not found:
        raise ValueError(f"{kind!r} is no type")
    return found[1], found[2] or ""


def _type(kind: str) -> bytes:
    name, size = _parts(kind)
    if name in _INTEGERS:
        return bytes(_INTEGERS[name])
    if name == "float":
        return b"\x6d\x08"
    if name == "uniqueidentifier":
        return b"\x24\x10"
    if name == "datetime2":
        return bytes([0x2A, int(size)])
    token = {"varchar": 0xA7, "char": 0xAF, "nvarchar": 0xE7, "varbinary": 0xA5, "binary": 0xAD}[name]
    length = 0xFFFF if size == "max" else int(size) * (2 if name == "nvarchar" else 1)
    return struct.pack("<BH", token, length) + (_COLLATION if "char" in name else b"")


def _value(kind: str, value: Any) -> bytes:
    name, size = _parts(kind)
    if "char" in name or "binary" in name:
        return _long_value(_encoded(name, value), size == "max")
    if value is None:
        return b"\0"
    if name in _INTEGERS:
        width = _INTEGERS[name][1]
        return bytes([width]) + int(value).to_bytes(width, "little", signed=width > 1)
    if name == "float":
        return b"\x08" + struct.pack("<d", value)
    if name == "uniqueidentifier":
        return b"\x10" + uuid.UUID(str(value)).bytes_le
    return _moment(value, int(size))


def _encoded(name: str, value: Any) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return value
    return str(value).encode("utf-16-le" if name == "nvarchar" else "cp1252")


def _long_value(data: bytes | None, unbounded: bool) -> bytes:
    if not unbounded:
        return b"\xff\xff" if data is None else struct.pack("<H", len(data)) + data
    if data is None:
        return b"\xff" * 8
    chunk = struct.pack("<I", len(data)) + data if data else b""
    return struct.pack("<Q", len(data)) + chunk + b"\0\0\0\0"


def _moment(value: datetime, scale: int) -> bytes:
    midnight = value.replace(hour=0, minute=0, second=0, microsecond=0)
    ticks = (value - midnight) // timedelta(microseconds=1) // int(10 ** (6 - scale))
    width = 3 if scale < 3 else 4 if scale < 5 else 5
    return bytes([width + 3]) + ticks.to_bytes(width, "little") + (value.toordinal() - 1).to_bytes(3, "little")
