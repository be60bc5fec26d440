"""Checks everything that a home needs, and says what to do about each problem, for `hartonomous health`."""

import time
from contextlib import closing
from functools import partial
from typing import Any

from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.database_errors import ReadOnlyDatabase
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask, query, transact
from hartonomous_resources.disk_space import free_bytes, lacks_space
from hartonomous_resources.graph.table_graph import TableGraph
from hartonomous_resources.resources import Resources, database_of, open_database, open_graph
from hartonomous_resources.settings import Settings
from hartonomous_service import daemon
from hartonomous_service.check_outcomes import (
    DEGRADED,
    HEALTHY,
    UNHEALTHY,
    UNKNOWN,
    Outcome,
    run_check,
    worst_of,
)
from hartonomous_service.dagster_home import has_instance
from hartonomous_service.health_of_models import check_compute, check_device, check_text_model
from hartonomous_service.health_of_work import (
    Counts,
    check_clock,
    check_dead_letters,
    check_jobs,
    check_oldest_work,
    check_queues,
    find_clock_problem,
    read_counts,
)
from hartonomous_service.home_database import require_database
from hartonomous_service.lineage.queries import WRITE_GRAPH
from hartonomous_service.models_in_use import ModelsInUse

_OF_WORK = (check_queues, check_oldest_work, check_dead_letters, check_jobs, check_clock)


def check_health(settings: Settings, tenant: int | None = None, *, needs_daemon: bool = False) -> dict[str, Any]:
    """Run every check; returns {"status", "checks": [{"name", "status", "detail", "durationMs"}]}, the status the worst of all.

    With a `tenant`, counts are its own, and what all tenants share is told of without any.
    Who takes in work that it does not do itself, as the server does, needs a daemon: without one the home is degraded.
    """
    in_use = ModelsInUse(settings)  # read by _database
    counted: list[Counts] = []  # by _database: a server that is down is waited for once
    sensors: list[daemon.Sensor] = []  # by _sensor: Dagster's storage is opened once
    checks = [
        run_check(_database, settings, counted, in_use, tenant),
        run_check(_graph, settings, counted),
        run_check(check_text_model, in_use, counted),
        run_check(check_compute, in_use.settings, tenant),
        run_check(check_device, in_use),
        *(run_check(check, counted) for check in _OF_WORK),
        run_check(_sensor, settings, counted, sensors),
        run_check(_disk, settings),
        run_check(_daemon, settings, sensors, needs_daemon),
    ]
    return {"status": worst_of(checks), "checks": checks}


def require_readable(resources: Resources) -> None:
    """Ask the database for the least; raises what says that it cannot be read."""
    query(resources.database, "schema")


def _database(settings: Settings, counted: list[Counts], in_use: ModelsInUse, tenant: int | None) -> Outcome:
    require_database(settings)
    with closing(open_database(settings)) as database:
        in_use.read(database)
        clock = find_clock_problem(database, settings)
        read = partial(read_counts, clock=clock, models=in_use.models.found, tenant=tenant)
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


def _graph(settings: Settings, counted: list[Counts]) -> Outcome:
    if settings.neo4j_uri is None:
        return (HEALTHY, "views of the database") if counted else UNKNOWN
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


def _disk(settings: Settings) -> Outcome:
    free = free_bytes(settings.home)
    if lacks_space(settings.home):
        return DEGRADED, f"only {free / 1024**3:.1f} GiB free at {settings.home}"
    return HEALTHY, f"{free / 1024**3:.1f} GiB free at {settings.home}"


def _sensor(settings: Settings, counted: list[Counts], sensors: list[daemon.Sensor]) -> Outcome:
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
