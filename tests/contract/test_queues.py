"""Queues: ordered per key, received in the transaction that does the work, never lost and never delivered twice."""

import threading
import time
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Database, Message
from hartonomous_resources.work.giving_up import count_failed_receive
from tests.backends import Store
from tests.builders import dead_letters, enqueue, receive_all, receive_and_return
from tests.processes import in_processes, start_and_kill

QUEUE, OTHER = INGESTION_QUEUE, PROVENANCE_QUEUE


def bodies(messages: list[Message]) -> list[bytes]:
    return [message.body for message in messages]


def test_messages_of_one_key_come_in_the_order_in_which_they_were_sent(database: Database) -> None:
    for round_ in range(4):
        for key in ("a", "b"):
            enqueue(database, QUEUE, [f"{key}{round_}{n}".encode() for n in range(3)], key)

    received = receive_all(database, QUEUE, batch_size=5)

    for key in ("a", "b"):
        assert [m.body.decode() for m in received if m.ordering_key == key] == [
            f"{key}{r}{n}" for r in range(4) for n in range(3)
        ]


def test_a_message_arrives_with_its_id_key_and_exact_bytes(database: Database) -> None:
    sent = [bytes(range(256)), b"x" * 1_400_000, "ä€𝄞".encode()]
    ids = enqueue(database, QUEUE, sent, "a key")

    received = receive_all(database, QUEUE)

    assert bodies(received) == sent
    assert [m.message_id for m in received] == ids
    assert {(m.queue, m.ordering_key, m.attempt_count) for m in received} == {(QUEUE, "a key", 0)}


def test_at_most_n_messages_are_received_at_once(database: Database) -> None:
    enqueue(database, QUEUE, [b"1", b"2", b"3"])

    with database.receive(QUEUE, 2) as delivery:
        assert bodies(list(delivery.messages)) == [b"1", b"2"]


def test_messages_of_a_transaction_that_fails_were_never_sent(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.unit_of_work() as unit_of_work:
        unit_of_work.enqueue(QUEUE, [("key", b"never")])
        _ = 1 / 0

    assert receive_all(database, QUEUE) == []


def test_a_commit_acknowledges_what_was_received(database: Database) -> None:
    enqueue(database, QUEUE, [b"1"])

    with database.receive(QUEUE, 10) as delivery:
        assert bodies(list(delivery.messages)) == [b"1"]

    assert receive_all(database, QUEUE) == []


def test_an_exception_returns_the_messages_uncounted_and_in_order(database: Database) -> None:
    enqueue(database, QUEUE, [b"1", b"2"])

    returned = receive_and_return(database, QUEUE)

    assert bodies(returned) == [b"1", b"2"]
    assert receive_all(database, QUEUE) == returned


def test_what_is_written_while_receiving_is_undone_with_it(database: Database) -> None:
    enqueue(database, QUEUE, [b"in"])

    with pytest.raises(ZeroDivisionError), database.receive(QUEUE, 1) as delivery:
        delivery.unit_of_work.enqueue(OTHER, [("key", b"out")])
        _ = 1 / 0

    assert receive_all(database, OTHER) == []
    assert bodies(receive_all(database, QUEUE)) == [b"in"]


def test_two_queues_do_not_mix(database: Database) -> None:
    enqueue(database, QUEUE, [b"1"])
    enqueue(database, OTHER, [b"2", b"3"])

    with database.read() as unit_of_work:
        depths = {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}

    assert depths == {QUEUE: 1, OTHER: 2}
    assert bodies(receive_all(database, OTHER)) == [b"2", b"3"]
    assert bodies(receive_all(database, QUEUE)) == [b"1"]


def in_a_moment(store: Store, action: Callable[[Database], object], seconds: float = 0.2) -> threading.Timer:
    """Do something on a connection of its own, from another thread."""

    def act() -> None:
        own = store.open()
        action(own)
        own.close()

    timer = threading.Timer(seconds, act)
    timer.start()
    return timer


def test_a_waiting_receive_returns_as_soon_as_a_message_arrives(store: Store, database: Database) -> None:
    sender = in_a_moment(store, lambda own: enqueue(own, QUEUE, [b"news"]))
    started = time.monotonic()

    with database.receive(QUEUE, 10, timeout=30) as delivery:
        waited = time.monotonic() - started
        assert bodies(list(delivery.messages)) == [b"news"]

    sender.join()
    assert 0.1 < waited < 5


def test_a_receive_without_a_message_gives_up_after_its_timeout(database: Database) -> None:
    started = time.monotonic()

    with database.receive(QUEUE, 10, timeout=0.3) as delivery:
        assert list(delivery.messages) == []

    assert 0.25 < time.monotonic() - started < 5


def test_a_message_on_another_queue_wakes_no_receiver(store: Store, database: Database) -> None:
    sender = in_a_moment(store, lambda own: enqueue(own, OTHER, [b"not for you"]), 0.05)

    with database.receive(QUEUE, 10, timeout=0.3) as delivery:
        assert list(delivery.messages) == []

    sender.join()


def test_a_waiting_receiver_holds_up_no_writer(store: Store, database: Database) -> None:
    def wait() -> None:
        own = store.open()
        with own.receive(QUEUE, 1, timeout=60):
            pass
        own.close()

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)

    for _ in range(5):
        enqueue(database, OTHER, [b"."])

    assert waiting.is_alive(), "no writer had to wait until it was done"
    enqueue(database, QUEUE, [b"go"])
    waiting.join()


