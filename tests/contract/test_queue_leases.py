"""ProvenanceQueue is leased where the graph has a copy, which is written outside of any transaction, by one process at a time, with effect once."""

import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import provenance
from hartonomous_assets.chain import StageReport, run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, ProvenanceEvent
from hartonomous_resources.database.database_errors import DatabaseError, TransactionConflict
from hartonomous_resources.database.protocol import Database, Message, UnitOfWork
from hartonomous_resources.database.queue_messages import queued_messages
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_rebuild import without_events
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.queue_leases import QueueLease, acknowledge, claim_queue, release_queue
from tests.backends import Store
from tests.builders import dead_letters, enqueue, open_home
from tests.held_graph import HeldGraph
from tests.processes import start_and_kill

QUEUE = PROVENANCE_QUEUE
MakeHome = Callable[..., Resources]
INFERENCE = b'{"EventType": "InferenceCompleted", "InferenceId": "%s", "Model": "m"}'


def claim(database: Database, owner: str = "me", seconds: float = 60) -> QueueLease | None:
    with database.unit_of_work() as unit_of_work:
        return claim_queue(unit_of_work, QUEUE, owner, seconds)


def bodies(database: Database) -> list[bytes]:
    with database.read() as unit_of_work:
        return [message.body for message in queued_messages(unit_of_work, QUEUE, 100)]


def release(database: Database, lease: QueueLease) -> bool:
    with database.unit_of_work() as unit_of_work:
        return release_queue(unit_of_work, lease)


# ---- the lease


def test_a_queue_has_one_holder_also_among_the_threads_of_a_process(database: Database) -> None:
    first = claim(database)

    assert first is not None
    assert claim(database) is None
    assert claim(database, "another") is None


def test_a_queue_that_was_given_back_is_free(database: Database) -> None:
    first = claim(database)

    assert first and release(database, first)
    assert claim(database, "another")


def test_a_lease_that_ran_out_is_somebody_elses_and_its_holder_is_told(database: Database) -> None:
    first = claim(database, seconds=-1)
    second = claim(database, "another")

    assert first and second
    assert release(database, first) is False
    assert release(database, second) is True


def test_one_that_ran_out_and_that_nobody_wanted_is_still_its_holders(database: Database) -> None:
    lease = claim(database, seconds=-1)

    assert lease and release(database, lease) is True


def test_queues_are_leased_one_by_one(database: Database) -> None:
    claim(database)

    with database.unit_of_work() as unit_of_work:
        assert claim_queue(unit_of_work, INGESTION_QUEUE, "another", 60)


def test_a_claim_that_is_rolled_back_was_none(database: Database) -> None:
    with pytest.raises(InterruptedError), database.unit_of_work() as unit_of_work:
        claim_queue(unit_of_work, QUEUE, "me", 60)
        raise InterruptedError

    assert claim(database, "another")


def claim_and_hang(ready: Callable[[], None], store: Store) -> None:
    assert claim(store.open(), str(this_process()))
    ready()
    time.sleep(60)


def test_the_lease_of_a_dead_process_is_free_at_once(store: Store, database: Database) -> None:
    start_and_kill(claim_and_hang, store)
    assert claim(database) is None

    assert release_dead_claims(database) == 1

    assert claim(database)


def test_what_is_acknowledged_goes_and_the_rest_stays_in_order(database: Database) -> None:
    enqueue(database, QUEUE, [b"1", b"2", b"3"])
    lease = claim(database)
    assert lease
    with database.unit_of_work() as unit_of_work:
        acknowledge(unit_of_work, lease, queued_messages(unit_of_work, QUEUE, 2))

    assert bodies(database) == [b"3"]
    assert claim(database)


