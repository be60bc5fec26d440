"""A source that is not atomized yet is withdrawn: whoever works on it stops, nothing of it stays, and it may be replayed."""

from collections.abc import Callable

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.rows.source_rows import CLAIM_SOURCES
from hartonomous_resources.resources import Resources
from hartonomous_service.background_jobs import list_jobs
from hartonomous_service.dead_letters import list_dead_letters, replay_dead_letter
from hartonomous_service.errors import Conflict, NotFound
from hartonomous_service.source_records import verify_sources
from hartonomous_service.statistics import collect_stats
from hartonomous_service.withdrawals import withdraw_source
from tests.builders import enqueue, request
from tests.stages import MakeHome, all_sources, content_of, ingest, run_stages_of, states

TEXT = b"".join(b"Sentence %d of the sea.\n\n" % n for n in range(40))


def land(home: Resources, text: bytes, uri: str = "a:1") -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=text, sourceUri=uri)])
    run_stages_of(home, landing.STAGE)


def test_one_that_waits_becomes_a_dead_letter_and_can_be_replayed(home: Resources) -> None:
    land(home, TEXT)

    withdrawn = withdraw_source(home, 1)

    assert (withdrawn["status"], withdrawn["errorMessage"]) == ("DeadLettered", "a:1: withdrawn")
    run_stages_of(home)
    assert states(home) == [("DeadLettered", 1, None)]
    [letter] = list_dead_letters(home)["deadLetters"]
    replay_dead_letter(home, letter["deadLetterId"])
    run_stages_of(home)
    assert content_of(home, all_sources(home)[-1]) == TEXT


def test_whoever_works_on_one_stops_and_nothing_of_it_stays(make_home: MakeHome) -> None:
    home = make_home(atom_batch_size=10, text_unit="sentence")
    land(home, TEXT)
    steps = atoms.STAGE.steps(Work(current_hour(), "run", home, "test"))
    assert next(steps).counts["atoms"] == 10

    withdraw_source(home, 1)

    assert next(steps).counts == {"taken over by another run": 1}
    assert next(steps).counts == {}
    assert (collect_stats(home)["atoms"], list_jobs(home, count=True)["total"]) == (0, 0)
    assert verify_sources(home)["failed"] == []


def test_the_version_before_it_stays_current(home: Resources) -> None:
    ingest(home, request(rawData=b"The first.", sourceUri="a:1"))
    land(home, b"The second.")

    withdraw_source(home, 2)

    assert states(home) == [("Atomized", 1, None), ("DeadLettered", 2, None)]


def atomize(home: Resources) -> None:
    run_stages_of(home)


def withdraw(home: Resources) -> None:
    withdraw_source(home, 1)


@pytest.mark.parametrize("before", [atomize, withdraw])
def test_one_that_is_finished_or_given_up_is_not_withdrawn(
    home: Resources, before: Callable[[Resources], None]
) -> None:
    land(home, TEXT)
    before(home)
    was = states(home)

    with pytest.raises(Conflict, match="source 1 is finished or given up"):
        withdraw_source(home, 1)

    assert states(home) == was


@pytest.mark.parametrize("before", [atomize, withdraw])
def test_one_that_was_finished_or_given_up_meanwhile_is_not_claimed(
    home: Resources, before: Callable[[Resources], None]
) -> None:
    land(home, TEXT)
    before(home)
    was = states(home)

    with home.database.unit_of_work() as unit_of_work:
        claimed = unit_of_work.query(CLAIM_SOURCES, source_ids="[1]", owner="late", lease_until=timestamp(60))

    assert (claimed, states(home)) == ([], was)


def test_only_the_tenants_own_is_withdrawn(home: Resources) -> None:
    land(home, TEXT)
    for tenant, source_id in ((7, 1), (0, 2)):
        with pytest.raises(NotFound):
            withdraw_source(home, source_id, tenant=tenant)
    assert states(home) == [("Landed", 1, None)]