def test_the_fifth_failure_moves_a_message_to_the_dead_letters_with_its_body(database: Database) -> None:
    enqueue(database, QUEUE, [b"\x00 not even JSON"], "its key")

    counted = []
    for attempt in range(1, 6):
        (message,) = receive_and_return(database, QUEUE)
        counted.append(message.attempt_count)
        assert count_failed_receive(database, message, f"reason {attempt}") == (attempt == 5)

    assert counted == [0, 1, 2, 3, 4]
    assert receive_all(database, QUEUE) == []
    (letter,) = dead_letters(database)
    kept = {name: letter[name] for name in ("kind", "queue", "orderingKey", "messageId", "reason", "attemptCount")}
    assert kept == {
        "kind": "message",
        "queue": QUEUE,
        "orderingKey": "its key",
        "messageId": message.message_id,
        "reason": "reason 5",
        "attemptCount": 5,
    }
    assert bytes(letter["body"]) == b"\x00 not even JSON"
    assert letter["firstFailedAt"] <= letter["lastFailedAt"]


def test_a_failed_message_stays_before_the_later_ones_of_its_key(database: Database) -> None:
    enqueue(database, QUEUE, [b"bad", b"good"])
    count_failed_receive(database, receive_and_return(database, QUEUE, 1)[0], "why")

    received = receive_all(database, QUEUE)

    assert [(m.body, m.attempt_count) for m in received] == [(b"bad", 1), (b"good", 0)]


def test_failing_one_message_counts_for_no_other(database: Database) -> None:
    enqueue(database, QUEUE, [b"bad", b"good"])
    for _ in range(5):
        count_failed_receive(database, receive_and_return(database, QUEUE, 1)[0], "why")

    assert [(m.body, m.attempt_count) for m in receive_all(database, QUEUE)] == [(b"good", 0)]
    assert len(dead_letters(database)) == 1


def test_failing_a_message_that_was_acknowledged_meanwhile_changes_nothing(database: Database) -> None:
    enqueue(database, QUEUE, [b"1"])
    (message,) = receive_all(database, QUEUE)

    assert count_failed_receive(database, message, "too late", dead_letter_at=1) is False
    assert receive_all(database, QUEUE) == []
    assert dead_letters(database) == []


def receive_with_others(index: int, store: Store) -> list[bytes]:
    """Receive a few at a time, each in a transaction of its own, until the queue stays empty."""
    database, received = store.open(), []
    while True:
        with database.receive(QUEUE, 3, timeout=0.5) as delivery:
            messages = list(delivery.messages)
        if not messages:
            return received
        received += bodies(messages)
        time.sleep(0.002)  # as if working: gives the others their turn


