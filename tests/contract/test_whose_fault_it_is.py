"""What the machine, a network drive or the database does wrong is held against no source; what a source does wrong holds up no other."""

import dataclasses
import errno
import os
from typing import Any

import pytest

from hartonomous_assets import atoms, embeddings, source_claims, source_writing
from hartonomous_assets import sources as landing
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import StageUnavailable, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.blobs import LocalBlobs
from hartonomous_resources.database import transactions
from hartonomous_resources.database.database_errors import DatabaseUnavailable, TransactionConflict
from hartonomous_resources.resources import Resources
from tests.backends import rows
from tests.builders import SmallCompute, dead_letters, enqueue, request
from tests.stages import ingest, put_file, run_stages_of, states

PASSING = [errno.EMFILE, errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC, errno.EDQUOT]


def fail_with(error: Exception) -> Any:
    def fail(*_args: object, **_names: object) -> None:
        raise error

    return fail


def trouble(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/home/tenant/secret.txt")


def assert_landed_and_not_tried(client: Any) -> None:
    found = rows(client, "SELECT Status AS status, AttemptCount AS attempts, ErrorMessage AS error FROM Source")
    assert found == [{"status": "Landed", "attempts": 0, "error": None}]


@pytest.mark.parametrize("number", PASSING, ids=errno.errorcode.get)
@pytest.mark.parametrize("inline", [True, False], ids=["inline", "by uri"])
def test_a_message_waits_while_the_machine_cannot_take_it_in(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch, number: int, inline: bool
) -> None:
    uri = put_file(home, "a.txt", b"It waits.").as_uri()
    body = request(rawData=b"It waits.") if inline else request(uri=uri)
    with monkeypatch.context() as broken:
        broken.setattr(LocalBlobs, "put", fail_with(trouble(number)))
        broken.setattr(landing, "open_source_file", fail_with(trouble(number)))
        with pytest.raises(StageUnavailable, match=f"now: {os.strerror(number)}$"):
            ingest(home, body)

    assert rows(client, "SELECT AttemptCount AS attempts FROM QueueMessage") == [{"attempts": 0}]
    run_stages_of(home)
    assert (states(home), dead_letters(home.database)) == ([("Atomized", 1, None)], [])


@pytest.mark.parametrize("number", PASSING, ids=errno.errorcode.get)
@pytest.mark.parametrize("place", ["open_source_file", "scan"])
def test_a_source_waits_while_the_machine_cannot_read_it(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch, number: int, place: str
) -> None:
    uri = put_file(home, "a.txt", b"It waits.").as_uri()
    with monkeypatch.context() as broken:
        broken.setattr(atoms, place, fail_with(trouble(number)))
        with pytest.raises(StageUnavailable, match=f"now: {os.strerror(number)}$"):
            ingest(home, request(uri=uri))

    assert_landed_and_not_tried(client)
    run_stages_of(home)
    assert (states(home), dead_letters(home.database)) == ([("Atomized", 1, None)], [])


def test_a_file_that_lies_where_the_disk_is_damaged_holds_up_no_other(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = atoms.scan

    def damaged(stream: Any) -> Any:
        if stream.read() == b"Damaged.":
            raise trouble(errno.EIO)
        stream.seek(0)
        return scan(stream)

    monkeypatch.setattr(atoms, "scan", damaged)

    ingest(home, request(rawData=b"Damaged.", sourceUri="note:a"), request(rawData=b"Whole.", sourceUri="note:b"))

    assert [status for status, _, _ in states(home)] == ["DeadLettered", "Atomized"]


def test_an_outage_of_the_database_is_held_against_no_source(
    home: Resources, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(source_writing, "supersede_older_versions", fail_with(DatabaseUnavailable("it is down")))
        with pytest.raises(DatabaseUnavailable):
            ingest(home, request(rawData=b"It waits."))

    assert_landed_and_not_tried(client)


@pytest.mark.parametrize("error", [TransactionConflict("always in the way"), ValueError("a mistake")], ids=repr)
def test_a_source_that_always_fails_is_put_aside_with_the_cause_and_the_others_go_on(
    home: Resources, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    supersede = source_claims.supersede_older_versions

    def fail_for_one(unit_of_work: Any, source: Any) -> list[int]:
        if source["sourceUri"] == "note:bad":
            raise error
        return supersede(unit_of_work, source)

    monkeypatch.setattr(source_writing, "supersede_older_versions", fail_for_one)
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.0)
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=b"Bad.", sourceUri="note:bad"), request(rawData=b"Good.", sourceUri="note:good")],
    )

    reports = run_stages_of(home)

    assert reports["atoms"].counts["failed attempts"] == 5
    assert [status for status, _, _ in states(home)] == ["DeadLettered", "Atomized"]
    (letter,) = dead_letters(home.database)
    assert letter["reason"] == f"note:bad: given up after 5 attempts: note:bad: {type(error).__name__}: {error}"


def test_a_job_that_always_conflicts_is_put_aside(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    ingest(home, request(rawData=b"It conflicts."))
    small = dataclasses.replace(home, compute=SmallCompute())  # type: ignore[arg-type]
    monkeypatch.setattr(embeddings, "complete", fail_with(TransactionConflict("always in the way")))
    monkeypatch.setattr(transactions, "_FIRST_PAUSE_SECONDS", 0.0)

    reports = run_stages_of(small, embeddings.STAGE)

    assert reports["atom_embeddings"].counts == {"failed attempts": 5, "dead-lettered": 1}
    (letter,) = dead_letters(home.database)
    assert letter["reason"] == "given up after 5 attempts: TransactionConflict: always in the way"


def test_a_file_that_cannot_be_read_now_keeps_none_before_it_from_being_written(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = atoms.scan

    def unreachable(stream: Any) -> Any:
        if stream.read() == b"Out of reach.":
            raise trouble(errno.ESTALE)
        stream.seek(0)
        return scan(stream)

    monkeypatch.setattr(atoms, "scan", unreachable)

    ingest(home, request(rawData=b"It was here.", sourceUri="a"))
    texts = {"a": b"It was here.", "b": b"It is here.", "c": b"Out of reach."}
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=text, sourceUri=uri) for uri, text in texts.items()])

    work = Work(current_hour(), "run", home, "test")
    report = run_stages(work, (landing.STAGE, atoms.STAGE), 0, lambda _stage, _report: None)["atoms"]

    assert isinstance(report.error, StageUnavailable)
    assert {name: report.counts.get(name) for name in ("unchanged", "sources", "atoms")} == {
        "unchanged": 1,
        "sources": 1,
        "atoms": 1,
    }
    assert [status for status, _, _ in states(home)] == ["Atomized", "Atomized", "Landed"]
