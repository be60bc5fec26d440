"""Jobs are small, and those that are done are not kept for ever; what clients see of them is a table all the same."""

import json
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from hartonomous_assets import housekeeping
from hartonomous_core.clock import current_hour, timestamp
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_service.background_jobs import get_job, list_jobs, update_job_status
from tests.backends import rows
from tests.builders import write

OWNER = "run of 36 characters, as uuids have it"
BY_HAND = (
    "INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId, Status, CreatedAt) VALUES (?, ?, ?, ?, ?, ?)"
)
LONG_AGO = "2026-01-02T03:04:05.678Z"


@pytest.fixture
def home(make_home: Callable[..., Resources]) -> Resources:
    return make_home()


def claim(database: Database, n: int) -> list[str]:
    """Claim jobs of the running hour; returns their ids."""
    with database.unit_of_work() as unit_of_work:
        claimed = unit_of_work.query(
            "claim_jobs",
            hour=current_hour(),
            job_type="GenerateEmbedding",
            owner=OWNER,
            now=timestamp(),
            lease_until=timestamp(300),
            least_attempts=0,
            most_attempts=1,
            n=n,
            model_ids=None,
        )
    return [job["jobId"] for job in claimed]


def complete(database: Database, ids: list[str], now: str, result: str | None = None) -> int:
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.execute("complete_jobs", job_ids=json.dumps(ids), owner=OWNER, now=now, result=result)


def prune(database: Database, before: str, n: int = 100) -> int:
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.execute("prune_jobs", before=before, n=n)


def statuses(client: Any) -> list[str]:
    return sorted(row["Status"] for row in rows(client, "SELECT Status FROM BackgroundJob"))


# ---- kept for a while


def test_jobs_that_were_done_long_ago_are_deleted_in_batches_and_no_others(database: Database, client: Any) -> None:
    write(database, *(f"text {n}" for n in range(8)), hour=current_hour())
    assert complete(database, claim(database, 4), LONG_AGO) == 4
    assert complete(database, claim(database, 1), LONG_AGO, "already embedded") == 1
    assert complete(database, claim(database, 1), LONG_AGO, "skipped: empty text") == 1
    assert complete(database, claim(database, 1), timestamp()) == 1

    assert [prune(database, timestamp(-86400), n=2) for _ in range(4)] == [2, 2, 1, 0]

    assert statuses(client) == ["Completed", "Completed", "Pending"]
    assert prune(database, timestamp(60)) == 1
    assert [row["Result"] for row in rows(client, "SELECT Result FROM BackgroundJob WHERE Status = 'Completed'")] == [
        "skipped: empty text"
    ]


@pytest.mark.parametrize(("days", "left"), [(7.0, 3), (0.0, 0)])
def test_housekeeping_keeps_jobs_that_are_done_for_as_many_days_as_are_set(
    home: Resources, monkeypatch: pytest.MonkeyPatch, days: float, left: int
) -> None:
    monkeypatch.setattr(housekeeping, "ROWS_PER_TRANSACTION", 2)
    write(home.database, *(f"text {n}" for n in range(8)), hour=current_hour())
    complete(home.database, claim(home.database, 5), timestamp(-8 * 86400))
    complete(home.database, claim(home.database, 3), timestamp(-6 * 86400))
    settings = home.settings.model_copy(update={"keep_jobs_days": days})

    deleted = housekeeping.prune_jobs(dg.build_op_context(), database=home.database, settings=settings)

    assert (deleted, list_jobs(home, count=True)["total"]) == (8 - left, left)


def test_an_atom_whose_job_was_deleted_is_as_it_was(database: Database, client: Any) -> None:
    write(database, "a text", hour=current_hour())
    complete(database, claim(database, 1), LONG_AGO)
    assert prune(database, timestamp()) == 1

    write(database, "a text", uri="file:///again", hour=current_hour())

    assert statuses(client) == []


# ---- as clients see them


def test_a_job_that_is_done_can_be_something_else_again(home: Resources) -> None:
    write(home.database, "a text", hour=current_hour())
    [job_id] = claim(home.database, 1)
    complete(home.database, [job_id], timestamp(), "already embedded")
    before = get_job(home, job_id)

    assert update_job_status(home, job_id.upper(), "Pending")["status"] == "Pending"
    assert claim(home.database, 1) == [job_id]
    complete(home.database, [job_id], before["completedAt"] or "", "already embedded")

    assert get_job(home, job_id) == {**before, "startedAt": before["startedAt"]}
    assert len(list_jobs(home)["jobs"]) == list_jobs(home, count=True)["total"] == 1


