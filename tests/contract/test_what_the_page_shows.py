"""What Dagster's page asks a store about an hour."""

from hartonomous_assets import atoms, embeddings
from hartonomous_assets.stage import StageReport, Work
from hartonomous_assets.stage_metadata import metadata_of, seconds_since
from hartonomous_core.clock import timestamp
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.giving_up import dead_letter_received
from tests.builders import HOUR, dead_letters, enqueue, insert_source, write

OTHER_HOUR = "2026-11-23-10:00"
NOTHING = {"sources": None, "atoms": None, "atom_embeddings": None, "atom_projections": None, "provenance_graph": None}


def test_nothing_is_pending_in_a_new_database(database: Database) -> None:
    with database.read() as unit_of_work:
        assert unit_of_work.query("oldest_pending", hour=HOUR) == [NOTHING]


def test_the_oldest_work_of_each_stage_is_told_by_hour(database: Database) -> None:
    enqueue(database, INGESTION_QUEUE, [b"1"])
    enqueue(database, PROVENANCE_QUEUE, [b"2"])
    write(database, "A sentence.", uri="file:///atoms")
    with database.unit_of_work() as unit_of_work:
        insert_source(unit_of_work, uri="file:///landed")

    with database.read() as unit_of_work:
        here = unit_of_work.query("oldest_pending", hour=HOUR)[0]
        elsewhere = unit_of_work.query("oldest_pending", hour=OTHER_HOUR)[0]

    assert {name for name, since in here.items() if since} == set(NOTHING) - {"atom_projections"}
    assert all(0 <= seconds_since(since) < 600 for since in here.values())
    assert {name for name, since in elsewhere.items() if since} == {"sources", "provenance_graph"}


def test_the_dead_letters_of_an_hour_are_the_latest_first_and_without_their_bodies(database: Database) -> None:
    enqueue(database, INGESTION_QUEUE, [b"1", b"2"])
    with database.receive(INGESTION_QUEUE, 2) as delivery:
        for message, reason in zip(delivery.messages, ("first", "second"), strict=True):
            dead_letter_received(delivery.unit_of_work, message, reason, 7)
    hour = dead_letters(database)[0]["ingestHour"]

    with database.read() as unit_of_work:
        found = unit_of_work.query("dead_letters_of_hour", hour=hour, n=10)
        latest = unit_of_work.query("dead_letters_of_hour", hour=hour, n=1)
        elsewhere = unit_of_work.query("dead_letters_of_hour", hour=OTHER_HOUR, n=10)

    assert [letter["reason"] for letter in found] == ["second", "first"]
    assert set(found[0]) == {"deadLetterId", "kind", "tenantId", "reason", "attemptCount"}
    assert (latest, elsewhere) == (found[:1], [])


def test_a_time_that_is_none_or_lies_ahead_is_no_wait() -> None:
    assert [seconds_since(time) for time in (None, "", "yesterday", timestamp(3600))] == [0.0] * 4
    assert seconds_since("2026-11-23 09:00:00") > 0  # as somebody may write it by hand


def test_how_fast_a_stage_is_counts_what_it_is_there_for_and_nothing_else(home: Resources) -> None:
    work = Work(HOUR, "run", home)

    busy = metadata_of(atoms.STAGE, work, StageReport({"unchanged": 3, "dead-lettered": 1, "atoms": 8}, seconds=2.0))
    idle = metadata_of(atoms.STAGE, work, StageReport({"unchanged": 3}, seconds=2.0))

    assert busy["per second"].value == 4.0
    assert "per second" not in idle


def test_the_page_names_the_device_where_something_was_embedded(home: Resources) -> None:
    work = Work(HOUR, "run", home)

    busy = metadata_of(embeddings.STAGE, work, StageReport({"embedded": 8}, seconds=2.0))
    idle = metadata_of(embeddings.STAGE, work, StageReport({"already embedded": 3}, seconds=2.0))

    assert busy["device"].value == "cpu"
    assert "device" not in idle
