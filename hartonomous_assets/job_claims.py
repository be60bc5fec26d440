"""Claims background jobs of any type with a lease, renews it, counts the attempt, and completes, releases, returns or gives them up."""

import json
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

from hartonomous_assets.stage import Progress, Work, is_outage
from hartonomous_assets.stage_log import log_failure
from hartonomous_core.clock import timestamp
from hartonomous_core.credentials import without_credentials
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.job_rows import CLAIM_JOBS, EXHAUSTED_JOBS, ClaimedJob, JobInHand
from hartonomous_resources.database.transactions import query, transact
from hartonomous_resources.work.claiming import claim_rows
from hartonomous_resources.work.giving_up import dead_letter_job
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING
from hartonomous_resources.work.publishing import publish

T = TypeVar("T")

_ANY_NUMBER = 2**31 - 1  # of attempts: each job says itself how many it has


def has_jobs(work: Work, job_type: str) -> bool:
    """Return whether the hour holds a job of this type that can be claimed or given up."""
    database = work.resources.database
    return bool(query(database, "has_claimable_jobs", hour=work.hour, job_type=job_type, now=timestamp()))


def work_on_jobs(
    work: Work, job_type: str, batch_size: int, do: Callable[[Sequence[ClaimedJob]], Progress]
) -> Progress:
    """Give up exhausted jobs, claim up to `batch_size` others and do them; no counts when there are none."""
    given_up = give_up_exhausted(work, job_type)
    jobs = claim(work, job_type, batch_size)
    if not jobs:
        return Progress({"dead-lettered": given_up} if given_up else {})
    done = attempt(work, job_type, jobs, lambda: do(jobs))
    return Progress({"failed attempts": len(jobs)}) if done is None else done


def attempt(work: Work, job_type: str, jobs: Sequence[JobInHand], do: Callable[[], T]) -> T | None:
    """Do something for claimed jobs; returns None where it failed.

    An error of the work itself counts as a failed attempt of each job. An outage counts for none and is raised.
    """
    try:
        return do()
    except Exception as error:
        if is_outage(error):
            release(work, jobs)
            raise
        # Some job of the batch caused it: the attempt counts for all, and soon they are claimed one at a time.
        return_failed(work, job_type, jobs, error)
        return None
    except BaseException:  # a signal: the jobs are free again at once
        release(work, jobs)
        raise


def claim(
    work: Work,
    job_type: str,
    batch_size: int,
    model_ids: Collection[int] | None = None,
    *,
    tried_before: bool = True,
) -> list[ClaimedJob]:
    """Claim a batch of jobs: first those that were tried once, as by a process that died, so that they do not wait behind whatever is new.

    Those that failed twice are the last and are claimed one at a time, so that one poisonous text fails no others.

    With `model_ids`, jobs for active models that are not among them are left to runs whose settings name those. Without `tried_before`,
    those that failed twice are left for later, too: what kills its process must be the only thing in it.
    """

    def take(unit_of_work: UnitOfWork) -> list[ClaimedJob]:
        ranges = ((1, 1, batch_size), (0, 0, batch_size), (2, _ANY_NUMBER, 1))
        for least, most, at_most in ranges[: 3 if tried_before else 2]:
            claimed = unit_of_work.query(
                CLAIM_JOBS,
                hour=work.hour,
                job_type=job_type,
                owner=work.owner,
                now=timestamp(),
                lease_until=timestamp(work.resources.settings.lease_seconds),
                least_attempts=least,
                most_attempts=most,
                n=at_most,
                model_ids=None if model_ids is None else json.dumps(list(model_ids)),
            )
            if claimed:
                return claimed
        return []

    return claim_rows(work.resources.database, take, partial(release, work))


def goes_alone(job: ClaimedJob) -> bool:
    """Return whether a claimed job has failed twice before."""
    return job["attemptCount"] > 2


def complete(unit_of_work: UnitOfWork, work: Work, jobs: Sequence[JobInHand], result: str | None = None) -> None:
    """Mark jobs as done, if they are still ours."""
    unit_of_work.execute("complete_jobs", job_ids=_ids(jobs), owner=work.owner, now=timestamp(), result=result)


def refuse(unit_of_work: UnitOfWork, work: Work, jobs: Sequence[JobInHand], reason: str) -> None:
    """Mark jobs as failed for good: they can never succeed, so there is no further attempt."""
    unit_of_work.execute("refuse_jobs", job_ids=_ids(jobs), owner=work.owner, now=timestamp(), reason=reason)


def release(work: Work, jobs: Sequence[JobInHand]) -> None:
    """Give jobs back that are still ours; the attempt is not counted."""
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute("release_jobs", job_ids=_ids(jobs), owner=work.owner),
    )


def renew(work: Work, jobs: Sequence[JobInHand]) -> None:
    """Let the lease of jobs that are still ours begin anew: a process may claim again what it let run out itself."""
    until = timestamp(work.resources.settings.lease_seconds)
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute(
            "renew_job_leases", job_ids=_ids(jobs), owner=work.owner, lease_until=until
        ),
    )


def return_failed(work: Work, job_type: str, jobs: Sequence[JobInHand], error: Exception) -> None:
    """Give jobs back that are still ours; the attempt is counted, and they say what was met."""
    log_failure(work, "atom_embeddings", f"{len(jobs)} jobs of type {job_type}: attempt failed", error)
    reason = without_credentials(f"{type(error).__name__}: {error}")
    transact(
        work.resources.database,
        lambda unit_of_work: unit_of_work.execute("return_jobs", job_ids=_ids(jobs), owner=work.owner, reason=reason),
    )


def give_up_exhausted(work: Work, job_type: str) -> int:
    """Dead-letter the jobs of the hour that have used up their attempts; returns how many."""
    now = timestamp()
    if not query(work.resources.database, "has_exhausted_jobs", hour=work.hour, job_type=job_type, now=now):
        return 0
    return transact(work.resources.database, partial(_give_up_those_left, work=work, job_type=job_type, now=now))


def _give_up_those_left(unit_of_work: UnitOfWork, work: Work, job_type: str, now: str) -> int:
    exhausted = unit_of_work.query(EXHAUSTED_JOBS, hour=work.hour, job_type=job_type, now=now)  # by now perhaps fewer
    if job_type == GENERATE_EMBEDDING:
        publish(unit_of_work, "AtomsEmbedded", [job for job in exhausted if job["atomId"] is not None], work.run_id)
    for job in exhausted:
        why = job["result"] or "the process that worked on it died each time"
        dead_letter_job(unit_of_work, job, f"given up after {job['attemptCount']} attempts: {why}")
    return len(exhausted)


def _ids(jobs: Sequence[JobInHand]) -> str:
    return json.dumps([job["jobId"] for job in jobs])
