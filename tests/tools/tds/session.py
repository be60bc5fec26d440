"""One connection of the TDS server: reads what the client asks, answers, and keeps the state of its transaction."""

import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.tools.tds.channel import Channel, Disconnected, packets
from tests.tools.tds.protocol import Attention, Call, Event, Login, Packet, Transaction, decode, decode_head
from tests.tools.tds.responses import (
    ATTENTION_DONE,
    Failure,
    Rows,
    batch_result,
    call_result,
    login_accepted,
    login_refused,
    prelogin,
    transaction_begins,
    transaction_ends,
)

_ENCRYPTED, _NOT_ENCRYPTED = 1, 2
_PREPARING = {"sp_prepare", "sp_prepexec"}
_ENDS_TRANSACTION = {1205, 3960}
"""Errors with which the server rolls back by itself: deadlock victim, snapshot conflict."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does when it is asked: waits, answers, and perhaps breaks the connection after so many bytes."""

    results: Sequence[Rows | Failure] = ()
    delay: float = 0.0
    drop_after: int | None = None
    encoded: bytes | None = None
    """Ready bytes instead of results."""


class Session:
    """One connection, from its prelogin to its end. `ask` says how to answer, `received` is told the length of each message."""

    def __init__(
        self,
        channel: Channel,
        ask: Callable[[Event], Reply],
        received: Callable[[int], None],
        context: ssl.SSLContext | None,
        decode_up_to: int | None,
    ) -> None:
        self._channel = channel
        self._ask = ask
        self._received = received
        self._context = context
        self._decode_up_to = decode_up_to
        self._transaction = 0
        self._transactions = 0
        self._handles = 0

    def run(self) -> None:
        while True:
            kind, message, length = self._channel.read_message(self._decode_up_to)
            if kind == Packet.PRELOGIN:
                self._prelogin()
                continue
            self._received(length)
            for event in decode(kind, message) if length == len(message) else [decode_head(message)]:
                self._reply(event, self._ask(event))

    def _prelogin(self) -> None:
        context = self._context
        encryption = _ENCRYPTED if context else _NOT_ENCRYPTED
        self._channel.send_message(prelogin(encryption))
        if context:
            self._channel.start_tls(context)

    def _reply(self, event: Event, reply: Reply) -> None:
        if isinstance(event, Attention):
            self._channel.send_message(ATTENTION_DONE)
            return
        if reply.delay and self._channel.is_readable(reply.delay):
            return  # the client sent something before its answer was ready: that is read as any other message
        message = reply.encoded if reply.encoded is not None else self._message(event, reply.results)
        if reply.drop_after is None:
            self._channel.send_message(message)
            return
        self._channel.send_bytes(packets(message)[: reply.drop_after])
        time.sleep(0.05)  # what was sent must arrive: a reset throws away what is on its way
        self._channel.reset()
        raise Disconnected

    def _message(self, event: Event, results: Sequence[Rows | Failure]) -> bytes:
        failed = next((result for result in results if isinstance(result, Failure)), None)
        if isinstance(event, Login):
            return login_refused(failed) if failed else login_accepted(event.database)
        rolled_back = b""
        if failed and failed.number in _ENDS_TRANSACTION and self._transaction:
            rolled_back = self._end(committed=False)
        if isinstance(event, Transaction):
            change = b"" if failed else self._change(event)
            return rolled_back + change + batch_result(results)
        if isinstance(event, Call):
            if event.name.startswith("sp_datatype_info"):
                return call_result([_types(int(str(event.values[0])))])
            self._handles += 1
            return rolled_back + call_result(
                results, event.procedure, self._handles if event.via or event.name in _PREPARING else None
            )
        return rolled_back + batch_result(results)

    def _change(self, request: Transaction) -> bytes:
        change = b""
        if request.request != "begin":
            change += self._end(committed=request.request == "commit")
        if request.request == "begin" or request.begins:
            self._transactions += 1
            self._transaction = self._transactions
            change += transaction_begins(self._transaction)
        return change

    def _end(self, committed: bool) -> bytes:
        ended, self._transaction = self._transaction, 0
        return transaction_ends(ended, committed)


_TYPE_COLUMNS = [("TYPE_NAME", "nvarchar(128)"), ("DATA_TYPE", "smallint"), ("PRECISION", "int"), ("LITERAL_PREFIX", "nvarchar(32)"),
                 ("LITERAL_SUFFIX", "nvarchar(32)"), ("CREATE_PARAMS", "nvarchar(32)"), ("NULLABLE", "smallint"),
                 ("CASE_SENSITIVE", "smallint"), ("SEARCHABLE", "smallint"), ("UNSIGNED_ATTRIBUTE", "smallint"), ("MONEY", "smallint"),
                 ("AUTO_INCREMENT", "smallint"), ("LOCAL_TYPE_NAME", "nvarchar(128)"), ("MINIMUM_SCALE", "smallint"),
                 ("MAXIMUM_SCALE", "smallint"), ("SQL_DATA_TYPE", "smallint"), ("SQL_DATETIME_SUB", "smallint"),
                 ("NUM_PREC_RADIX", "int"), ("INTERVAL_PRECISION", "smallint"), ("USERTYPE", "smallint")]  # fmt: skip
_LONGEST = {12: ("varchar", 8000), -9: ("nvarchar", 4000), -3: ("varbinary", 8000), 93: ("datetime2", 27)}


def _types(number: int) -> Rows:
    """What sp_datatype_info says of an ODBC type: the driver asks for the longest value that each may have."""
    name, length = _LONGEST.get(number, ("int", 10))
    row = [name, number, length, None, None, None, 1, 0, 3, None, 0, None, name, 0, 7 if number == 93 else None, number,
           None, None, None, 0]  # fmt: skip
    return Rows(_TYPE_COLUMNS, [row])
