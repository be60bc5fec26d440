"""Checks everything that a home needs, and says what to do about each problem, for `hartonomous health`."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from hartonomous_core.credentials import without_credentials
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.database_errors import ReadOnlyDatabase
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.disk_space import free_bytes, lacks_space
from hartonomous_resources.graph.table_graph import TableGraph
from hartonomous_resources.resources import Resources, database_of, open_compute, open_database, open_graph
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.job_handlers import known_job_types
from hartonomous_service.clock_check import find_clock_before_database, find_work_after_now
from hartonomous_service.daemon import daemon_is_running, find_daemon_fault
from hartonomous_service.figures import Waiting, waiting_work
from hartonomous_service.lineage.queries import WRITE_GRAPH
from hartonomous_service.model_check import active_text_models, describe_difference, first_active

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

Outcome = tuple[str, str]

_LONG_SECONDS = 900.0
"""Work that has waited for so long is told of: nobody may be there to do it."""


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counts of what needs attention in all tenants; `waiting` are Pending jobs by type, `messages` a sentence each, `oldest` by kind."""

    dead_letters: int
    failed_jobs: int
    waiting: Mapping[str, int]
    clock: Outcome
    messages: Sequence[str]
    oldest: Mapping[str, Waiting]
    other_model: str | None


def check_health(settings: Settings) -> dict[str, Any]:
    """Run every check; returns {"status", "checks": [{"name", "status", "detail", "durationMs"}]}, the status the worst of all."""
    models = _TextModels.of(settings)
    counted: list[_Counts] = []  # by _database: a server that is down is waited for once
    checks = [
        run_check(_database, settings, counted, models.found),
        run_check(_graph, settings, counted),
        run_check(_text_model, models, counted),
        *(run_check(check, counted) for check in (_queues, _oldest_work, _dead_letters, _jobs, _clock)),
        *(run_check(check, settings) for check in (_disk, _daemon)),
    ]
    return {"status": worst_of(checks), "checks": checks}


def require_readable(resources: Resources) -> None:
    """Ask the database for the least; raises what says that it cannot be read."""
    query(resources.database, "schema")


