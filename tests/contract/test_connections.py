"""Connections are bounded and shared by threads, on every backend: nobody waits for ever, and one that broke is replaced."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import query
from tests.backends import DATABASES, Store
from tests.builders import enqueue, receive_all

QUEUE = "IngestionQueue"
BOUND = 2


@pytest.fixture
def narrow(store: Store) -> Iterator[Database]:
    """The store, opened with few connections."""
    opened = store.open(connections=BOUND)
    yield opened
    opened.close()


def in_threads(n: int, action: Callable[[int], object]) -> None:
    """Run `action` in so many threads at once; what one raises is raised."""
    with ThreadPoolExecutor(n) as threads:
        for done in [threads.submit(action, number) for number in range(n)]:
            done.result(60)


def test_many_threads_work_on_few_connections(store: Store, narrow: Database) -> None:
    counted: list[int] = []

    def work(number: int) -> None:
        for n in range(5):
            enqueue(narrow, QUEUE, [f"{number} {n}".encode()], key=str(number))
            with narrow.read() as unit_of_work:
                unit_of_work.query("queue_depths")
                time.sleep(0.01)  # the others want one meanwhile
                counted.append(DATABASES[store.backend].count_connections(store.location))

    in_threads(16, work)

    bodies = [message.body for message in receive_all(narrow, QUEUE)]
    assert sorted(bodies) == sorted(f"{number} {n}".encode() for number in range(16) for n in range(5))
    kinds = {"sqlite": 1, "sqlserver": 2}[store.backend]  # those that read and those that write, where they differ
    assert max(counted) <= BOUND * kinds


def test_a_read_within_a_unit_of_work_sees_what_is_committed_and_waits_for_nothing(narrow: Database) -> None:
    def work(number: int) -> None:
        with narrow.unit_of_work() as unit_of_work:
            before = len(query(narrow, "queued_messages", queue=QUEUE, n=1000))
            unit_of_work.enqueue(QUEUE, [("key", b".")])
            assert len(query(narrow, "queued_messages", queue=QUEUE, n=1000)) == before

    in_threads(8, work)

    assert len(receive_all(narrow, QUEUE)) == 8


def test_a_read_within_a_read_waits_for_nothing(narrow: Database) -> None:
    both = threading.Barrier(BOUND)

    def work(number: int) -> None:
        with narrow.read():
            both.wait(30)  # no connection is left
            query(narrow, "queue_depths")

    in_threads(BOUND, work)


def test_writers_that_wait_leave_a_connection_to_a_reader(store: Store, narrow: Database) -> None:
    other = store.open()
    with ThreadPoolExecutor(4) as threads:
        with other.unit_of_work() as unit_of_work:
            unit_of_work.enqueue(QUEUE, [("key", b"first")])
            waiting = [threads.submit(enqueue, narrow, QUEUE, [b"later"]) for _ in range(4)]
            time.sleep(0.3)
            started = time.monotonic()
            query(narrow, "queue_depths")
            took = time.monotonic() - started
        for done in waiting:
            done.result(60)
    other.close()

    assert took < 5
    assert len(receive_all(narrow, QUEUE)) == 5


@pytest.mark.parametrize("kind", ["unit_of_work", "read"])
def test_a_connection_that_breaks_is_replaced(store: Store, narrow: Database, kind: str) -> None:
    for _ in range(BOUND + 1):  # one that kept its place would leave none
        with pytest.raises(Exception, match="closed"), getattr(narrow, kind)() as unit_of_work:
            DATABASES[store.backend].break_connection(unit_of_work)
            unit_of_work.query("queue_depths")

        enqueue(narrow, QUEUE, [b"."])
        assert len(query(narrow, "queued_messages", queue=QUEUE, n=10)) > 0


def test_what_was_rolled_back_is_not_there_for_the_next_who_takes_the_connection(narrow: Database) -> None:
    with pytest.raises(ValueError, match="changed my mind"), narrow.unit_of_work() as unit_of_work:
        unit_of_work.enqueue(QUEUE, [("key", b".")])
        raise ValueError("changed my mind")

    assert query(narrow, "queued_messages", queue=QUEUE, n=10) == []


def test_a_transaction_that_changes_nothing_is_no_change(narrow: Database) -> None:
    """A run that waits for work looks for it with statements that write; it would wake itself."""
    before = narrow.change_token()
    with narrow.unit_of_work() as unit_of_work:
        unit_of_work.execute("delete_messages", sequences="[]")

    unchanged = narrow.change_token()
    enqueue(narrow, QUEUE, [b"."])

    assert unchanged == before
    assert narrow.change_token() != before
