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
from hartonomous_resources.resources import Resources, database_of, open_database, open_graph
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import answering_model, source_of
from hartonomous_resources.work.job_handlers import known_job_types
from hartonomous_service import daemon
from hartonomous_service.clock_check import find_clock_before_database, find_work_after_now
from hartonomous_service.dagster_home import has_instance
from hartonomous_service.figures import Waiting, waiting_work
from hartonomous_service.home_database import require_database
from hartonomous_service.lineage.queries import WRITE_GRAPH
from hartonomous_service.model_check import active_text_models, describe_difference, first_active
from hartonomous_service.models_in_use import ModelsInUse
from hartonomous_service.named_text_models import find_text_models

HEALTHY, DEGRADED, UNHEALTHY = "healthy", "degraded", "unhealthy"

Outcome = tuple[str, str]

_LONG_SECONDS = 900.0
"""Work that has waited for so long is told of: nobody may be there to do it."""


@dataclass(frozen=True, slots=True)
class _Counts:
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


def check_health(settings: Settings, tenant: int | None = None, *, needs_daemon: bool = False) -> dict[str, Any]:
    """Run every check; returns {"status", "checks": [{"name", "status", "detail", "durationMs"}]}, the status the worst of all.

    With a `tenant`, counts are its own, and what all tenants share is told of without any.
    Who takes in work that it does not do itself, as the server does, needs a daemon: without one the home is degraded.
    """
    in_use = ModelsInUse(settings)  # read by _database
    counted: list[_Counts] = []  # by _database: a server that is down is waited for once
    sensors: list[daemon.Sensor] = []  # by _sensor: Dagster's storage is opened once
    checks = [
        run_check(_database, settings, counted, in_use, tenant),
        run_check(_graph, settings, counted),
        run_check(_text_model, in_use, counted),
        run_check(_compute, in_use.settings, tenant),
        *(run_check(check, counted) for check in (_queues, _oldest_work, _dead_letters, _jobs, _clock)),
        run_check(_sensor, settings, counted, sensors),
        run_check(_disk, settings),
        run_check(_daemon, settings, sensors, needs_daemon),
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


def _database(settings: Settings, counted: list[_Counts], in_use: ModelsInUse, tenant: int | None) -> Outcome:
    require_database(settings)
    with closing(open_database(settings)) as database:
        in_use.read(database)
        clock = _check_clock(database, settings)
        read = partial(_read_counts, clock=clock, models=in_use.models.found, tenant=tenant)
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
    unit_of_work: UnitOfWork, clock: Outcome, models: Sequence[ModelIdentity], tenant: int | None
) -> tuple[_Counts, list[str], str]:
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
    active, other = active_text_models(unit_of_work), None
    found = first_active(unit_of_work, models, active) if models else None
    answering = answering_model(active)
    if models and answering and (found is None or found[1] != answering["modelId"]):
        other = f"{source_of(answering)} is another model than the one whose vectors are here"
    elif models and active and found is None:
        other = describe_difference(models, active)
    counts = _Counts(
        tenant, dead_letters, failed_jobs, waiting_jobs, clock, messages, waiting_work(unit_of_work), other
    )
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


def _graph(settings: Settings, counted: list[_Counts]) -> Outcome:
    if settings.neo4j_uri is None:
        return (HEALTHY, "views of the database") if counted else (UNHEALTHY, "not known: the database does not answer")
    if not counted:
        return UNHEALTHY, "not known: the database does not answer, which says whether the graph is its own"
    with closing(database_of(settings)) as database, closing(open_graph(settings, database)) as graph:
        try:
            nodes, _ = graph.counts(counted[0].tenant)
        except Exception as error:  # noqa: BLE001 - without the graph the rest still works: degraded, not unhealthy
            return DEGRADED, f"{error}; events wait on ProvenanceQueue"
        if not nodes and _is_to_be_written(database):
            return DEGRADED, f"{graph.name} holds nothing yet: {WRITE_GRAPH}"
        return HEALTHY, f"{graph.name}: {sum(nodes.values()):,} nodes"


def _is_to_be_written(database: Database) -> bool:
    """Return whether a graph lacks atoms of which no waiting event tells."""
    waiting = query(database, "queue_has_message", queue=PROVENANCE_QUEUE)
    return not waiting and bool(TableGraph(database).counts(None)[0].get("Atom"))