def worst_of(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return the worst status of checks."""
    return max((str(check["status"]) for check in checks), key=(HEALTHY, DEGRADED, UNHEALTHY).index)


def run_check(check: Callable[..., Outcome], *given: object) -> dict[str, Any]:
    """Run one check; returns {"name", "status", "detail", "durationMs"}. The name is the function's, what it raises its detail."""
    started = time.perf_counter()
    try:
        status, detail = check(*given)
    except Exception as error:  # noqa: BLE001 - whatever a check meets is what it has to report
        status, detail = UNHEALTHY, f"{type(error).__name__}: {error}"
    detail = without_credentials(detail)
    milliseconds = round((time.perf_counter() - started) * 1000, 1)
    return {
        "name": check.__name__.removeprefix("check_").strip("_"),
        "status": status,
        "detail": detail,
        "durationMs": milliseconds,
    }


def _database(settings: Settings, counted: list[_Counts], models: Sequence[ModelIdentity]) -> Outcome:
    with closing(open_database(settings)) as database:
        read = partial(_read_counts, clock=_check_clock(database, settings), models=models)
        unable: ReadOnlyDatabase | None = None
        try:
            counts, faults, state = transact(database, read)
        except ReadOnlyDatabase as error:
            counts, faults, state = ask(database, read)
            unable = error
    counted.append(counts)
    if faults:
        return UNHEALTHY, f"{database.name}: {'; '.join(faults)}"
    if unable:
        return DEGRADED, f"{unable}: nothing is taken in, and what waits is not done; {state}"
    return HEALTHY, f"{database.name}: writable, {state}"


def _read_counts(
    unit_of_work: UnitOfWork, clock: Outcome, models: Sequence[ModelIdentity]
) -> tuple[_Counts, list[str], str]:
    """Return the counts, the faults of the database, and its state in words."""
    depths = {row["queue"]: row["depth"] for row in unit_of_work.query("queue_depths")}
    faults = [f"{row['fault']}: {row['remedy']}" for row in unit_of_work.query("database_faults")]
    migrations = unit_of_work.query("schema")[0]["migrations"]
    dead_letters = unit_of_work.query("dead_letter_count", tenant_id=None, hour=None)[0]["n"]
    failed_jobs = unit_of_work.query("failed_job_count")[0]["n"]
    waiting_jobs = {row["jobType"]: row["n"] for row in unit_of_work.query("waiting_job_types")}
    messages = _stuck_messages(unit_of_work, depths)
    waiting = ", ".join(f"{queue} {depth:,}" for queue, depth in depths.items()) or "queues empty"
    active, other = active_text_models(unit_of_work), None
    if models and active and first_active(unit_of_work, models, active) is None:
        other = describe_difference(models, active)
    counts = _Counts(dead_letters, failed_jobs, waiting_jobs, clock, messages, waiting_work(unit_of_work), other)
    return counts, faults, f"schema version {migrations}, {waiting}"


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


def _graph(settings: Settings, counted: list[_Counts]) -> Outcome:
    if settings.neo4j_uri is None:
        return (HEALTHY, "views of the database") if counted else (UNHEALTHY, "not known: the database does not answer")
    if not counted:
        return UNHEALTHY, "not known: the database does not answer, which says whether the graph is its own"
    with closing(database_of(settings)) as database, closing(open_graph(settings, database)) as graph:
        try:
            nodes, _ = graph.counts(None)
        except Exception as error:  # noqa: BLE001 - without the graph the rest still works: degraded, not unhealthy
            return DEGRADED, f"{error}; events wait on ProvenanceQueue"
        if not nodes and _is_to_be_written(database):
            return DEGRADED, f"{graph.name} holds nothing yet: {WRITE_GRAPH}"
        return HEALTHY, f"{graph.name}: {sum(nodes.values()):,} nodes"


def _is_to_be_written(database: Database) -> bool:
    """Return whether a graph lacks atoms of which no waiting event tells."""
    waiting = query(database, "queue_has_message", queue=PROVENANCE_QUEUE)
    return not waiting and bool(TableGraph(database).counts(None)[0].get("Atom"))


@dataclass(frozen=True, slots=True)
class _TextModels:
    """The text models that the settings name, as their files are; `problem` says why there are none, `detail` where they are."""

    found: Sequence[ModelIdentity]
    detail: str
    problem: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "_TextModels":
        """Read the digests of the files. Nothing is fetched or built."""
        from hartonomous_resources.compute.text_model import text_model_is_ready

        ready = dict.fromkeys(
            text_model_is_ready(
                settings.model_dir, model=settings.text_model, precision=precision, engine=settings.text_engine
            )
            for precision in settings.text_precisions
        )
        detail = "; ".join(said for _, said in ready)
        if not all(is_ready for is_ready, _ in ready):
            return cls((), detail, detail)
        with closing(open_compute(settings)) as compute:
            try:
                return cls([model for model in compute.models() if model.modality == "text"], detail)
            except ComputeUnavailable as error:
                return cls((), detail, str(error))


def _text_model(models: _TextModels, counted: list[_Counts]) -> Outcome:
    problem = models.problem or (counted[0].other_model if counted else None)
    return (DEGRADED, problem) if problem else (HEALTHY, models.detail)


def _queues(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    stuck = counted[0].messages
    return (DEGRADED, "; ".join(stuck)) if stuck else (HEALTHY, "no message was received in vain")


def _oldest_work(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    told = [
        f"{kind}: {each.count:,}, the oldest for {each.seconds:,.0f} s"
        for kind, each in counted[0].oldest.items()
        if each.count
    ]
    if any(each.seconds > _LONG_SECONDS for each in counted[0].oldest.values()):
        return (
            DEGRADED,
            f"{'; '.join(told)}: see that `hartonomous dev` or the daemon runs, or run `hartonomous ingest`",
        )
    return HEALTHY, "; ".join(told) or "nothing waits"


def _dead_letters(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    if n := counted[0].dead_letters:
        return DEGRADED, f"{n:,} dead letters: `hartonomous dead-letters list --all-tenants` says why"
    return HEALTHY, "none"


def _jobs(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    [counts] = counted
    known = known_job_types()
    told = [
        f"{n:,} of type {name} wait for whoever does them" for name, n in counts.waiting.items() if name not in known
    ]
    if n := counts.failed_jobs:
        return DEGRADED, "; ".join(
            [f"{n:,} failed: `hartonomous jobs list --status Failed --all-tenants` says why", *told]
        )
    return HEALTHY, "; ".join(told) or "none failed"


def _check_clock(database: Database, settings: Settings) -> Outcome:
    if problem := find_clock_before_database(database):
        return UNHEALTHY, problem
    if problem := find_work_after_now(database, settings):
        return DEGRADED, problem
    return HEALTHY, "nothing in the database waits for a later time"


def _clock(counted: list[_Counts]) -> Outcome:
    return counted[0].clock if counted else (UNHEALTHY, "not known: the database does not answer")


def _disk(settings: Settings) -> Outcome:
    free = free_bytes(settings.home)
    if lacks_space(settings.home):
        return DEGRADED, f"only {free / 1024**3:.1f} GiB free at {settings.home}"
    return HEALTHY, f"{free / 1024**3:.1f} GiB free at {settings.home}"


def _daemon(settings: Settings) -> Outcome:
    if daemon_is_running(settings):
        from hartonomous_service.dagster_home import get_instance

        with get_instance(settings) as instance:
            fault = find_daemon_fault(settings, instance)
        if fault:
            return UNHEALTHY, f"the daemon is running, but {fault}"
        return HEALTHY, "running"
    return (
        HEALTHY,
        "not running: `hartonomous ingest` does the work itself; `hartonomous dev` starts the page and the sensor",
    )
