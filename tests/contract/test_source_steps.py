"""How the stage `atoms` takes sources: small ones together, in batches, those tried before alone and later, of the running hour."""

from collections.abc import Generator, Iterator
from typing import Any

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.source_claims import claim
from hartonomous_assets.stage import Progress, Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from tests.backends import rows
from tests.builders import (
    enqueue,
    receive_all,
    request,
)
from tests.stages import (
    MakeHome,
    all_sources,
    content_of,
    run_stages_of,
    states,
)


def land(home: Resources, *contents: bytes) -> None:
    """Land sources with these bytes and atomize none."""
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=data, sourceUri=f"note:{n}") for n, data in enumerate(contents)],
    )
    run_stages_of(home, landing.STAGE)


def first_step(home: Resources) -> dict[str, int]:
    """What the stage does in one step."""
    return next(atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))).counts


def test_small_sources_are_atomized_together_in_one_step(home: Resources) -> None:
    land(home, b"One.", b"Two.", b"Three.")

    assert first_step(home)["sources"] == 3


def test_small_sources_together_are_no_more_than_a_mebibyte(home: Resources) -> None:
    land(home, *(bytes([n]) * 400_000 for n in range(3)))

    assert first_step(home)["sources"] == 2


def test_small_sources_are_written_a_batch_at_a_time(make_home: MakeHome) -> None:
    home = make_home(text_unit="sentence")
    land(home, *(b"".join(b"Line %d of file %d.\n\n" % (line, n) for line in range(300)) for n in range(3)))
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    assert [next(steps).counts.get("atoms") for _ in range(3)] == [600, 300, None]


def test_of_small_sources_written_together_one_that_another_run_has_taken_over_is_left_to_it(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(home, b"Mine.", b"Taken over.", b"Mine, too.")
    scan = atoms.scan

    def take_over(stream: Any) -> Any:
        client.cursor().execute("UPDATE Source SET LeaseOwner = 'other' WHERE SourceUri = 'note:1'")
        client.commit()
        return scan(stream)

    monkeypatch.setattr(atoms, "scan", take_over)

    counts = first_step(home)

    assert (counts["sources"], counts["taken over by another run"]) == (2, 1)
    assert [status for status, _, _ in states(home)] == ["Atomized", "Atomizing", "Atomized"]


def test_a_source_that_was_tried_before_comes_alone_and_after_the_others(home: Resources, client: Any) -> None:
    land(home, b"Tried.", b"Also tried.", b"Fresh.", b"Fresh, too.")
    client.cursor().execute("UPDATE Source SET AttemptCount = 1 WHERE SourceUri IN ('note:0', 'note:1')")
    client.commit()
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    assert [next(steps).counts.get("sources") for _ in range(4)] == [2, 1, 1, None]


def test_a_stop_gives_back_what_was_claimed_and_not_begun(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=1, text_unit="sentence")
    land(home, b"It has two. And more.", b"Not begun.")

    stopped = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    assert "sources" not in next(stopped).counts
    stopped.close()

    claims = rows(client, "SELECT Status AS status, AttemptCount AS attempts, LeaseOwner AS owner FROM Source")
    assert claims == [{"status": "Landed", "attempts": 0, "owner": None}] * 2


def test_only_the_running_hour_receives_and_an_older_one_finishes_what_it_holds(home: Resources, client: Any) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Landed.", sourceUri="landed")])
    run_stages_of(home, landing.STAGE)
    client.cursor().execute("UPDATE Source SET IngestHour = '2026-01-01-01:00'")
    client.commit()
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Waiting.", sourceUri="waiting")])

    run_stages_of(home, hour="2026-01-01-01:00")

    assert [(source["sourceUri"], source["status"]) for source in all_sources(home)] == [("landed", "Atomized")]
    assert len(receive_all(home.database, INGESTION_QUEUE)) == 1


def note(home: Resources, uri: str, text: bytes) -> None:
    """Land a source of this name, and atomize none."""
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=text, sourceUri=uri)])
    run_stages_of(home, landing.STAGE)


def status_of(home: Resources) -> dict[str, str]:
    return {source["sourceUri"]: source["status"] for source in all_sources(home)}


LARGE = b"".join(b"Sentence %d of the sea.\n\n" % n for n in range(100))
SMALLER = b"".join(b"%d\n\n" % n for n in range(10, 45))
SMALL = b"The moon pulls the tide."


@pytest.fixture
def begun(make_home: MakeHome) -> Iterator[tuple[Resources, Generator[Progress]]]:
    """A home that has written the first batch of a large source, and what goes on with it."""
    home = make_home(atom_batch_size=10, text_unit="sentence")
    note(home, "large", LARGE)
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    assert next(steps).counts["atoms"] == 10
    yield home, steps
    steps.close()


def test_a_small_source_that_comes_later_has_its_turn_between_two_batches_of_a_large_one(
    begun: tuple[Resources, Generator[Progress]],
) -> None:
    home, steps = begun
    note(home, "small", SMALL)

    assert next(steps).counts["sources"] == 1

    assert status_of(home) == {"large": "Atomizing", "small": "Atomized"}
    run = [next(steps).counts for _ in range(10)]
    assert [counts.get("atoms") for counts in run] == [10] * 9 + [None], (
        "then the large one, and then there is nothing to do"
    )
    assert [content_of(home, source) for source in all_sources(home)] == [LARGE, SMALL]


