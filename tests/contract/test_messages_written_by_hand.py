"""Rows that somebody wrote into QueueMessage by hand, whatever they hold: each is done or put aside as it is, and stops nobody.

SQLite's alone: the columns of SQL Server have types. A database without our checks must cope, too, so these rows get past them.
"""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import provenance
from hartonomous_assets import sources as landing
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, tenant_of
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.giving_up import count_failed_receive
from hartonomous_service.dead_letters import discard_dead_letter, list_dead_letters, replay_dead_letter
from hartonomous_service.errors import Conflict
from hartonomous_service.health import check_health
from hartonomous_service.statistics import collect_stats
from tests.builders import dead_letters, enqueue, open_home, receive_all, receive_and_return, request, sources

GOOD = request(rawData=b"The good one.", sourceUri="good")
COLUMNS = {
    "MessageId": "'m1'",
    "Queue": "'IngestionQueue'",
    "OrderingKey": "'key'",
    "Body": 'CAST(\'{"rawData": "YQ==", "sourceUri": "by hand"}\' AS BLOB)',
    "AttemptCount": "0",
    "EnqueuedAt": "'2026-11-23T09:44:16.123Z'",
    "FirstFailedAt": "NULL",
    "LastError": "NULL",
}
WRONG = [
    "5",
    "2.5",
    "NULL",
    "''",
    "'a' || char(0) || 'b'",
    "x'ff'",
    "CAST(x'ff' AS TEXT)",
    "zeroblob(1000)",
    "-9223372036854775808",
]
NO_BODY = ["5", "2.5", "NULL", "'no JSON'", "x'ff'", "CAST(x'ff00' AS TEXT)", "zeroblob(1000)"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Resources]:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    yield open_home(tmp_path, database)
    database.close()


def connection_of(home: Resources) -> sqlite3.Connection:
    database = home.database
    assert isinstance(database, SqliteDatabase)
    return database.connection()


def insert(home: Resources, **columns: str) -> None:
    """Write a row into a table that has lost every constraint; columns are given as SQL."""
    connection = connection_of(home)
    names = ", ".join(COLUMNS)
    connection.execute("ALTER TABLE QueueMessage RENAME TO WithChecks")
    connection.execute(
        f"CREATE TABLE QueueMessage (Sequence INTEGER PRIMARY KEY, {names.replace('Body', 'Body BLOB')})"
    )
    connection.execute(f"INSERT INTO QueueMessage ({names}) SELECT {names} FROM WithChecks")
    connection.execute(f"INSERT INTO QueueMessage ({names}) VALUES ({', '.join((COLUMNS | columns).values())})")


def run(home: Resources) -> None:
    """A run of the stages that receive; it must not fail."""
    work = Work(current_hour(), "run", home)
    for report in run_stages(work, [landing.STAGE, provenance.STAGE], 0, lambda _stage, _report: None).values():
        if report.error:
            raise report.error


def landed(home: Resources) -> list[str]:
    with home.database.read() as unit_of_work:
        return sorted(source["sourceUri"] for source in sources(unit_of_work))


def test_a_row_of_the_wrong_type_is_refused_by_the_table(home: Resources) -> None:
    names = ", ".join(COLUMNS)
    for column, value in [("Body", "5"), ("Body", "2.5"), ("MessageId", "x'ff'"), ("OrderingKey", "x'ff'"), ("Queue", "'Ingestion'"),
                          ("AttemptCount", "-1"), ("AttemptCount", "'x'"), ("EnqueuedAt", "x'ff'"), ("LastError", "x'ff'")]:  # fmt: skip
        values = ", ".join((COLUMNS | {column: value}).values())
        with pytest.raises(sqlite3.IntegrityError, match=f"CHECK constraint failed: .*{column}"):
            connection_of(home).execute(f"INSERT INTO QueueMessage ({names}) VALUES ({values})")


@pytest.mark.parametrize("body", ["5", "2.5", "x'ff'"])
def test_what_got_past_the_checks_is_put_aside_as_it_is_and_the_others_are_done(home: Resources, body: str) -> None:
    connection = connection_of(home)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(
        "INSERT INTO QueueMessage (MessageId, Queue, OrderingKey, Body, AttemptCount, EnqueuedAt) "
        f"VALUES ('m1', 'IngestionQueue', 'k', {body}, 'x', x'ff')"
    )
    connection.execute("PRAGMA ignore_check_constraints = OFF")
    enqueue(home.database, INGESTION_QUEUE, [GOOD])

    run(home)

    assert landed(home) == ["good"]
    assert connection.execute(f"SELECT Body IS {body} FROM DeadLetter").fetchall()[0][0] == 1
    assert receive_all(home.database, INGESTION_QUEUE) == []


@pytest.mark.parametrize("queue", [INGESTION_QUEUE, PROVENANCE_QUEUE])
@pytest.mark.parametrize("body", NO_BODY)
def test_whatever_lies_in_a_body_is_put_aside_as_it_is_and_the_others_are_done(
    home: Resources, body: str, queue: str
) -> None:
    insert(home, Body=body, Queue=f"'{queue}'")
    enqueue(home.database, INGESTION_QUEUE, [GOOD])

    run(home)

    assert landed(home) == ["good"]
    kept = connection_of(home).execute(f"SELECT Body IS COALESCE({body}, x''), AttemptCount FROM DeadLetter").fetchall()
    assert [tuple(row) for row in kept] == [(1, 1)]
    assert receive_all(home.database, queue) == []


