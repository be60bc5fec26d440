"""A database whose partitions are days: each row has the key of a day, whoever writes it, and the choice stays."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, sources
from hartonomous_assets.chain import STAGES, run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, hour_of, timestamp
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.database_errors import SchemaMismatch
from hartonomous_resources.database.period import period_of, running_hour
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import hours_of
from hartonomous_resources.work.pending import first_hour, hours_to_come_with_work, hours_with_work, move_stray_work
from hartonomous_service.dead_letters import list_dead_letters, replay_dead_letter
from hartonomous_service.inferences import InferenceRecord, record_inference
from hartonomous_service.ingest import submit
from tests.backends import DATABASES, Store, require, rows
from tests.builders import enqueue, open_home

HAND = "2026-11-23-09:00"


@pytest.fixture(params=DATABASES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A fresh store of each database backend, made with days."""
    backend = DATABASES[request.param]
    require(request.param, backend.variable)
    made = Store(request.param, backend.create_empty(tmp_path))
    opened = made.open(partition="day")
    opened.migrate()
    opened.close()
    yield made
    backend.drop(made.location)


@pytest.fixture
def today() -> str:
    """The key of the running day."""
    return current_hour("day")


def hours(client: Any, table: str) -> set[str]:
    return {row["IngestHour"] for row in rows(client, f"SELECT IngestHour FROM {table}")}


def insert_by_hand(client: Any, table: str, **values: object) -> None:
    names = ", ".join(values)
    client.cursor().execute(
        f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(values))})",
        list(values.values()),
    )
    client.commit()


def atom_by_hand(client: Any, text: str, **more: object) -> None:
    insert_by_hand(
        client, "Atom", TenantId=0, Modality="text", ContentHash=text.encode().ljust(32), CanonicalText=text, **more
    )


def test_the_key_of_a_day_is_that_of_its_first_hour(home: Resources, today: str) -> None:
    assert (home.period, ask(home.database, period_of), ask(home.database, running_hour)) == ("day", "day", today)
    assert first_hour(home.database) == hour_of(query(home.database, "schema")[0]["createdAt"], "day")
    assert today == f"{timestamp()[:10]}-00:00"


def test_what_goes_through_the_chain_is_of_the_day_in_every_table(home: Resources, client: Any, today: str) -> None:
    submit(home, b"A sentence that was submitted.", source_uri="file:///submitted", content_type="text/plain")
    enqueue(home.database, INGESTION_QUEUE, [b"no message"])
    record_inference(home, InferenceRecord(model="a model", output_texts=["An answer."]))

    assert hours_with_work(home.database, home.settings, today) == [today]
    work = Work(today, "run", home)
    assert work.is_current_hour
    run_stages(work, [sources.STAGE, atoms.STAGE], 0, lambda _stage, _report: None)

    tables = ("Source", "Atom", "BackgroundJob", "DeadLetter", "Inference")
    assert {table: hours(client, table) for table in tables} == {key: {today} for key in tables}
    assert hours_of(home.database, 0) == [today]
    [letter] = list_dead_letters(home, tenant=None)["deadLetters"]
    assert letter["ingestHour"] == today


def test_rows_by_hand_that_leave_the_hour_out_are_of_the_day(client: Any, home: Resources, today: str) -> None:
    atom_by_hand(client, "by hand")
    parameters = json.dumps({"AtomId": 1, "TenantId": 0})
    job = {"JobId": "6F9619FF-8B86-D011-B42D-00C04FC964FF", "JobType": "GenerateEmbedding", "Parameters": parameters}
    insert_by_hand(client, "BackgroundJob", **job, TenantId=0, Status="Pending", CreatedAt=timestamp())
    inference = {"InferenceId": "by hand", "TenantId": 0, "Model": "a model", "CreatedAt": timestamp()}
    insert_by_hand(client, "Inference", **inference)

    tables = ("Atom", "BackgroundJob", "Inference")
    assert {table: hours(client, table) for table in tables} == {key: {today} for key in tables}
    assert len(rows(client, "SELECT JobId FROM BackgroundJob")) == 2
    assert hours_with_work(home.database, home.settings, today) == [today]


def test_an_hour_within_a_day_is_the_key_of_no_day_and_its_work_is_moved(
    client: Any, home: Resources, today: str
) -> None:
    atom_by_hand(client, "at nine", IngestHour=HAND)
    atom_by_hand(client, "of the day", IngestHour=today)
    assert hours_with_work(home.database, home.settings, today) == [today]
    assert query(home.database, "unreadable_atoms", hour=HAND, tenant_id=0)[0]["fault"] == "IngestHour"
    assert hours_to_come_with_work(home.database, home.settings, "2026-01-01-00:00") == [today]

    move_stray_work(home.database, home.settings, today)

    assert (hours(client, "Atom"), hours(client, "BackgroundJob")) == ({today}, {today})


def test_a_replayed_source_is_landed_in_the_day(home: Resources, client: Any, today: str) -> None:
    submit(home, b"A sentence.", source_uri="file:///one", content_type="text/plain")
    client.cursor().execute("UPDATE Source SET AttemptCount = 5")
    client.commit()
    run_stages(Work(today, "run", home), [STAGES[1]], 0, lambda _stage, _report: None)
    [letter] = list_dead_letters(home, tenant=None)["deadLetters"]
    replay_dead_letter(home, letter["deadLetterId"])

    run_stages(Work(today, "run", home), STAGES[:2], 0, lambda _stage, _report: None)

    assert hours(client, "Source") == {today} and hours(client, "DeadLetter") <= {today}


@pytest.mark.parametrize("partition", ["auto", "day"])
def test_who_asks_for_days_or_for_nothing_gets_them(store: Store, partition: str) -> None:
    opened = store.open(partition=partition)
    assert opened.migrate() == []
    assert ask(opened, period_of) == "day"
    opened.close()


def test_who_asks_for_hours_later_is_refused_and_told_what_to_do(store: Store) -> None:
    opened = store.open(partition="hour")
    with pytest.raises(
        SchemaMismatch, match=r"made with HARTONOMOUS_PARTITION=day, .* unset HARTONOMOUS_PARTITION=hour"
    ):
        opened.migrate()
    opened.close()


def test_a_database_that_holds_something_is_not_made_one_of_days(database: Any, client: Any, tmp_path: Path) -> None:
    client.cursor().execute("UPDATE Grid SET Period = 'hour'")
    client.commit()
    home = open_home(tmp_path, database)
    submit(home, b"A sentence.", source_uri="file:///one", content_type="text/plain")

    with database.unit_of_work() as unit_of_work:
        unit_of_work.execute("choose_days")

    assert ask(database, period_of) == "hour"
