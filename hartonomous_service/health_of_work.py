"""What health says of work: messages, jobs and dead letters that wait or have failed. The database is read once, for all checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.job_handlers import known_job_types
from hartonomous_service.check_outcomes import DEGRADED, HEALTHY, UNHEALTHY, UNKNOWN, Outcome
from hartonomous_service.clock_check import find_clock_before_database, find_work_after_now
from hartonomous_service.figures import Waiting, waiting_work
from hartonomous_service.model_check import find_difference

_LONG_SECONDS = 900.0
"""Work that has waited for so long is told of: nobody may be there to do it."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of what needs attention in all tenants; `waiting` are Pending jobs by type, `messages` a sentence each, `oldest` by kind.

    With a `tenant` they are for its eyes: dead letters and failed jobs are its own, of the others is only said whether something is wrong.
    """

    tenant: int | None
    dead_letters: int
    failed_jobs: int
    waiting: Mapping[str, int]
    clock: Outcome
    messages: Sequence[str]
    oldest: Mapping[str, Waiting]
    other_model: str | None


def read_counts(
    unit_of_work: UnitOfWork, clock: Outcome, models: Sequence[ModelIdentity], tenant: int | None
) -> tuple[Counts, list[str], str]:
    """Return the counts, the faults of the database, and its state in words."""
    depths = {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}
    faults = [f"{row['fault']}: {row['remedy']}" for row in unit_of_work.query("database_faults")]
    migrations = unit_of_work.query("schema")[0]["migrations"]
    dead_letters = unit_of_work.query("dead_letter_count", tenant_id=tenant, hour=None)[0]["n"]
    if tenant is None:
        failed_jobs = unit_of_work.query("failed_job_count")[0]["n"]
    else:
        failed_jobs = unit_of_work.query("job_count", tenant_id=tenant, status="Failed")[0]["n"]
    waiting_jobs = {row["jobType"]: row["n"] for row in unit_of_work.query("waiting_job_types")}
    messages = _stuck_messages(unit_of_work, depths)
    waiting = ", ".join(f"{queue} {depth:,}" for queue, depth in depths.items()) or "queues empty"
    oldest, other = waiting_work(unit_of_work), find_difference(unit_of_work, models)
    counts = Counts(tenant, dead_letters, failed_jobs, waiting_jobs, clock, messages, oldest, other)
    return counts, faults, f"schema version {migrations}" + (f", {waiting}" if tenant is None else "")


def _stuck_messages(unit_of_work: UnitOfWork, depths: dict[str, int]) -> list[str]:
    """Describe messages that were received in vain, and messages on a queue that nobody reads, a sentence each."""
    failed = [
        f"{row['queue']}: {row['messages']:,} messages were received in vain, up to {row['attempts']} times since {row['since']}, and "
        f"are tried again: {str(row['reason']).partition(':')[0]}"
        for row in unit_of_work.query("failed_receives")
    ]
    lost = {queue: n for queue, n in depths.items() if queue not in (INGESTION_QUEUE, PROVENANCE_QUEUE)}
    return failed + [
        f"{n:,} messages lie on {queue!r}, which nobody receives from: correct QueueMessage.Queue, or delete them"
        for queue, n in lost.items()
    ]


def check_queues(counted: list[Counts]) -> Outcome:
    if not counted:
        return UNKNOWN
    stuck = counted[0].messages
    if stuck and counted[0].tenant is not None:
        return DEGRADED, "messages are received in vain, or lie where nobody receives them"
    return (DEGRADED, "; ".join(stuck)) if stuck else (HEALTHY, "no message was received in vain")


def check_oldest_work(counted: list[Counts]) -> Outcome:
    if not counted:
        return UNKNOWN
    is_late = any(each.seconds > _LONG_SECONDS for each in counted[0].oldest.values())
    if counted[0].tenant is not None:
        waited = f"work has waited for more than {_LONG_SECONDS / 60:.0f} minutes"
        return (DEGRADED, waited) if is_late else (HEALTHY, f"no {waited}")
    told = [
        f"{kind}: {each.count:,}, the oldest for {each.seconds:,.0f} s"
        for kind, each in counted[0].oldest.items()
        if each.count
    ]
    if is_late:
        return (
            DEGRADED,
            f"{'; '.join(told)}: see that `hartonomous dev` or the daemon runs, or run `hartonomous ingest`",
        )
    return HEALTHY, "; ".join(told) or "nothing waits"


def check_dead_letters(counted: list[Counts]) -> Outcome:
    if not counted:
        return UNKNOWN
    if n := counted[0].dead_letters:
        return DEGRADED, f"{n:,} dead letters: `hartonomous dead-letters list{_whose(counted[0])}` says why"
    return HEALTHY, "none"


def check_jobs(counted: list[Counts]) -> Outcome:
    if not counted:
        return UNKNOWN
    [counts] = counted
    known = known_job_types()
    told = [
        f"{n:,} of type {name} wait for whoever does them"
        for name, n in counts.waiting.items()
        if name not in known and counts.tenant is None
    ]
    if n := counts.failed_jobs:
        return DEGRADED, "; ".join(
            [f"{n:,} failed: `hartonomous jobs list --status Failed{_whose(counts)}` says why", *told]
        )
    return HEALTHY, "; ".join(told) or "none failed"


def _whose(counts: Counts) -> str:
    return " --all-tenants" if counts.tenant is None else f" --tenant {counts.tenant}"


def find_clock_problem(database: Database, settings: Settings) -> Outcome:
    if problem := find_clock_before_database(database):
        return UNHEALTHY, problem
    if problem := find_work_after_now(database, settings):
        return DEGRADED, problem
    return HEALTHY, "nothing in the database waits for a later time"


def check_clock(counted: list[Counts]) -> Outcome:
    return counted[0].clock if counted else UNKNOWN