@pytest.mark.parametrize(
    "column", ["MessageId", "OrderingKey", "AttemptCount", "EnqueuedAt", "FirstFailedAt", "LastError"]
)
@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("body", [COLUMNS["Body"], "5"], ids=["good", "bad"])
def test_whatever_lies_beside_a_body_the_message_is_done_or_put_aside(
    home: Resources, column: str, value: str, body: str
) -> None:
    insert(home, Body=body, **{column: value})
    enqueue(home.database, INGESTION_QUEUE, [GOOD])

    run(home)

    done = ["by hand", "good"] if body == COLUMNS["Body"] else ["good"]
    assert landed(home) == done
    letters = list_dead_letters(home, tenant=None)["deadLetters"]
    assert len(letters) == 2 - len(done)
    assert json.dumps(letters)
    assert receive_all(home.database, INGESTION_QUEUE) == []


@pytest.mark.parametrize("value", WRONG)
def test_a_message_that_fails_again_and_again_is_given_up_whatever_its_columns_hold(
    home: Resources, value: str
) -> None:
    insert(
        home, MessageId=value, OrderingKey=value, Body=value, AttemptCount=value, FirstFailedAt=value, LastError=value
    )
    [message] = receive_and_return(home.database, INGESTION_QUEUE)

    outcomes = [count_failed_receive(home.database, message, "why") for _ in range(5)]

    assert outcomes[:4] in ([False] * 4, [True, False, False, False])  # a count that lies within reason is believed
    [letter] = dead_letters(home.database)
    assert letter["reason"] == "why"
    assert receive_all(home.database, INGESTION_QUEUE) == []


def test_two_messages_of_one_id_are_two_messages(home: Resources) -> None:
    insert(home)
    insert_again = f"INSERT INTO QueueMessage ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM QueueMessage"
    connection_of(home).execute(insert_again)
    first, second = receive_and_return(home.database, INGESTION_QUEUE)

    assert count_failed_receive(home.database, first, "why", dead_letter_at=1)

    assert receive_all(home.database, INGESTION_QUEUE) == [second]


@pytest.mark.parametrize("body", NO_BODY)
def test_what_was_put_aside_can_be_listed_replayed_and_discarded(home: Resources, body: str) -> None:
    insert(home, Body=body, MessageId="x'ff'", OrderingKey="CAST(x'ff' AS TEXT)")
    run(home)
    [letter] = list_dead_letters(home, tenant=None)["deadLetters"]

    replay_dead_letter(home, letter["deadLetterId"], tenant=None)
    run(home)
    [again] = list_dead_letters(home, tenant=None)["deadLetters"]
    discard_dead_letter(home, again["deadLetterId"], tenant=None)

    assert again["body"] == letter["body"]
    assert dead_letters(home.database) == []


@pytest.mark.parametrize("body", ["'nonsense'", "'{}'", "5", "x'ff'"])
def test_a_dead_source_written_by_hand_is_refused_with_a_reason_when_it_is_replayed(home: Resources, body: str) -> None:
    connection_of(home).execute(
        "INSERT INTO DeadLetter (Kind, TenantId, IngestHour, Queue, OrderingKey, Reason, Body, AttemptCount, FirstFailedAt, LastFailedAt,"
        f" Replay) VALUES ('source', 0, '2026-11-23-09:00', 'IngestionQueue', 'key', 'why', {body}, 1, '', '', '')"
    )

    with pytest.raises(Conflict, match="cannot be replayed"):
        replay_dead_letter(home, 1)


def check_of(home: Resources, name: str) -> dict[str, Any]:
    [check] = [check for check in check_health(home.settings)["checks"] if check["name"] == name]
    return check


def test_a_queue_without_trouble_is_healthy(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [GOOD])

    assert check_of(home, "queues")["status"] == "healthy"


def test_a_message_that_was_received_in_vain_and_waits_is_no_health(home: Resources) -> None:
    enqueue(home.database, INGESTION_QUEUE, [GOOD])
    [message] = receive_and_return(home.database, INGESTION_QUEUE)
    count_failed_receive(home.database, message, "ValueError: what was wrong")

    check = check_of(home, "queues")

    assert check["status"] == "degraded"
    assert "IngestionQueue" in check["detail"] and "received in vain" in check["detail"]


@pytest.mark.parametrize("queue", ["'ingestionqueue'", "x'ff'", "CAST('IngestionQueue' AS BLOB)", "NULL", "5"])
def test_a_message_on_a_queue_that_nobody_receives_from_is_no_health(home: Resources, queue: str) -> None:
    insert(home, Queue=queue)
    run(home)

    check = check_of(home, "queues")

    assert check["status"] == "degraded"
    assert "nobody receives" in check["detail"]
    assert collect_stats(home)["queues"] == {INGESTION_QUEUE: 0, PROVENANCE_QUEUE: 0}


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"5", b"[" * 100_000, b'{"a":' * 100_000, b'{"n": ' + b"9" * 100_000 + b"}"]
)
def test_the_tenant_of_what_is_no_message_is_unknown(body: bytes) -> None:
    assert tenant_of(body) is None
