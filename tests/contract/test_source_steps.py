"""How the stage `atoms` takes sources: small ones together, in batches, those tried before alone and later, of the running hour."""

from typing import Any

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
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