def test_what_is_acknowledged_too_late_is_sent_again(database: Database) -> None:
    """What its holder wrote may be older than what somebody else has written since."""
    enqueue(database, QUEUE, [b"1", b"2"])
    lease = claim(database, seconds=-1)
    with database.read() as unit_of_work:
        messages = queued_messages(unit_of_work, QUEUE, 1)
    other = claim(database, "another")
    assert lease and other
    with database.unit_of_work() as unit_of_work:
        acknowledge(unit_of_work, other, messages)

    with database.unit_of_work() as unit_of_work:
        acknowledge(unit_of_work, lease, messages)

    assert bodies(database) == [b"2", b"1"]


# ---- the stage


class Filed(HeldGraph):
    """A graph in a file, which other processes open, too."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.load()

    def load(self) -> None:
        """Read what is there."""
        if self.path.exists():
            self.nodes, self.edges = pickle.loads(self.path.read_bytes())  # noqa: S301 - this test wrote it

    def write(self, change: GraphChange) -> None:
        self.load()
        super().write(change)
        self.path.write_bytes(pickle.dumps((self.nodes, self.edges)))


class Slow(HeldGraph):
    """A graph that takes a second and a half to write."""

    def write(self, change: GraphChange) -> None:
        time.sleep(1.5)
        super().write(change)


class Hanging(HeldGraph):
    """A graph that takes long to write; it says when it has begun, and goes on when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on = threading.Event(), threading.Event()

    def write(self, change: GraphChange) -> None:
        self.begun.set()
        assert self.go_on.wait(60)
        super().write(change)


@pytest.fixture
def hanging(tmp_path: Path, store: Store) -> Iterator[tuple[Resources, Hanging]]:
    """A home whose graph hangs, and that graph; connections are per thread."""
    database = store.open()
    graph = Hanging()
    yield open_home(tmp_path, database, graph), graph
    graph.go_on.set()
    database.close()


@pytest.fixture
def make_home(tmp_path: Path, database: Database) -> MakeHome:
    """Makes a home on the store whose graph is a copy in a file."""
    return lambda **settings: open_home(tmp_path, database, Filed(tmp_path / "graph"), **settings)


@pytest.fixture
def home(make_home: MakeHome) -> Resources:
    return make_home()


def inferences(home: Resources) -> list[str]:
    """The inferences that the copy has."""
    assert isinstance(home.graph, Filed)
    home.graph.load()
    return home.graph.keys_of("Inference")


def sync(home: Resources, owner: str = "run") -> dict[str, StageReport]:
    return run_stages(Work(current_hour(), "run", home, owner), [provenance.STAGE], 0, lambda _stage, _report: None)


def in_a_thread(home: Resources, action: Callable[[], Any]) -> threading.Thread:
    def act() -> None:
        action()
        home.database.close()
        home.graph.close()

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


def test_while_the_graph_hangs_others_write_at_once(hanging: tuple[Resources, Hanging], database: Database) -> None:
    home, graph = hanging
    enqueue(database, QUEUE, [INFERENCE % b"a"])
    syncing = in_a_thread(home, lambda: sync(home))
    assert graph.begun.wait(30)
    started = time.monotonic()

    enqueue(database, INGESTION_QUEUE, [b"at once"])
    enqueue(database, QUEUE, [INFERENCE % b"b"])

    assert time.monotonic() - started < 5, "the writer waited for the graph"
    time.sleep(0.5)
    assert bodies(database) == [INFERENCE % b"a", INFERENCE % b"b"], "it is acknowledged before the graph has it"
    graph.go_on.set()
    syncing.join(30)
    assert bodies(database) == []
    assert graph.counts(None)[0]["Inference"] == 2


def test_while_the_graph_hangs_in_one_run_another_one_waits_and_both_end_when_all_is_done(
    hanging: tuple[Resources, Hanging], database: Database, make_home: MakeHome
) -> None:
    home, graph = hanging
    other = make_home()
    reports: dict[str, StageReport] = {}
    enqueue(database, QUEUE, [INFERENCE % b"a"])
    syncing = in_a_thread(home, lambda: sync(home))
    assert graph.begun.wait(30)
    waiting = in_a_thread(other, lambda: reports.update(sync(other, "another")))
    waiting.join(0.5)

    assert waiting.is_alive()
    graph.go_on.set()
    waiting.join(30)
    syncing.join(30)
    assert [(report.counts, report.error) for report in reports.values()] == [({}, None)]
    assert bodies(database) == []


