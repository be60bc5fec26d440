"""Jobs: claimed with a lease by one run at a time, counted when taken, never lost with the process that held them."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hartonomous_assets import job_claims
from hartonomous_assets.stage import Work
from hartonomous_core.clock import timestamp
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import Database, Row
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.giving_up import dead_letter_job
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.queue_leases import claim_queue
from hartonomous_service.clock_check import find_work_after_now
from tests.backends import Store
from tests.builders import HOUR, claim_sources, dead_letters, write
from tests.processes import in_processes, start_and_kill

EXPIRED = -1.0


def claim(
    database: Database,
    owner: str,
    n: int = 100,
    lease: float = 60.0,
    hour: str = HOUR,
    attempts: tuple[int, int] = (0, 5),
) -> list[Row]:
    """Claim jobs for `lease` seconds; a lease below zero has run out already."""
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.query(
            "claim_jobs",
            hour=hour,
            job_type="GenerateEmbedding",
            owner=owner,
            now=timestamp(),
            lease_until=timestamp(lease),
            least_attempts=attempts[0],
            most_attempts=attempts[1],
            n=n,
            model_ids=None,
        )


def execute(database: Database, statement: str, **parameters: object) -> int:
    with database.unit_of_work() as unit_of_work:
        return unit_of_work.execute(statement, **parameters)


def query(database: Database, statement: str, **parameters: object) -> list[Row]:
    with database.read() as unit_of_work:
        return unit_of_work.query(statement, **parameters)


def ids(jobs: Sequence[Row]) -> str:
    return json.dumps([job["jobId"] for job in jobs])


def all_jobs(database: Database) -> list[Row]:
    """Every job, in order."""
    return query(database, "jobs", tenant_id=None, job_id=None, status=None, after=None, n=1000)[::-1]


def states(database: Database) -> list[tuple[Any, ...]]:
    """Status, attempts and result of every job, in order."""
    return [(job["status"], job["attemptCount"], job["result"]) for job in all_jobs(database)]


@pytest.fixture
def one_job(database: Database) -> Database:
    """The database with a single job."""
    write(database, "only one")
    return database


def test_a_claim_takes_the_job_and_counts_the_attempt(one_job: Database) -> None:
    (job,) = claim(one_job, "me")

    assert (job["attemptCount"], job["tenantId"]) == (1, 0)
    assert states(one_job) == [("InProgress", 1, None)]


def test_a_claimed_job_is_nobody_elses_while_the_lease_holds(one_job: Database) -> None:
    claim(one_job, "me")

    assert claim(one_job, "you") == []
    assert query(one_job, "has_claimable_jobs", hour=HOUR, job_type="GenerateEmbedding", now=timestamp()) == []


def test_a_job_whose_lease_ran_out_can_be_claimed_and_the_attempt_is_counted(one_job: Database) -> None:
    (mine,) = claim(one_job, "me", lease=EXPIRED)
    assert query(one_job, "has_claimable_jobs", hour=HOUR, job_type="GenerateEmbedding", now=timestamp())

    (yours,) = claim(one_job, "you")

    assert (yours["jobId"], yours["attemptCount"]) == (mine["jobId"], 2)


def test_a_job_whose_lease_is_renewed_stays_with_its_owner(one_job: Database) -> None:
    jobs = claim(one_job, "me", lease=EXPIRED)

    assert execute(one_job, "renew_job_leases", job_ids=ids(jobs), owner="me", lease_until=timestamp(60)) == 1

    assert claim(one_job, "you") == []
    assert states(one_job) == [("InProgress", 1, None)]


def test_whoever_lost_a_job_can_neither_complete_nor_release_nor_keep_it(one_job: Database) -> None:
    jobs = claim(one_job, "me", lease=EXPIRED)
    claim(one_job, "you")

    changed = [
        execute(one_job, "complete_jobs", job_ids=ids(jobs), owner="me", now=timestamp(), result=None),
        execute(one_job, "release_jobs", job_ids=ids(jobs), owner="me"),
        execute(one_job, "renew_job_leases", job_ids=ids(jobs), owner="me", lease_until=EXPIRED),
        execute(one_job, "return_jobs", job_ids=json.dumps([jobs[0]["jobId"]]), owner="me", reason="no"),
        execute(
            one_job, "refuse_jobs", job_ids=json.dumps([jobs[0]["jobId"]]), owner="me", now=timestamp(), reason="no"
        ),
    ]

    assert changed == [0, 0, 0, 0, 0]
    assert states(one_job) == [("InProgress", 2, None)]


def test_a_claim_takes_at_most_n_jobs_of_its_hour_with_attempts_in_its_range(database: Database) -> None:
    write(database, *(f"sentence {n}" for n in range(5)))
    write(database, "of another hour", uri="file:///other", hour="2026-01-01-01:00")
    assert len(claim(database, "me", n=2, lease=EXPIRED)) == 2

    assert len(claim(database, "fresh only", attempts=(0, 0))) == 3
    assert len(claim(database, "tried before only", attempts=(1, 5))) == 2
    assert len(claim(database, "other hour", hour="2026-01-01-01:00")) == 1


def test_what_a_dead_process_held_comes_before_what_is_new_and_what_failed_twice_comes_last_alone(
    make_home: Callable[..., Resources],
) -> None:
    home = make_home()
    write(home.database, *(f"of the dead {n}" for n in range(3)))
    held = {job["jobId"] for job in claim(home.database, "dead", lease=EXPIRED)}
    [twice] = [job["jobId"] for job in claim(home.database, "dead", n=1, lease=EXPIRED)]
    once = sorted(held - {twice})
    write(home.database, *(f"new {n}" for n in range(3)), uri="file:///new")
    work = Work(HOUR, "run", home, "me")

    taken = [sorted(job["jobId"] for job in job_claims.claim(work, "GenerateEmbedding", 2)) for _ in range(4)]

    new = [job["jobId"] for job in all_jobs(home.database) if job["jobId"] not in {*once, twice}]
    assert taken[0] == once
    assert sorted(taken[1] + taken[2]) == sorted(new)
    assert taken[3] == [twice]


def claim_with_others(index: int, store: Store) -> list[str]:
    """Claim two at a time until nothing is left."""
    database, mine = store.open(), []
    while jobs := claim(database, f"owner {index}", n=2):
        mine += [job["jobId"] for job in jobs]
        time.sleep(0.005)  # as if working: gives the others their turn
    return mine


@pytest.mark.slow
def test_processes_that_claim_at_once_never_get_the_same_job(store: Store, database: Database) -> None:
    write(database, *(f"sentence {n}" for n in range(200)))

    shares = in_processes(4, claim_with_others, store)

    claimed = [job for share in shares for job in share]
    assert len(claimed) == len(set(claimed)) == 200
    assert sum(1 for share in shares if share) > 1, "one process did it all: this run tested nothing"


def test_a_completed_job_is_not_claimed_again(one_job: Database) -> None:
    jobs = claim(one_job, "me")

    assert execute(one_job, "complete_jobs", job_ids=ids(jobs), owner="me", now=timestamp(), result=None) == 1
    assert claim(one_job, "you") == []
    assert states(one_job) == [("Completed", 1, None)]


def test_a_released_job_is_free_at_once_and_its_attempt_does_not_count(one_job: Database) -> None:
    execute(one_job, "release_jobs", job_ids=ids(claim(one_job, "me")), owner="me")

    assert states(one_job) == [("Pending", 0, None)]
    assert len(claim(one_job, "you")) == 1


def test_a_returned_job_is_free_at_once_and_its_attempt_counts(one_job: Database) -> None:
    (job,) = claim(one_job, "me")

    execute(one_job, "return_jobs", job_ids=json.dumps([job["jobId"]]), owner="me", reason="broken text")

    assert states(one_job) == [("Pending", 1, "broken text")]
    assert len(claim(one_job, "you")) == 1


def test_a_job_is_exhausted_after_five_attempts_and_goes_to_the_dead_letters(one_job: Database) -> None:
    attempts = [claim(one_job, "me", lease=EXPIRED)[0]["attemptCount"] for _ in range(5)]
    assert attempts == [1, 2, 3, 4, 5]
    assert claim(one_job, "me") == []

    (exhausted,) = query(one_job, "exhausted_jobs", hour=HOUR, job_type="GenerateEmbedding", now=timestamp())
    with one_job.unit_of_work() as unit_of_work:
        dead_letter_job(unit_of_work, exhausted, "killed each time")

    (letter,) = dead_letters(one_job)
    assert [letter[name] for name in ("kind", "jobId", "tenantId", "reason", "attemptCount")] == [
        "job",
        exhausted["jobId"],
        0,
        "killed each time",
        5,
    ]
    assert states(one_job) == [("DeadLettered", 5, "killed each time")]
    assert query(one_job, "exhausted_jobs", hour=HOUR, job_type="GenerateEmbedding", now=timestamp()) == []


def test_the_fifth_attempt_is_left_to_its_run_while_the_lease_holds(one_job: Database) -> None:
    for _ in range(4):
        claim(one_job, "me", lease=EXPIRED)
    claim(one_job, "me", lease=60)

    assert query(one_job, "exhausted_jobs", hour=HOUR, job_type="GenerateEmbedding", now=timestamp()) == []


def test_a_refused_job_can_be_retried_by_its_own_tenant_only(one_job: Database) -> None:
    (job,) = claim(one_job, "me")
    execute(
        one_job, "refuse_jobs", job_ids=json.dumps([job["jobId"]]), owner="me", now=timestamp(), reason="no such model"
    )
    assert states(one_job) == [("Failed", 1, "no such model")]

    assert execute(one_job, "retry_job", job_id=job["jobId"], tenant_id=1) == 0
    assert execute(one_job, "retry_job", job_id=job["jobId"], tenant_id=0) == 1
    assert states(one_job) == [("Pending", 0, None)]


def claim_and_hang(ready: Callable[[], None], store: Store) -> None:
    database = store.open()
    owner = str(this_process())
    assert len(claim(database, owner, n=2, lease=3600)) == 2
    with database.unit_of_work() as unit_of_work:
        assert claim_sources(unit_of_work, owner, lease_seconds=3600)
    ready()
    time.sleep(60)


def test_claims_of_a_killed_process_are_free_at_once_and_those_of_the_living_are_not(
    store: Store, database: Database
) -> None:
    write(database, "a", "b", "c")
    start_and_kill(claim_and_hang, store)
    (alive,) = claim(database, str(this_process()))

    assert release_dead_claims(database) == 1

    freed = claim(database, "next")
    assert sorted(job["attemptCount"] for job in freed) == [2, 2]
    assert alive["jobId"] not in {job["jobId"] for job in freed}
    with database.unit_of_work() as unit_of_work:
        (source,) = claim_sources(unit_of_work, "next")
    assert source["attemptCount"] == 2


def test_what_a_killed_process_had_claimed_is_no_fault_of_the_clock(store: Store, database: Database) -> None:
    write(database, "a", "b")
    start_and_kill(claim_and_hang, store)
    settings = Settings(lease_seconds=3600)  # of the claim itself
    assert find_work_after_now(database, settings) is None, "a claim that holds"

    assert release_dead_claims(database) == 1

    assert find_work_after_now(database, settings) is None


def test_claims_of_another_host_are_left_to_their_lease(one_job: Database) -> None:
    claim(one_job, "some-other-host/1/1/1")

    assert release_dead_claims(one_job) == 0
    assert claim(one_job, "you") == []


def test_the_latest_lease_is_that_of_the_longest_claim(one_job: Database) -> None:
    assert query(one_job, "latest_lease") == [{"leaseUntil": None}]

    before = timestamp(60)
    claim(one_job, "me")

    [row] = query(one_job, "latest_lease")
    assert before <= row["leaseUntil"] <= timestamp(60)


def test_the_lease_of_a_queue_may_be_the_latest_one(one_job: Database) -> None:
    claim(one_job, "me")
    with one_job.unit_of_work() as unit_of_work:
        lease = claim_queue(unit_of_work, PROVENANCE_QUEUE, "me", 120)

    assert lease and query(one_job, "latest_lease") == [{"leaseUntil": lease.until}]