@pytest.mark.parametrize("status", ["Pending", "Completed", "Failed"])
@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_a_client_inserts_changes_and_deletes_a_job_by_its_id_in_either_case(
    home: Resources, client: Any, status: str, case: Callable[[str], str]
) -> None:
    job_id = str(uuid.uuid4())
    client.cursor().execute(BY_HAND, (case(job_id), "Report", '{"a":1}', 3, status, LONG_AGO))
    client.commit()

    seen = "SELECT JobType, Parameters, TenantId, Status, AttemptCount, Result FROM BackgroundJob WHERE JobId = ?"
    assert [tuple(row.values()) for row in rows(client, seen, case(job_id))] == [
        ("Report", '{"a":1}', 3, status, 0, None)
    ]
    for change in ("Completed", "Pending", "Completed", "Failed"):
        client.cursor().execute(
            "UPDATE BackgroundJob SET Status = ?, Result = ? WHERE JobId = ?", (change, f"was {change}", case(job_id))
        )
        client.commit()
        job = get_job(home, job_id)
        assert (job["status"], job["result"], job["createdAt"]) == (change, f"was {change}", LONG_AGO)
        assert statuses(client) == [change]
    client.cursor().execute("DELETE FROM BackgroundJob WHERE JobId = ?", (case(job_id),))
    client.commit()
    assert statuses(client) == []


def test_a_job_of_the_database_keeps_its_id_whatever_a_client_changes(home: Resources, client: Any) -> None:
    write(home.database, "a text", hour=current_hour())
    [job] = list_jobs(home)["jobs"]

    for change in ("CreatedAt = '2026-01-02T03:04:05.678Z'", "AtomId = NULL", "Status = 'Completed'", "TenantId = 0"):
        client.cursor().execute(f"UPDATE BackgroundJob SET {change}")
        client.commit()

    found = get_job(home, job["jobId"])
    assert [found[name] for name in ("jobId", "createdAt", "atomId", "status", "parameters")] == [
        job["jobId"],
        LONG_AGO,
        None,
        "Completed",
        job["parameters"],
    ]


@pytest.mark.parametrize("status", ["Pending", "Completed"])
def test_an_id_that_is_there_is_refused(database: Database, client: Any, status: str) -> None:
    job_id = str(uuid.uuid4())
    client.cursor().execute(BY_HAND, (job_id, "Report", "{}", 0, status, LONG_AGO))
    client.commit()

    with pytest.raises(Exception, match=r"(?i)unique|there is a job of this JobId|duplicate"):
        client.cursor().execute(BY_HAND, (job_id.upper(), "Report", "{}", 0, "Pending", LONG_AGO))
    client.rollback()
    assert statuses(client) == [status]


def test_a_time_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()

    with pytest.raises(sqlite3.IntegrityError, match="a time is such as 2026-11-23"):
        database.connection().execute(BY_HAND, ("a", "b", "{}", 0, "Pending", "yesterday"))
    database.close()


# ---- bytes


def test_a_completed_job_costs_at_most_110_bytes_in_sqlite(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    n = 5_000
    insert = "INSERT INTO Atom (TenantId, Modality, ContentHash, InsertedByHand) VALUES (0, 'text', ?, 0)"
    with database.unit_of_work() as unit_of_work:
        unit_of_work.connection.executemany(insert, ((number.to_bytes(32, "big"),) for number in range(n)))  # type: ignore[attr-defined]
    while ids := claim(database, 1024):
        assert complete(database, ids, timestamp()) == len(ids)

    assert list_jobs_by_status(database) == {"Completed": n}
    client = database.connection()
    [free], [page] = (client.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    client.execute("DELETE FROM DoneJob")
    assert (client.execute("PRAGMA freelist_count").fetchone()[0] - free) * page <= 110 * n
    database.close()


def list_jobs_by_status(database: Database) -> dict[str, int]:
    with database.read() as unit_of_work:
        return {row["status"]: row["n"] for row in unit_of_work.query("stats_jobs", tenant_id=None)}