@pytest.mark.slow
def test_two_runs_whose_graph_takes_longer_than_a_lease_send_nothing_again(
    store: Store, database: Database, tmp_path: Path
) -> None:
    """Each would take the queue over from the other, and both would send their events again, for ever."""
    enqueue(database, QUEUE, [INFERENCE % b"a"])
    graph = Slow()
    homes = [open_home(tmp_path, store.open(), graph, lease_seconds=0.6) for _ in "ab"]
    reports: list[dict[str, StageReport]] = []
    runs = [
        in_a_thread(home, lambda home=home, owner=owner: reports.append(sync(home, owner)))
        for home, owner in zip(homes, ("one", "other"), strict=True)
    ]
    for run in runs:
        run.join(20)

    assert bodies(database) == []
    counts = [report.counts for of_run in reports for report in of_run.values()]
    assert sorted(count.get("received", 0) for count in counts) == [0, 1]


def test_a_rebuild_whose_graph_takes_longer_than_a_lease_keeps_the_queue(make_home: MakeHome) -> None:
    home = make_home(lease_seconds=0.3)

    with without_events(home):
        time.sleep(1)
        assert claim(home.database, "another") is None


def test_a_rebuild_does_not_wait_for_a_run_that_died(store: Store, make_home: MakeHome) -> None:
    start_and_kill(claim_and_hang, store)
    home = make_home(lease_seconds=5)

    with without_events(home):
        assert claim(home.database, "another") is None


