"""Types and values of TDS as a client sends them, decoded."""

import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta


class Reader:
    """Takes values from the front of a message."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, n: int) -> bytes:
        if n > self.left:
            raise ValueError(f"{n} bytes expected at {self.at}, {self.left} are left")
        self.at += n
        return self.data[self.at - n : self.at]

    def number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self.take(size), "little", signed=signed)

    def text(self, length_size: int) -> str:
        """UTF-16 preceded by its length in characters."""
        return self.take(2 * self.number(length_size)).decode("utf-16-le")


_INT, _BIT, _FLOAT, _GUID, _DATETIME2 = 0x26, 0x68, 0x6D, 0x24, 0x2A
_VARBINARY, _BINARY, _VARCHAR, _CHAR, _NVARCHAR, _NCHAR = 0xA5, 0xAD, 0xA7, 0xAF, 0xE7, 0xEF
_TVP = 0xF3

_BYTES = {_VARBINARY: "varbinary", _BINARY: "binary"}
_TEXT = {_VARCHAR: "varchar", _CHAR: "char", _NVARCHAR: "nvarchar", _NCHAR: "nchar"}
MAX = 0xFFFF
_PLAIN = {_BIT: "bit", _FLOAT: "float", _GUID: "uniqueidentifier"}
_INTEGERS = {1: "tinyint", 2: "smallint", 4: "int", 8: "bigint"}


@dataclass(frozen=True, slots=True)
class Type:
    """A type on the wire, and its name in T-SQL: `nvarchar(max)`, `datetime2(3)`, a table type's name."""

    token: int
    size: int
    name: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table-valued parameter."""

    types: tuple[str, ...]
    rows: Sequence[tuple[object, ...]]


def read_type(reader: Reader) -> Type:
    token = reader.number(1)
    if token == _TVP:
        reader.text(1)  # the database, which a client must leave empty
        schema = reader.text(1)
        return Type(token, 0, reader.text(1), schema)
    if token in (_VARBINARY, _BINARY, *_TEXT):
        size = reader.number(2)
        if token in _TEXT:
            reader.take(5)  # collation
        wide = 2 if token in (_NVARCHAR, _NCHAR) else 1
        length = "max" if size == MAX else str(size // wide)
        return Type(token, size, f"{(_BYTES | _TEXT)[token]}({length})")
    size = reader.number(1)
    if token == _INT:
        return Type(token, size, _INTEGERS[size])
    if token == _DATETIME2:
        return Type(token, size, f"datetime2({size})")
    if token in _PLAIN:
        return Type(token, size, _PLAIN[token])
    raise ValueError(f"type 0x{token:02x} at {reader.at} is not known here")


def read_value(reader: Reader, of: Type) -> object:
    if of.token == _TVP:
        return _read_table(reader)
    if of.token in _BYTES or of.token in _TEXT:
        data = _read_chunks(reader) if of.size == MAX else _read_short(reader)
        if data is None or of.token in _BYTES:
            return data
        return data.decode("utf-16-le" if of.token in (_NVARCHAR, _NCHAR) else "cp1252")
    data = reader.take(reader.number(1))
    return _scalar(of, data) if data else None


def _read_short(reader: Reader) -> bytes | None:
    length = reader.number(2)
    return None if length == MAX else reader.take(length)


def _read_chunks(reader: Reader) -> bytes | None:
    if reader.number(8) == 2**64 - 1:
        return None
    chunks = []
    while length := reader.number(4):
        chunks.append(reader.take(length))
    return b"".join(chunks)


def _scalar(of: Type, data: bytes) -> object:
    if of.token == _INT:
        return int.from_bytes(data, "little", signed=len(data) > 1)
    if of.token == _BIT:
        return bool(data[0])
    if of.token == _FLOAT:
        return struct.unpack("<d" if len(data) == 8 else "<f", data)[0]
    if of.token == _GUID:
        return uuid.UUID(bytes_le=data)
    if of.token == _DATETIME2:
        ticks = int.from_bytes(data[:-3], "little")
        day = date.fromordinal(int.from_bytes(data[-3:], "little") + 1)
        microseconds = ticks * 10 ** (7 - of.size) // 10
        return datetime.combine(day, datetime.min.time()) + timedelta(microseconds=microseconds)
    return data


def _read_table(reader: Reader) -> Table:
    count = reader.number(2)
    types = []
    for _ in range(0 if count == MAX else count):
        reader.take(6)  # user type and flags
        types.append(read_type(reader))
        reader.text(1)  # the column's name, which a client must leave empty
    while option := reader.number(1):
        if option not in (0x10, 0x11):
            raise ValueError(f"0x{option:02x} at {reader.at} belongs to no table")
        reader.take(reader.number(2) * (3 if option == 0x10 else 2))  # order and unique keys, column order
    rows = []
    while reader.number(1):
        rows.append(tuple(read_value(reader, of) for of in types))
    return Table(tuple(of.name for of in types), rows)
