"""Connections are bounded, wait for one another in order, and one that broke is nobody's next."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

import pytest

from hartonomous_resources.database.connection_pool import ConnectionPool
from hartonomous_resources.database.database_errors import DatabaseUnavailable


class Connection:
    """One that counts who uses it."""

    def __init__(self) -> None:
        self.broken = False
        self.is_closed = False


class Connections:
    """A pool, and all that it has opened."""

    def __init__(self, size: int, wait_seconds: float = 30, still_works: Callable[[Connection], bool] = lambda _: True):
        self.opened: list[Connection] = []
        self.pool = ConnectionPool("the store", size, self._open, self._close, still_works, wait_seconds)

    def _open(self) -> Connection:
        self.opened.append(Connection())
        return self.opened[-1]

    def _close(self, connection: Connection) -> None:
        assert not connection.is_closed
        connection.is_closed = True

    def there(self) -> int:
        return sum(not connection.is_closed for connection in self.opened)

    @contextmanager
    def taken(self) -> Iterator[Connection]:
        connection = self.pool.take()
        try:
            yield connection
        finally:
            self.pool.give_back(connection)


def in_threads(n: int, action: Callable[[], object]) -> None:
    """Run `action` in so many threads at once; what one raises is raised."""
    with ThreadPoolExecutor(n) as threads:
        for done in [threads.submit(action) for _ in range(n)]:
            done.result()


@contextmanager
def elsewhere(connections: Connections) -> Iterator[threading.Event]:
    """Another thread holds a connection until the event is set, or to the end."""
    holds, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with connections.taken():
            holds.set()
            leave.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    assert holds.wait(30)
    yield leave
    leave.set()
    thread.join()


def test_one_thread_has_one_connection_however_often_it_takes_one() -> None:
    connections = Connections(8)

    for _ in range(10):
        with connections.taken():
            pass

    assert len(connections.opened) == 1


def test_the_one_given_back_last_is_taken_first() -> None:
    connections = Connections(8)
    with connections.taken() as outer, connections.taken():
        pass

    with connections.taken() as again:
        assert again is outer


def test_many_threads_share_no_more_than_the_bound_and_no_two_use_one_at_once() -> None:
    connections = Connections(3)
    in_use: set[int] = set()

    def work() -> None:
        for _ in range(50):
            with connections.taken() as connection:
                assert id(connection) not in in_use
                in_use.add(id(connection))
                time.sleep(0.0001)
                in_use.remove(id(connection))

    in_threads(24, work)

    assert len(connections.opened) <= 3


def test_who_has_waited_longest_is_next() -> None:
    connections = Connections(1)
    order: list[int] = []

    def work(place: int) -> None:
        with connections.taken():
            order.append(place)

    with elsewhere(connections) as leave:
        threads = [threading.Thread(target=work, args=(place,)) for place in range(5)]
        for place, thread in enumerate(threads):
            thread.start()
            while len(connections.pool._waiting) <= place:
                time.sleep(0.001)
        leave.set()
        for thread in threads:
            thread.join()

    assert order == [0, 1, 2, 3, 4]


def test_whoever_waits_too_long_is_told_what_to_do_and_takes_no_place() -> None:
    connections = Connections(1, wait_seconds=0.05)
    with (
        elsewhere(connections),
        pytest.raises(DatabaseUnavailable, match=r"the store: all 1 connections .* raise HARTONOMOUS_CONNECTIONS"),
    ):
        connections.pool.take()

    with connections.taken():
        assert connections.there() == 1


def test_a_thread_that_holds_one_gets_another_beyond_the_bound() -> None:
    connections = Connections(1)

    with connections.taken() as outer, connections.taken() as inner:
        assert outer is not inner
        assert connections.there() == 2

    assert connections.there() == 1


def test_threads_that_each_need_two_do_not_wait_for_one_another() -> None:
    connections = Connections(2, wait_seconds=10)

    def work() -> None:
        for _ in range(20):
            with connections.taken(), connections.taken():
                time.sleep(0.0001)

    in_threads(8, work)

    assert connections.there() <= 2


def test_one_that_broke_is_closed_with_those_that_lie_idle() -> None:
    connections = Connections(3)
    with connections.taken() as first, connections.taken() as second, connections.taken():
        pass

    with connections.taken() as connection:
        connection.broken = True

    assert connections.there() == 0
    assert connection in (first, second, connections.opened[2])
    with connections.taken() as fresh:
        assert fresh is connections.opened[3]


def test_whoever_waits_gets_a_new_one_for_one_that_broke() -> None:
    connections = Connections(1)
    broken = connections.pool.take()
    broken.broken = True
    waiting = threading.Thread(target=lambda: connections.pool.give_back(connections.pool.take()))
    waiting.start()
    while not connections.pool._waiting:
        time.sleep(0.001)

    connections.pool.give_back(broken)
    waiting.join(30)

    assert [connection.is_closed for connection in connections.opened] == [True, False]


def test_one_that_no_longer_works_after_lying_idle_is_replaced() -> None:
    connections = Connections(1, still_works=lambda connection: connection is not connections.opened[0])
    for _ in range(3):
        with connections.taken():
            pass

    assert [connection.is_closed for connection in connections.opened] == [True, False]


def test_where_one_cannot_be_opened_the_place_is_free_again() -> None:
    connections = Connections(1, wait_seconds=0.05)

    def fail() -> Connection:
        raise OSError("no route")

    pool = ConnectionPool("the store", 1, fail, connections._close, wait_seconds=0.05)

    for _ in range(3):
        with pytest.raises(OSError, match="no route"):
            pool.take()


def test_an_interruption_while_waiting_loses_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = Connections(1, wait_seconds=0.05)
    with elsewhere(connections), monkeypatch.context() as patched, suppress(KeyboardInterrupt):
        patched.setattr("hartonomous_resources.database.connection_pool._Waiting.wait", _interrupted)
        connections.pool.take()

    assert not connections.pool._waiting
    with connections.taken():
        assert connections.there() == 1


def _interrupted(*_: object) -> bool:
    raise KeyboardInterrupt


def test_what_is_in_use_while_the_pool_is_closed_is_closed_when_given_back() -> None:
    connections = Connections(2)
    with connections.taken() as in_use, connections.taken():
        pass
    in_use = connections.pool.take()

    connections.pool.close()

    assert not in_use.is_closed
    assert connections.there() == 1
    connections.pool.give_back(in_use)
    assert connections.there() == 0
    with connections.taken():
        assert connections.there() == 1
