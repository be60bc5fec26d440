"""Transactions: all or nothing, readers that never wait, and a token that tells when somebody else has committed."""

import threading
import time

import pytest

from hartonomous_core.messages import INGESTION_QUEUE as QUEUE
from hartonomous_resources.database.protocol import Database, UnitOfWork
from tests.backends import Store
from tests.builders import enqueue, insert_source, receive_all, sources
from tests.processes import in_processes


def uris(unit_of_work: UnitOfWork) -> list[str]:
    return [row["sourceUri"] for row in sources(unit_of_work)]


def test_rows_and_messages_of_a_unit_of_work_appear_together(store: Store, database: Database) -> None:
    other = store.open()
    with database.unit_of_work() as unit_of_work:
        insert_source(unit_of_work, uri="file:///new")
        unit_of_work.enqueue(QUEUE, [("key", b"new")])
        with other.read() as elsewhere:
            assert (uris(elsewhere), elsewhere.query("queue_depths")) == ([], [])

    with other.read() as elsewhere:
        assert uris(elsewhere) == ["file:///new"]
        assert elsewhere.query("queue_depths") == [{"queue": QUEUE, "depth": 1}]
    other.close()


def test_an_exception_undoes_the_rows_of_its_unit_of_work(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as unit_of_work:
        insert_source(unit_of_work)
        _ = 1 / 0

    with database.read() as unit_of_work:
        assert uris(unit_of_work) == []


def test_a_unit_of_work_can_follow_one_that_failed(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work():
        _ = 1 / 0

    with database.unit_of_work() as unit_of_work:
        insert_source(unit_of_work, uri="file:///after")
    with database.read() as unit_of_work:
        assert uris(unit_of_work) == ["file:///after"]


def test_a_reader_keeps_its_snapshot_while_others_write(store: Store, database: Database) -> None:
    other = store.open()
    with database.read() as unit_of_work:
        assert uris(unit_of_work) == []
        with other.unit_of_work() as elsewhere:
            insert_source(elsewhere)
        assert uris(unit_of_work) == []
    other.close()


def test_a_second_writer_waits_for_the_first(store: Store, database: Database) -> None:
    second = threading.Thread(target=lambda: enqueue(store.open(), QUEUE, [b"second"]))
    with database.unit_of_work() as unit_of_work:
        unit_of_work.enqueue(QUEUE, [("key", b"first")])
        second.start()
        time.sleep(0.2)
    second.join(10)

    assert [m.body for m in receive_all(database, QUEUE)] == [b"first", b"second"]


def write_many(index: int, store: Store) -> None:
    database = store.open()
    for n in range(50):
        enqueue(database, QUEUE, [f"{index} {n}".encode()], key=str(index))


@pytest.mark.slow
def test_writers_in_several_processes_all_succeed(store: Store, database: Database) -> None:
    in_processes(4, write_many, store)

    received = receive_all(database, QUEUE)
    for index in range(4):
        expected = [f"{index} {n}".encode() for n in range(50)]
        assert [m.body for m in received if m.ordering_key == str(index)] == expected


def test_the_change_token_differs_once_somebody_else_has_committed(store: Store, database: Database) -> None:
    before = database.change_token()
    unchanged = database.change_token()
    other = store.open()
    enqueue(other, QUEUE, [b"."])
    other.close()

    assert unchanged == before
    assert database.change_token() != before


def test_waiting_for_a_change_ends_when_it_comes(store: Store, database: Database) -> None:
    since = database.change_token()
    writer = threading.Timer(0.2, lambda: enqueue(store.open(), QUEUE, [b"."]))
    writer.start()
    started = time.monotonic()

    assert database.wait_for_change(since, timeout=30) is True
    assert 0.1 < time.monotonic() - started < 5
    writer.join()


def test_waiting_for_a_change_that_does_not_come_ends_with_its_timeout(database: Database) -> None:
    started = time.monotonic()

    assert database.wait_for_change(database.change_token(), timeout=0.2) is False
    assert 0.15 < time.monotonic() - started < 5


def test_a_database_opened_again_holds_what_was_committed(store: Store) -> None:
    first = store.open()
    enqueue(first, QUEUE, [b"kept"])
    first.close()

    assert [m.body for m in receive_all(store.open(), QUEUE)] == [b"kept"]