@pytest.mark.slow
def test_processes_that_receive_at_once_share_the_messages_without_loss_or_repetition(
    store: Store, database: Database
) -> None:
    sent = [str(n).encode() for n in range(400)]
    for n in range(0, 400, 50):
        enqueue(database, QUEUE, sent[n : n + 50], key=str(n))

    received = in_processes(
        4, receive_with_others, store
    )  # raises what any of them raised, such as "database is locked"

    assert Counter(body for share in received for body in share) == Counter(sent)
    assert sum(1 for share in received if share) > 1, "one process did it all: this run tested nothing"


def receive_and_hang(ready: Callable[[], None], store: Store) -> None:
    with store.open().receive(QUEUE, 10) as delivery:
        assert len(delivery.messages) == 2
        delivery.unit_of_work.enqueue(OTHER, [("key", b"half done")])
        ready()
        time.sleep(60)


def test_a_process_killed_in_the_middle_of_its_unit_of_work_returns_its_messages(
    store: Store, database: Database
) -> None:
    enqueue(database, QUEUE, [b"1", b"2"])

    start_and_kill(receive_and_hang, store)

    assert bodies(receive_all(database, QUEUE)) == [b"1", b"2"]
    assert receive_all(database, OTHER) == []


class Queues(RuleBasedStateMachine):
    """Two queues beside a model of them: per queue and key, the messages in order with their attempts."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[tuple[str, str], list[tuple[bytes, int]]] = {}
        self.dead: list[bytes] = []
        self.sent = 0
        for queue in (QUEUE, OTHER):
            receive_all(self.database, queue)
        self.dead_before = len(dead_letters(self.database))

    queues = st.sampled_from([QUEUE, OTHER])

    @rule(queue=queues, key=st.sampled_from("abc"), n=st.integers(1, 3), commits=st.booleans())
    def send(self, queue: str, key: str, n: int, commits: bool) -> None:
        new = [f"{self.dead_before}/{self.sent + i}".encode() for i in range(n)]  # of no letter of an earlier example
        self.sent += n
        try:
            with self.database.unit_of_work() as unit_of_work:
                unit_of_work.enqueue(queue, [(key, body) for body in new])
                if not commits:
                    raise InterruptedError
        except InterruptedError:
            return
        self.model.setdefault((queue, key), []).extend((body, 0) for body in new)

    @rule(queue=queues, n=st.integers(1, 5))
    def receive(self, queue: str, n: int) -> None:
        with self.database.receive(queue, n) as delivery:
            messages = list(delivery.messages)
        self.check(queue, n, messages)
        for message in messages:
            self.model[queue, message.ordering_key].pop(0)

    @rule(queue=queues, n=st.integers(1, 5))
    def receive_in_vain(self, queue: str, n: int) -> None:
        self.check(queue, n, receive_and_return(self.database, queue, n))

    @precondition(lambda self: any(self.model.values()))
    @rule(queue=queues, times=st.integers(1, 5))
    def fail(self, queue: str, times: int) -> None:
        for _ in range(times):
            for message in receive_and_return(self.database, queue, 1):
                first = self.model[queue, message.ordering_key]
                body, attempts = first.pop(0)
                died = count_failed_receive(self.database, message, "no")
                assert died == (attempts == 4)
                if died:
                    self.dead.append(body)
                else:
                    first.insert(0, (body, attempts + 1))

    def check(self, queue: str, n: int, messages: list[Message]) -> None:
        """What was received is the head of each key's line, and something, if there is something."""
        waiting = {key: line for (of, key), line in self.model.items() if of == queue and line}
        assert bool(messages) == bool(waiting)
        assert len(messages) <= n
        for key in {m.ordering_key for m in messages}:
            received = [(m.body, m.attempt_count) for m in messages if m.ordering_key == key]
            assert received == waiting[key][: len(received)]

    @invariant()
    def the_dead_are_those_that_failed_five_times(self) -> None:
        letters = dead_letters(self.database)[: -self.dead_before or None]
        assert [bytes(letter["body"]) for letter in reversed(letters)] == self.dead

    def teardown(self) -> None:
        left = Counter(body for queue in (QUEUE, OTHER) for body in bodies(receive_all(self.database, queue)))
        assert left == Counter(body for line in self.model.values() for body, _ in line)


def test_any_sequence_of_sends_receives_and_failures_agrees_with_a_simple_model(database: Database) -> None:
    machine = type("QueuesOfThisBackend", (Queues,), {"database": database})

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
