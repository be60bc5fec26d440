"""A bounded number of connections, each used by one thread at a time."""

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from hartonomous_resources.database.database_errors import DatabaseUnavailable

CONNECTIONS = 8
"""How many a process opens at the most where nothing else is set."""

_WAIT_SECONDS = 30.0


class Pooled(Protocol):
    """A connection that says whether it broke while it was used."""

    broken: bool


T = TypeVar("T", bound=Pooled)


class _Waiting(Generic[T]):
    """A thread that waits, and what it is handed: a connection, or the room to open one."""

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.handed: T | None = None
        self._asleep = threading.Lock()
        self._asleep.acquire()

    def wait(self, seconds: float) -> None:
        self._asleep.acquire(timeout=seconds)

    def hand(self, connection: T | None) -> None:
        self.handed = connection
        self._asleep.release()


class ConnectionPool(Generic[T]):
    """Connections of a store, opened when they are needed and kept for the next who needs one.

    The one given back last is taken first: what it holds in memory is the most recent, and a process that works in one thread
    has one connection. Who has waited longest is next; left to chance, a thread of many waited for ever. A thread that holds one
    does not wait for a second, for threads that each hold one and need another would wait for each other: where none is free, it
    gets one beyond the bound, and one is closed when it is given back.
    """

    def __init__(
        self,
        name: str,
        size: int,
        open_one: Callable[[], T],
        close_one: Callable[[T], None],
        still_works: Callable[[T], bool] = lambda _: True,
        wait_seconds: float = _WAIT_SECONDS,
    ) -> None:
        """`name` is how messages call the store; `still_works` is asked of one that lay idle before it is used again."""
        self._name = name
        self._size = size
        self._open_one = open_one
        self._close_one = close_one
        self._still_works = still_works
        self._wait_seconds = wait_seconds
        self._lock = threading.Lock()
        self._idle: list[T] = []
        self._waiting: deque[_Waiting[T]] = deque()
        self._holders: dict[int, int] = {}
        """Threads that hold a connection, by the connection's id()."""
        self._opened = 0
        """How many there are, those that are just being opened included."""

    def take(self) -> T:
        """A connection for the calling thread, which gives it back.

        Raises DatabaseUnavailable when others have held all of them for too long, and what opening one raises.
        """
        thread = threading.get_ident()
        connection, waiting = None, None
        with self._lock:
            if self._idle:
                connection = self._idle.pop()
                self._holders[id(connection)] = thread
            elif self._opened < self._size or thread in self._holders.values():
                self._opened += 1
            else:
                waiting = _Waiting[T](thread)
                self._waiting.append(waiting)
        if waiting is not None:
            connection = self._wait(waiting)
        if connection is not None and not self._works(connection):
            connection = None
        return connection if connection is not None else self._open(thread)

    def _works(self, connection: T) -> bool:
        """Whether it still does; where not, it is closed, and the room to open another one is the caller's."""
        try:
            if self._still_works(connection):
                return True
        except BaseException:
            connection.broken = True
            self.give_back(connection)
            raise
        with self._lock:
            del self._holders[id(connection)]
        self._close_one(connection)
        return False

    def _open(self, thread: int) -> T:
        try:
            connection = self._open_one()
        except BaseException:
            with self._lock:
                self._pass_on(None)
            raise
        with self._lock:
            self._holders[id(connection)] = thread
        return connection

    def _wait(self, waiting: _Waiting[T]) -> T | None:
        try:
            waiting.wait(self._wait_seconds)
        except BaseException:
            with self._lock:
                if not self._leave(waiting):
                    self._holders.pop(id(waiting.handed), None)
                    self._pass_on(waiting.handed)
            raise
        with self._lock:
            if self._leave(waiting):
                raise DatabaseUnavailable(
                    f"{self._name}: all {self._size} connections of this process have been in use for {self._wait_seconds:.0f} s; "
                    "look what they wait for, or raise HARTONOMOUS_CONNECTIONS"
                )
        return waiting.handed

    def _leave(self, waiting: _Waiting[T]) -> bool:
        """Whether it still waited; it does so no longer."""
        if waiting not in self._waiting:
            return False
        self._waiting.remove(waiting)
        return True

    def _pass_on(self, connection: T | None) -> None:
        """Hand a connection, or the room to open one, to who has waited longest; with nobody waiting, it lies idle."""
        if connection is None and self._opened > self._size:
            self._opened -= 1
        elif self._waiting:
            waiting = self._waiting.popleft()
            if connection is not None:
                self._holders[id(connection)] = waiting.thread
            waiting.hand(connection)
        elif connection is None:
            self._opened -= 1
        else:
            self._idle.append(connection)

    def give_back(self, connection: T) -> None:
        """Keep it for the next. One that broke is closed, and with it those that lie idle: what broke it has met them, too."""
        surplus = [connection]
        with self._lock:
            if self._holders.pop(id(connection), None) is None:
                pass  # the pool was closed meanwhile
            elif connection.broken:
                surplus += self._idle
                self._opened -= len(self._idle)
                self._idle.clear()
                self._pass_on(None)
            elif self._opened > self._size:
                self._pass_on(None)
            else:
                surplus.clear()
                self._pass_on(connection)
        for each in surplus:
            self._close_one(each)

    def close(self) -> None:
        """Close what lies idle; what is in use is closed when it is given back. The next use opens another."""
        with self._lock:
            idle = self._idle.copy()
            self._idle.clear()
            self._opened -= len(idle) + len(self._holders)
            self._holders.clear()
        for connection in idle:
            self._close_one(connection)
