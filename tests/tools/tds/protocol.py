"""Reading what a client of SQL Server sends: the messages of TDS 7.4 (MS-TDS), decoded."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from tests.tools.tds.values import MAX, Reader, read_type, read_value


class Packet(IntEnum):
    """Types of messages."""

    BATCH = 0x01
    RPC = 0x03
    RESPONSE = 0x04
    ATTENTION = 0x06
    TRANSACTION = 0x0E
    LOGIN = 0x10
    PRELOGIN = 0x12


@dataclass(frozen=True, slots=True)
class Login:
    """LOGIN7."""

    user: str
    password: str
    application: str
    database: str


@dataclass(frozen=True, slots=True)
class Batch:
    """A text of T-SQL."""

    text: str
    transaction: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """An argument of a call. `output` says that the server is to give it back."""

    name: str
    output: bool
    type: str
    value: object
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A remote procedure call.

    A driver that prepares its calls sends sp_prepexecrpc with the procedure's name as an argument: `via` says so, and `procedure`
    and `parameters` are those of the procedure that is meant. A call of which only the head was read has no parameters.
    """

    procedure: str
    parameters: tuple[Parameter, ...]
    transaction: int
    via: str = ""

    @property
    def schema(self) -> str:
        return self.procedure.rpartition(".")[0].strip("[]")

    @property
    def name(self) -> str:
        return self.procedure.rpartition(".")[2].strip("[]")

    @property
    def values(self) -> list[object]:
        return [parameter.value for parameter in self.parameters]

    @property
    def types(self) -> list[str]:
        return [parameter.type for parameter in self.parameters]


@dataclass(frozen=True, slots=True)
class Transaction:
    """A request to the transaction manager: begin, commit or rollback; `begins` says that a commit starts the next one."""

    request: str
    isolation: int = 0
    begins: bool = False


@dataclass(frozen=True, slots=True)
class Attention:
    """The client gives up what it asked for."""


Event = Login | Batch | Call | Transaction | Attention

_PROCEDURES = {10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 14: "sp_prepexecrpc", 15: "sp_unprepare"}  # fmt: skip
_REQUESTS = {5: "begin", 7: "commit", 8: "rollback"}


def decode(packet: int, message: bytes) -> list[Event]:
    """What a message asks for; a message of several calls gives several."""
    if packet == Packet.ATTENTION:
        return [Attention()]
    if packet == Packet.LOGIN:
        return [_login(message)]
    reader = Reader(message)
    transaction = _read_headers(reader)
    if packet == Packet.BATCH:
        return [Batch(reader.take(reader.left).decode("utf-16-le"), transaction)]
    if packet == Packet.TRANSACTION:
        return [_transaction(reader)]
    if packet == Packet.RPC:
        return list(_calls(reader, transaction))
    raise ValueError(f"packet type 0x{packet:02x} is not known here")


def _read_headers(reader: Reader) -> int:
    """Skip ALL_HEADERS; the number of the transaction that the message belongs to, 0 for none."""
    end = reader.number(4)
    transaction = 0
    while reader.at < end:
        length, kind = reader.number(4), reader.number(2)
        data = reader.take(length - 6)
        if kind == 2:
            transaction = int.from_bytes(data[:8], "little")
    return transaction


def decode_head(message: bytes) -> Call:
    """The call that a message begins with, without its parameters; the first few hundred bytes of the message are enough."""
    reader = Reader(message)
    transaction = _read_headers(reader)
    name = _read_name(reader)
    if name == "sp_prepexecrpc":
        _read_parameter(reader)
        return Call(str(_read_parameter(reader).value), (), transaction, name)
    return Call(name, (), transaction)


def _calls(reader: Reader, transaction: int) -> Iterator[Call]:
    while reader.left:
        name = _read_name(reader)
        parameters = []
        while reader.left:
            if reader.data[reader.at] in (0x80, 0xFE, 0xFF):  # another call of the same message follows
                reader.take(1)
                break
            parameters.append(_read_parameter(reader))
        if name == "sp_prepexecrpc":
            yield Call(str(parameters[1].value), tuple(parameters[2:]), transaction, name)
        else:
            yield Call(name, tuple(parameters), transaction)


def _read_name(reader: Reader) -> str:
    length = reader.number(2)
    name = _PROCEDURES[reader.number(2)] if length == MAX else reader.take(2 * length).decode("utf-16-le")
    reader.take(2)  # options
    return name


def _read_parameter(reader: Reader) -> Parameter:
    name, flags, of = reader.text(1), reader.number(1), read_type(reader)
    return Parameter(name, bool(flags & 1), of.name, read_value(reader, of), of.schema)


def _transaction(reader: Reader) -> Transaction:
    request = _REQUESTS[reader.number(2)]
    if request == "begin":
        return Transaction(request, reader.number(1))
    reader.take(reader.number(1))  # the transaction's name
    return Transaction(request, begins=bool(reader.left and reader.number(1) & 1))


def _login(message: bytes) -> Login:
    def text(place: int, decoded: bool = True) -> str:
        offset, length = struct.unpack_from("<HH", message, place)
        data = message[offset : offset + 2 * length]
        if not decoded:
            data = bytes(((byte ^ 0xA5) << 4 | (byte ^ 0xA5) >> 4) & 0xFF for byte in data)
        return data.decode("utf-16-le")

    return Login(text(40), text(44, decoded=False), text(48), text(68))
