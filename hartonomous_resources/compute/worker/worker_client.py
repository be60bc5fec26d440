"""Asks the worker of a home, and asks again where that one was stopped or killed in the middle: no request changes anything."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.compute.worker.frames import FrameError, decode, encode, receive
from hartonomous_resources.compute.worker.handshake import HandshakeError, introduce, read_key
from hartonomous_resources.compute.worker.listening import address_of, key_path_of
from hartonomous_resources.compute.worker.worker_messages import (
    Answer,
    Failure,
    Health,
    HealthAnswer,
    Message,
    Reply,
)

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 300.0
"""A worker that does not answer for so long does not work: the first answer may take a compilation, and those of many other clients."""
_MOST_CUTS = 10
"""A request that was cut off as often may be what ends the worker."""
_PAUSE_SECONDS = 0.05

Arrays = Sequence[NDArray[Any]]


class WorkerClient:
    """Asks one request after another on as many connections as threads ask at once. Any threads may call it."""

    def __init__(self, home: Path, wait_seconds: float) -> None:
        """`wait_seconds`: how long a worker that is not there is waited for, which may be about to start again."""
        self._home, self._wait_seconds = home, wait_seconds
        self._lock = threading.Lock()
        self._idle: list[Connection[Any, Any]] = []

    def arrays(self, header: Message, arrays: Arrays = ()) -> Arrays:
        """Return the arrays that were asked for. Raises as `ask` does."""
        answer, found = self.ask(header, arrays)
        return found if isinstance(answer, Answer) else ()

    def health(self) -> HealthAnswer:
        """Return how the worker is. Raises ComputeUnavailable."""
        answer, _ = self.ask(Health(), seconds=_CONNECT_SECONDS)
        if not isinstance(answer, HealthAnswer):
            raise ComputeUnavailable(f"the worker answered a question for its health with {type(answer).__name__}")
        return answer

    def ask(self, header: Message, arrays: Arrays = (), seconds: float = _ANSWER_SECONDS) -> tuple[Message, Arrays]:
        """Return the worker's answer, of the worker that comes after it where it was cut off. It may take so many seconds.

        Raises ComputeUnavailable where no worker answers or it lacks the model, ValueError for what it refuses and what failed.
        """
        frame = encode(header, arrays)
        until = time.monotonic() + self._wait_seconds
        cuts = 0
        while True:
            try:
                connection, is_fresh = self._connected()
            except (OSError, EOFError, HandshakeError) as error:
                if time.monotonic() >= until:
                    raise ComputeUnavailable(self._describe(error)) from error
                time.sleep(_PAUSE_SECONDS)
                continue
            try:
                answer = self._ask(connection, frame, seconds)
            except (TimeoutError, BlockingIOError) as error:
                connection.close()
                raise ComputeUnavailable(self._describe(error)) from error
            except (OSError, EOFError, FrameError) as error:
                connection.close()
                cuts += is_fresh  # else it may have ended long ago
                if cuts >= _MOST_CUTS:
                    raise ComputeUnavailable(f"the worker ended {cuts} times while it was asked this") from error
                until = time.monotonic() + self._wait_seconds
                continue
            with self._lock:
                self._idle.append(connection)
            return _judged(answer)

    def close(self) -> None:
        """Hang up. The next question connects again."""
        with self._lock, ExitStack() as closing:
            for connection in self._idle:
                closing.callback(connection.close)
            self._idle.clear()

    def _connected(self) -> tuple[Connection[Any, Any], bool]:
        """Return a connection, and whether it is new."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), False
        key = read_key(key_path_of(self._home))
        connection = _connect(address_of(self._home))
        try:
            introduce(connection, key, _CONNECT_SECONDS)
        except BaseException:
            connection.close()
            raise
        return connection, True

    @staticmethod
    def _ask(connection: Connection[Any, Any], frame: bytes, seconds: float) -> tuple[Message, Arrays]:
        connection.send_bytes(frame)
        return decode(receive(connection, seconds=seconds), Reply)

    def _describe(self, error: Exception) -> str:
        said = str(error) or type(error).__name__
        return f"no worker answers at {address_of(self._home)} ({said}): start `hartonomous gpu-worker`"


def _judged(answer: tuple[Message, Arrays]) -> tuple[Message, Arrays]:
    header = answer[0]
    if not isinstance(header, Failure):
        return answer
    if header.code == "unavailable":
        raise ComputeUnavailable(f"the worker: {header.message}")
    raise ValueError(header.message)


def _connect(address: str) -> Connection[Any, Any]:
    if sys.platform == "win32":
        return Client(address, "AF_PIPE")
    with socket.socket(socket.AF_UNIX) as connecting:
        connecting.settimeout(_CONNECT_SECONDS)
        connecting.connect(address)
        connecting.settimeout(None)
        for within_a_message in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            connecting.setsockopt(socket.SOL_SOCKET, within_a_message, struct.pack("ll", int(_ANSWER_SECONDS), 0))
        return Connection(connecting.detach())