def test_a_transaction_that_another_one_was_in_the_way_of_is_no_messages_fault(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in, conflicts = provenance.take_in, iter([TransactionConflict("deadlock")])

    def conflict_once(unit_of_work: UnitOfWork, message: Message) -> ProvenanceEvent:
        event = take_in(unit_of_work, message)
        for conflict in conflicts:
            raise conflict
        return event

    monkeypatch.setattr(provenance, "take_in", conflict_once)
    enqueue(home.database, QUEUE, [INFERENCE % b"a"])

    [report] = sync(home).values()

    assert report.counts == {"received": 1, "nodes": 2, "edges": 1}
    assert inferences(home) == ["a"]


def test_a_run_that_waits_for_one_that_dies_does_its_work(store: Store, home: Resources, tmp_path: Path) -> None:
    enqueue(home.database, QUEUE, [INFERENCE % b"a"])
    start_and_kill(die_in_write, store, tmp_path, False)

    sync(home)

    assert inferences(home) == ["a"]


def test_a_rebuild_that_hangs_lets_others_write_and_no_event_be_synced(
    hanging: tuple[Resources, Hanging], database: Database, make_home: MakeHome
) -> None:
    home, graph = hanging

    def rebuild() -> None:
        with without_events(home):
            graph.write(GraphChange())

    rebuilding = in_a_thread(home, rebuild)
    assert graph.begun.wait(30)

    enqueue(database, QUEUE, [INFERENCE % b"a"])
    other = make_home()
    waiting = in_a_thread(other, lambda: sync(other, "another"))
    waiting.join(0.5)
    assert bodies(database) == [INFERENCE % b"a"]
    graph.go_on.set()
    rebuilding.join(30)
    waiting.join(30)
    assert bodies(database) == []


def test_a_rebuild_whose_lease_ran_out_says_so(home: Resources) -> None:
    with pytest.raises(DatabaseError, match="HARTONOMOUS_LEASE_SECONDS"), without_events(home):
        with home.database.unit_of_work() as unit_of_work:
            unit_of_work.execute("expire_queue_leases", owner=str(this_process()))
        claim(home.database, "another")


def test_a_rebuild_that_finds_the_queue_held_for_too_long_says_so(make_home: MakeHome) -> None:
    home = make_home(lease_seconds=0.2)
    claim(home.database, "another")

    with pytest.raises(DatabaseError, match="another process"), without_events(home):
        pytest.fail("it went on")


@pytest.mark.parametrize("error", [GraphUnavailable("down"), ValueError("a mistake"), KeyboardInterrupt()])
def test_a_graph_that_fails_gives_the_messages_back_and_the_queue_is_free(
    home: Resources, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def fail(self: HeldGraph, change: GraphChange) -> None:
        raise error

    enqueue(home.database, QUEUE, [INFERENCE % b"a", INFERENCE % b"b"])
    monkeypatch.setattr(HeldGraph, "write", fail)
    steps = provenance.STAGE.steps(Work(current_hour(), "run", home))

    try:
        next(steps)
    except BaseException as raised:  # noqa: BLE001 - the one that was put there, or what is said of it
        assert raised is error or str(raised) == str(error)

    assert bodies(home.database) == [INFERENCE % b"a", INFERENCE % b"b"]
    assert claim(home.database)


def test_a_message_that_the_graph_never_takes_is_put_aside_and_the_others_are_done(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = HeldGraph.write

    def refuse(self: HeldGraph, change: GraphChange) -> None:
        if any(node.key == "bad" for node in change.nodes):
            raise ValueError("a mistake")
        write(self, change)

    monkeypatch.setattr(HeldGraph, "write", refuse)
    enqueue(home.database, QUEUE, [INFERENCE % b"bad", INFERENCE % b"good"])

    sync(home)

    assert bodies(home.database) == []
    assert [letter["reason"] for letter in dead_letters(home.database)] == ["ValueError: a mistake"]
    assert inferences(home) == ["good"]


def test_what_the_graph_did_not_take_is_not_counted_as_written(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, refusals = HeldGraph.write, iter([ValueError("a mistake")] * 2)
    written: dict[str, list[int]] = {"nodes": [], "edges": []}

    def refuse_at_first(self: HeldGraph, change: GraphChange) -> None:
        for refusal in refusals:
            raise refusal
        write(self, change)
        written["nodes"].append(len(change.nodes))
        written["edges"].append(len(change.edges))

    monkeypatch.setattr(HeldGraph, "write", refuse_at_first)
    enqueue(home.database, QUEUE, [INFERENCE % b"a", INFERENCE % b"b"])

    counts = sync(home)["provenance_graph"].counts

    assert (counts["returned to the queue"], counts["failed receives"], counts["received"]) == (2, 1, 2)
    assert (counts["nodes"], counts["edges"]) == (sum(written["nodes"]), sum(written["edges"]))


def test_what_is_no_event_is_put_aside_and_does_not_come_again(home: Resources) -> None:
    enqueue(home.database, QUEUE, [b"no event", INFERENCE % b"good", b"nor this"])

    sync(home)

    assert [bytes(letter["body"]) for letter in dead_letters(home.database)] == [b"nor this", b"no event"]
    assert bodies(home.database) == []
    assert inferences(home) == ["good"]


def die_in_write(ready: Callable[[], None], store: Store, folder: Path, after: bool) -> None:
    """Sync, and wait to be killed within the write: before the graph has it, or after it."""

    class Deadly(Filed):
        def write(self, change: GraphChange) -> None:
            if after:
                super().write(change)
            ready()
            time.sleep(60)

    sync(open_home(folder, store.open(), Deadly(folder / "graph")), str(this_process()))


@pytest.mark.parametrize("after", [False, True], ids=["before the graph has it", "after it has it"])
def test_killed_while_it_writes_the_graph_the_next_run_has_each_effect_once(
    store: Store, home: Resources, tmp_path: Path, after: bool
) -> None:
    enqueue(home.database, QUEUE, [INFERENCE % b"a", b"no event"])

    start_and_kill(die_in_write, store, tmp_path, after)
    sync(home)

    assert bodies(home.database) == []
    assert inferences(home) == ["a"]
    assert len(dead_letters(home.database)) == 1
    with home.database.read() as unit_of_work:
        assert unit_of_work.query("inference_count", tenant_id=0, model=None) == [{"n": 1}]