def _text_model(in_use: ModelsInUse, counted: list[_Counts]) -> Outcome:
    problem = in_use.models.problem or (counted[0].other_model if counted else None)
    problems = [problem] if problem else []
    for name, settings in in_use.beside.items():
        if missing := find_text_models(settings).problem:
            problems.append(f"{name}: {missing}: its jobs wait")
    return (DEGRADED, "; ".join(problems)) if problems else (HEALTHY, in_use.models.detail)


def _compute(settings: Settings, tenant: int | None) -> Outcome:
    if settings.compute == "in_process":
        return HEALTHY, "each process embeds itself"
    if settings.compute == "api":
        return _api(settings, tenant)
    from hartonomous_resources.compute.worker.worker_client import WorkerClient

    with closing(WorkerClient(settings.home, wait_seconds=0)) as worker:
        try:
            found = worker.health()
        except ComputeUnavailable:
            if settings.compute == "auto":
                return HEALTHY, "no worker answers: each process embeds itself"
            said = "no worker answers: start `hartonomous gpu-worker`"
            if settings.compute_fallback == "in_process":
                return DEGRADED, f"{said}; meanwhile each process embeds itself"
            return DEGRADED, f"{said}; meanwhile nothing is embedded, and search by meaning fails"
    return HEALTHY, f"a worker embeds ({found.device}), for {found.seconds:,.0f} s now"


def _api(settings: Settings, tenant: int | None) -> Outcome:
    from hartonomous_resources.compute.api.api_compute import ApiCompute

    with closing(ApiCompute(settings)) as compute:
        try:
            problem = compute.budget_problem()
        except ComputeUnavailable as error:
            problem = str(error)
        if problem:
            return DEGRADED, f"{problem}; meanwhile nothing is embedded, and search by meaning fails"
        return HEALTHY, "an API embeds" if tenant is not None else f"embeds {compute.device()}"


def _queues(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    stuck = counted[0].messages
    if stuck and counted[0].tenant is not None:
        return DEGRADED, "messages are received in vain, or lie where nobody receives them"
    return (DEGRADED, "; ".join(stuck)) if stuck else (HEALTHY, "no message was received in vain")


def _oldest_work(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
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


def _dead_letters(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
    if n := counted[0].dead_letters:
        return DEGRADED, f"{n:,} dead letters: `hartonomous dead-letters list{_whose(counted[0])}` says why"
    return HEALTHY, "none"


def _jobs(counted: list[_Counts]) -> Outcome:
    if not counted:
        return UNHEALTHY, "not known: the database does not answer"
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


def _whose(counts: _Counts) -> str:
    return " --all-tenants" if counts.tenant is None else f" --tenant {counts.tenant}"


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


def _sensor(settings: Settings, counted: list[_Counts], sensors: list[daemon.Sensor]) -> Outcome:
    if not has_instance(settings):
        return HEALTHY, "none has run here: `hartonomous ingest` does the work itself"
    try:
        sensor = daemon.read_stored_sensor(settings)
    except Exception as error:  # noqa: BLE001 - whoever may not write the home asks, too; what is stored there is read and searched without
        return DEGRADED, f"not known: Dagster's storage cannot be opened: {error}"
    sensors.append(sensor)
    if sensor.is_off:
        return DEGRADED, "it is switched off: switch it on on Dagster's page"
    if sensor.looked_at is None:
        return HEALTHY, "it has not looked for work yet"
    ago = max(0.0, time.time() - sensor.looked_at)
    said = f"it looked for work {ago:,.0f} s ago"
    if sensor.has_failed:
        return DEGRADED, f"{said}, and has failed since: Dagster's page says why"
    waits = max((each.seconds for each in counted[0].oldest.values()), default=0.0) if counted else 0.0
    if min(ago, waits) > daemon.SILENT_SECONDS:
        return DEGRADED, f"{said}, and work has waited for longer than a look takes: start the daemon"
    return HEALTHY, said


def _daemon(settings: Settings, sensors: list[daemon.Sensor], needs_daemon: bool) -> Outcome:
    if daemon.daemon_is_running(settings):
        if fault := daemon.find_daemon_fault(settings, sensors[0] if sensors else daemon.read_stored_sensor(settings)):
            return UNHEALTHY, f"the daemon is running, but {fault}"
        return HEALTHY, "running"
    if needs_daemon and not any(
        sensor.looked_lately for sensor in sensors
    ):  # one elsewhere, of the same storage, looks, too
        return DEGRADED, daemon.NO_DAEMON
    return (
        HEALTHY,
        "not running: `hartonomous ingest` does the work itself; `hartonomous dev` starts the page and the sensor",
    )