def test_between_large_sources_of_a_single_batch_smaller_ones_have_their_turn(home: Resources) -> None:
    land(home, *(bytes([n]) * 700_000 for n in range(3)), SMALL)
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    for _ in range(2):
        next(steps)

    assert [status for status, _, _ in states(home)] == ["Atomized", "Landed", "Landed", "Atomized"]
    steps.close()


def test_within_the_turn_of_a_smaller_source_no_other_has_one(
    begun: tuple[Resources, Generator[Progress]],
) -> None:
    home, steps = begun
    note(home, "smaller", SMALLER)
    next(steps)
    note(home, "smallest", b"Fog.")

    run = [next(steps).counts["atoms"] for _ in range(5)]

    assert run == [10, 10, 5, 10, 1], "the smaller one to its end, a batch of the large one, and then the smallest"
    assert status_of(home) == {"large": "Atomizing", "smaller": "Atomized", "smallest": "Atomized"}


def test_where_nothing_smaller_waits_nothing_is_written_between_two_batches(
    begun: tuple[Resources, Generator[Progress]],
) -> None:
    home, _ = begun
    note(home, "half", LARGE[: len(LARGE) // 2])
    with home.database.unit_of_work():  # whoever would write waits for it, and fails
        assert claim(Work(current_hour(), "run", home, "other"), most_bytes=len(SMALL)) == []


def test_a_document_with_a_parser_at_work_lets_none_in(make_home: MakeHome) -> None:
    home = make_home(atom_batch_size=10)
    mailbox = b"".join(
        b"From a@b Mon Nov 30 10:00:00 2026\nSubject: Tide %d\n\nIt rises %d.\n\n" % (n, n) for n in range(60)
    )
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=mailbox, sourceUri="mailbox", contentType="application/mbox")],
    )
    run_stages_of(home, landing.STAGE)
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    while not home.parsers.are_at_work:
        next(steps)
    note(home, "small", SMALL)

    while home.parsers.are_at_work:
        assert status_of(home)["small"] == "Landed"
        next(steps)
    next(steps)

    assert status_of(home)["small"] == "Atomized"
    steps.close()


def test_one_that_is_not_much_smaller_waits_and_so_does_one_that_was_tried_before(
    begun: tuple[Resources, Generator[Progress]], client: Any
) -> None:
    home, steps = begun
    note(home, "half", LARGE[: len(LARGE) // 2])
    note(home, "tried", SMALL)
    client.cursor().execute("UPDATE Source SET AttemptCount = 1 WHERE SourceUri = 'tried'")
    client.commit()

    for _ in range(9):
        next(steps)

    assert status_of(home) == {"large": "Atomized", "half": "Landed", "tried": "Landed"}


def test_a_large_source_that_was_tried_before_lets_none_in(make_home: MakeHome, client: Any) -> None:
    home = make_home(atom_batch_size=10, text_unit="sentence")
    note(home, "large", LARGE)
    client.cursor().execute("UPDATE Source SET AttemptCount = 1")
    client.commit()
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    next(steps)
    note(home, "small", SMALL)

    next(steps)

    assert status_of(home) == {"large": "Atomizing", "small": "Landed"}
    steps.close()


def test_a_large_source_keeps_its_lease_while_smaller_ones_have_their_turn(
    begun: tuple[Resources, Generator[Progress]], client: Any
) -> None:
    home, steps = begun
    note(home, "small", SMALL)
    client.cursor().execute("UPDATE Source SET LeaseUntil = ? WHERE SourceUri = 'large'", (timestamp(-1),))
    client.commit()

    next(steps)

    [large] = rows(client, "SELECT LeaseUntil AS until FROM Source WHERE SourceUri = 'large'")
    assert large["until"] > timestamp()


def test_a_stop_in_the_turn_of_a_smaller_source_gives_both_back(
    begun: tuple[Resources, Generator[Progress]], client: Any
) -> None:
    home, steps = begun
    note(home, "smaller", SMALLER)
    assert next(steps).counts["atoms"] == 10
    assert status_of(home) == {"large": "Atomizing", "smaller": "Atomizing"}

    steps.close()

    claims = rows(client, "SELECT Status AS status, AttemptCount AS attempts, LeaseOwner AS owner FROM Source")
    assert claims == [{"status": "Landed", "attempts": 0, "owner": None}] * 2
    run_stages_of(home)
    assert next(content_of(home, source) for source in all_sources(home)) == LARGE


def test_what_was_claimed_with_a_source_of_many_atoms_does_not_wait_for_it(make_home: MakeHome) -> None:
    home = make_home(atom_batch_size=10, text_unit="sentence")
    land(home, SMALL, LARGE, SMALL + b" It rises.")
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))

    assert [next(steps).counts.get("sources") for _ in range(2)] == [1, 1]

    assert status_of(home) == {"note:0": "Atomized", "note:1": "Atomizing", "note:2": "Atomized"}
    steps.close()
