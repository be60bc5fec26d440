"""A server that speaks enough of TDS for Microsoft's own driver: it logs what it is asked, decoded, and answers what a test says.

It knows no T-SQL and holds no tables. What it proves is what the client sends, and what the client makes of an answer.
"""

import contextlib
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tests.tools.tds.channel import Channel, Disconnected
from tests.tools.tds.protocol import Attention, Batch, Call, Event, Login, Transaction
from tests.tools.tds.responses import Failure, Rows
from tests.tools.tds.session import Reply, Session

T = TypeVar("T", Login, Batch, Call, Transaction, Attention)

SELF_SIGNED = str(Path(__file__).with_name("self_signed.pem"))
"""Key and certificate of a server that nobody trusts."""

Answer = Reply | Callable[[Event], Reply]


class TdsServer:
    """Listens on a port of its own while it is entered as a context.

    Whatever was not told an answer succeeds without rows. `certificate` is a PEM file with key and certificate: with one the server
    encrypts, without it refuses to. Calls longer than `decode_up_to` bytes are logged by name alone.
    """

    def __init__(self, certificate: str | None = None, decode_up_to: int | None = None) -> None:
        self._context: ssl.SSLContext | None = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.maximum_version = ssl.TLSVersion.TLSv1_2  # what TDS 7 allows
            self._context.load_cert_chain(certificate)
        self._decode_up_to = decode_up_to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._lock = threading.Condition()
        self._log: list[tuple[int, Event]] = []
        self._round_trips = 0
        self._bytes = 0
        self._errors: list[Exception] = []
        self._always: dict[str, Answer] = {}
        self._next: dict[str, deque[Answer]] = defaultdict(deque)
        self._channels: list[Channel] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if (
            error is None and self._errors
        ):  # a message that could not be decoded must not pass for one that was not sent
            raise self._errors[0]

    def stop(self) -> None:
        """Listen no more and break every connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts, which else would take one more
        self._listener.close()
        with self._lock:
            channels, threads = list(self._channels), list(self._threads)
        for channel in channels:
            channel.close()
        for thread in threads:
            thread.join(5)

    def break_connections(self) -> None:
        """Break every connection that is open, and go on listening."""
        with self._lock:
            channels = list(self._channels)
        for channel in channels:
            channel.reset()

    # ---- what it answers

    def answer(self, name: str, *results: Rows | Failure) -> None:
        """Answer a procedure (its name without schema), login, batch, begin, commit or rollback: from now on."""
        self.reply(name, Reply(results))

    def answer_next(
        self, name: str, *results: Rows | Failure, delay: float = 0.0, drop_after: int | None = None
    ) -> None:
        """The same for the next one alone; several wait in line."""
        with self._lock:
            self._next[name].append(Reply(results, delay, drop_after))

    def reply(self, name: str, answer: Answer) -> None:
        """As `answer`, with a reply, or a function that makes one of what was asked."""
        with self._lock:
            self._always[name] = answer

    def _answer_to(self, event: Event) -> Reply:
        name = _name_of(event)
        with self._lock:
            waiting = self._next.get(name)
            answer = waiting.popleft() if waiting else self._always.get(name, Reply())
        return answer if isinstance(answer, Reply) else answer(event)

    # ---- what it was asked

    @property
    def log(self) -> list[Event]:
        with self._lock:
            return [event for _, event in self._log]

    @property
    def sessions(self) -> list[list[Event]]:
        """The log, a list for each connection that is in it."""
        with self._lock:
            numbers = list(dict.fromkeys(session for session, _ in self._log))
            return [[event for session, event in self._log if session == number] for number in numbers]

    @property
    def round_trips(self) -> int:
        """Messages that were answered since the log was cleared; a message can hold several calls."""
        with self._lock:
            return self._round_trips

    @property
    def bytes_received(self) -> int:
        """Bytes of those messages."""
        with self._lock:
            return self._bytes

    def clear(self) -> None:
        with self._lock:
            self._log.clear()
            self._round_trips = self._bytes = 0

    def logged(self, kind: type[T]) -> list[T]:
        """Everything of one kind, in order."""
        return [event for event in self.log if isinstance(event, kind)]

    def calls(self, name: str) -> list[Call]:
        """The calls of one procedure."""
        return [call for call in self.logged(Call) if call.name == name]

    def wait_for(self, kind: type[T], seconds: float = 5.0) -> T:
        """The first event of a kind, waited for: what a client does not wait for itself may come late."""
        with self._lock:
            self._lock.wait_for(lambda: any(isinstance(event, kind) for _, event in self._log), seconds)
            return next(event for _, event in self._log if isinstance(event, kind))

    def _count(self, length: int) -> None:
        with self._lock:
            self._round_trips += 1
            self._bytes += length

    def _record(self, session: int, event: Event) -> None:
        with self._lock:
            self._log.append((session, event))
            self._lock.notify_all()

    # ---- connections

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the listener was closed
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            channel = Channel(connection)
            with self._lock:
                self._channels.append(channel)
            self._start(lambda channel=channel: self._serve(channel))  # type: ignore[misc]

    def _serve(self, channel: Channel) -> None:
        def ask(event: Event) -> Reply:
            self._record(id(channel), event)
            return self._answer_to(event)

        try:
            Session(channel, ask, self._count, self._context, self._decode_up_to).run()
        except (Disconnected, ssl.SSLError):
            pass  # a client that goes, or that does not like the certificate, is what many tests are about
        except Exception as error:  # noqa: BLE001 - shown to the test when the server is left
            self._errors.append(error)
        finally:
            channel.close()


def _name_of(event: Event) -> str:
    if isinstance(event, Call):
        return event.name
    if isinstance(event, Transaction):
        return event.request
    return type(event).__name__.lower()
