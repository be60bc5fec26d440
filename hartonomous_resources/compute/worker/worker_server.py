"""The worker: accepts clients of this machine, a thread for each, and hangs up on those that do not keep to the protocol."""

from __future__ import annotations

import math
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, Listener
from typing import Any

from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.worker.frames import FrameTooLarge, encode, receive
from hartonomous_resources.compute.worker.handshake import HandshakeError, greet, make_key
from hartonomous_resources.compute.worker.listening import (
    CannotListen,
    address_of,
    key_path_of,
    listening,
    only_worker_of,
)
from hartonomous_resources.compute.worker.worker_messages import Failure
from hartonomous_resources.compute.worker.worker_replies import Answers
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings

MOST_CLIENTS = 64
_LOOK_SECONDS = 0.25
_STOP_SECONDS = 30.0


def serve(
    settings: Settings,
    stop: threading.Event,
    *,
    added: Callable[[], Sequence[ModelSource]] = tuple,
    frame_seconds: float = 20.0,
    idle_seconds: float = 3600.0,
) -> None:
    """Serve until `stop` is set, then answer what was accepted. `added` says where models come from that the settings do not name.

    A message, a handshake and the reading of an answer may take `frame_seconds`; a client may be silent between requests for
    `idle_seconds`. Raises CannotListen where a worker runs already, HandshakeError for a key that others may read, OSError.
    """
    with ExitStack() as opened:
        opened.enter_context(only_worker_of(settings.home))
        key = make_key(key_path_of(settings.home))
        compute = InProcessCompute(settings)
        opened.callback(compute.close)
        sessions = _Sessions(key, frame_seconds, idle_seconds)
        answers = Answers(compute, settings.home, sessions.count, added)
        opened.callback(answers.close)
        opened.callback(sessions.finish)
        compute.warm([source for source in added() if source.api_url is None])
        if sys.platform == "win32":
            _accept_on_pipe(address_of(settings.home), sessions, answers, stop)
        else:
            listeners = opened.enter_context(listening(settings.home))
            LOGGER.warning("the worker listens at %s", ", ".join(str(each.getsockname()) for each in listeners))
            _accept(listeners, sessions, answers, stop)


def _accept(listeners: Sequence[socket.socket], sessions: _Sessions, answers: Answers, stop: threading.Event) -> None:
    with selectors.DefaultSelector() as selector:
        for listener in listeners:
            listener.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
        while not stop.is_set():
            for ready, _ in selector.select(_LOOK_SECONDS):
                try:
                    client = ready.fileobj.accept()[0]  # type: ignore[union-attr]
                except BlockingIOError:  # it went away
                    continue
                except OSError as error:  # no more files, say: those who wait go on waiting
                    LOGGER.warning("a client could not be accepted: %s", error)
                    stop.wait(_LOOK_SECONDS)
                    continue
                client.setblocking(True)
                sessions.begin(_Session(Connection(client.detach())), answers)
            sessions.cut_late()


def _accept_on_pipe(address: str, sessions: _Sessions, answers: Answers, stop: threading.Event) -> None:
    """Accept on a named pipe of Windows. Raises CannotListen where another worker has it, and as `accept_from` does."""
    try:
        listener = Listener(address, "AF_PIPE")
    except PermissionError as error:
        raise CannotListen(f"another worker listens at {address}") from error

    accept_from(listener, sessions, answers, stop)


def accept_from(listener: Listener, sessions: _Sessions, answers: Answers, stop: threading.Event) -> None:
    """Accept in a thread that ends with the process, as nothing else wakes it. Raises CannotListen where it ends before: nobody would be heard."""

    def accept() -> None:
        while not stop.is_set():
            try:
                client = listener.accept()
            except OSError as error:  # as above
                LOGGER.warning("a client could not be accepted: %s", error)
                stop.wait(_LOOK_SECONDS)
                continue
            sessions.begin(_Session(client), answers)

    accepting = threading.Thread(target=accept, name="pipe", daemon=True)
    accepting.start()
    LOGGER.warning("the worker listens at %s", listener.address)
    while not stop.wait(_LOOK_SECONDS):
        if not accepting.is_alive():
            raise CannotListen(f"nothing accepts clients at {listener.address} any more: start the worker again")
        sessions.cut_late()


class _Session:
    """A client, and until when it has to have done what it is about to do."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self.connection = connection
        self.until = math.inf
        self._lock = threading.Lock()

    def cut(self, how: int = socket.SHUT_RDWR) -> None:
        """Wake the session's thread, wherever it waits; with SHUT_RD what it answers still goes out."""
        with self._lock, suppress(OSError):  # it may have gone by itself
            if self.connection.closed:
                return
            if sys.platform == "win32":
                self.connection.close()
                return
            with socket.socket(fileno=self.connection.fileno()) as same:
                try:
                    same.shutdown(how)
                finally:
                    same.detach()

    def close(self) -> None:
        with self._lock:
            self.connection.close()


class _Sessions:
    """Those who are connected."""

    def __init__(self, key: bytes, frame_seconds: float, idle_seconds: float) -> None:
        self._key, self._frame_seconds, self._idle_seconds = key, frame_seconds, idle_seconds
        self._lock = threading.Lock()
        self._threads: dict[_Session, threading.Thread] = {}
        self._is_ending = False

    def count(self) -> int:
        return len(self._threads)

    def begin(self, session: _Session, answers: Answers) -> None:
        """Serve a client in a thread of its own, or tell it that there are too many."""
        with self._lock:
            if len(self._threads) < MOST_CLIENTS and not self._is_ending:
                thread = threading.Thread(target=self._run, args=(session, answers), name="client")
                self._threads[session] = thread
                thread.start()
                return
        with suppress(OSError):  # as much as fits without waiting for it
            session.connection.send_bytes(encode(Failure(code="busy", message=f"{MOST_CLIENTS} clients are connected")))
        session.close()

    def cut_late(self) -> None:
        """Hang up on those who take too long."""
        now = time.monotonic()
        for session in self._all():
            if session.until < now:
                LOGGER.info("a client took too long")
                session.cut()

    def finish(self) -> None:
        """Let those who asked get their answers, and hang up on all."""
        with self._lock:
            self._is_ending = True
        for session in self._all():
            session.cut(socket.SHUT_RD)
        until = time.monotonic() + _STOP_SECONDS
        while self._all() and time.monotonic() < until:
            self.cut_late()
            time.sleep(0.01)
        for session in self._all():
            session.cut()

    def _all(self) -> list[_Session]:
        with self._lock:
            return list(self._threads)

    def _run(self, session: _Session, answers: Answers) -> None:
        try:
            self._converse(session, answers.answer)
        except (OSError, EOFError) as error:  # it went away, or was hung up on
            LOGGER.debug("a client is gone: %r", error)
        except HandshakeError as error:
            LOGGER.warning("a client was refused: %s", error)
        finally:
            session.close()
            with self._lock:
                del self._threads[session]

    def _converse(self, session: _Session, answer: Callable[[bytes], bytes]) -> None:
        connection = session.connection
        session.until = time.monotonic() + self._frame_seconds
        greet(connection, self._key)
        while not self._is_ending:
            session.until = time.monotonic() + self._idle_seconds
            connection.poll(None)
            session.until = time.monotonic() + self._frame_seconds
            try:
                frame = receive(connection)
            except FrameTooLarge as error:
                connection.send_bytes(encode(Failure(code="too_large", message=str(error))))
                return
            session.until = math.inf
            reply = answer(frame)
            session.until = time.monotonic() + self._frame_seconds
            connection.send_bytes(reply)
