"""Completes enqueued sources: waits for a running daemon as long as it works, or runs the chain in this process."""

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hartonomous_core.clock import current_hour
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.added_models import added_sources
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import hours_with_work, may_embed, move_stray_work
from hartonomous_service.clock_check import find_clock_before_database, find_work_after_now
from hartonomous_service.daemon import daemon_is_running, find_daemon_fault, read_sensor
from hartonomous_service.dagster_home import get_instance, has_killed_run, open_instance, run_chain
from hartonomous_service.progress import count_unfinished

if TYPE_CHECKING:
    import dagster as dg
    from dagster_shared.error import SerializableErrorInfo

_LOOK_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 10.0
_PAUSES_PER_LOOK = 20
"""Counting takes longer the more is left: it may take a twentieth of the time."""

_PATIENCE_SECONDS = 60.0
"""After so long without a finished source, the wait checks whether anything works on them; a large source may take hours."""

_RUNS_WITHOUT_PROGRESS = 3
_LOOKS_WITHOUT_CLAIM = 3
"""Between two claims of another process, what is left may seem to be nobody's for a moment."""

Report = Callable[[str], None]


def complete_sources(resources: Resources, message_ids: Sequence[str], report: Report) -> dict[str, str]:
    """Wait until a running daemon has done the work, or do it in this process. Returns what went wrong, by stage."""
    return complete_work(resources, partial(count_unfinished, resources, json.dumps(message_ids)), report, "sources")


def complete_work(resources: Resources, count_left: Callable[[], int], report: Report, what: str) -> dict[str, str]:
    """Wait until a running daemon has left nothing of what `count_left` counts, or do all that waits in this process; returns as above."""
    if fault := _wait_for_daemon(resources, count_left, report, what):
        return {"daemon": fault}
    if daemon_is_running(resources.settings):
        return {}
    if has_killed_run(resources.settings):
        open_instance(resources.settings).dispose()  # it may have had nothing left to do but to say that it ended
    release_dead_claims(resources.database)
    if stages := _run_until_done(resources, count_left, report, what):
        return stages
    problem = _find_clock_problem(resources) if count_left() else find_clock_before_database(resources.database)
    return {"clock": problem} if problem else {}


def _wait_for_daemon(resources: Resources, count_left: Callable[[], int], report: Report, what: str) -> str | None:
    """Wait while a daemon runs and something is left. Returns what is wrong where nothing works on them."""
    left_before, since = 0, time.monotonic()
    while True:
        looked_at = time.monotonic()
        left = count_left()
        if not left or not daemon_is_running(resources.settings):
            return None
        pause = _pause_after(looked_at)
        report(f"waiting for the running daemon: {left:,} {what} left")
        if left != left_before:
            left_before, since = left, time.monotonic()
        elif time.monotonic() - since > _PATIENCE_SECONDS:
            if fault := _find_why_nothing_works(resources):
                return f"{left:,} {what} are left: {fault}"
            since = time.monotonic()
        time.sleep(pause)


def _find_why_nothing_works(resources: Resources) -> str | None:
    if problem := _find_clock_problem(resources):
        return problem
    with get_instance(resources.settings) as instance:
        from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

        from hartonomous_assets.our_runs import our_runs

        if fault := find_daemon_fault(resources.settings, read_sensor(instance)):
            return fault
        if next(our_runs(instance, NOT_FINISHED_STATUSES), None) is None:
            return "no run works on them; Dagster's page shows how the last one ended"
    return None


def _find_clock_problem(resources: Resources) -> str | None:
    database = resources.database
    return find_clock_before_database(database) or find_work_after_now(database, resources.settings)


def _run_until_done(resources: Resources, count_left: Callable[[], int], report: Report, what: str) -> dict[str, str]:
    """Run the chain in this process until nothing is pending, or nothing more can be done.

    What another process has claimed is waited for: until it is done, or the claim ends because its process died or its lease ran out.
    """
    stages: dict[str, str] = {}
    without_progress = without_claim = 0
    move_stray_work(resources.database, resources.settings, current_hour(resources.period))
    if may_embed(resources.database, resources.settings):
        resources.compute.warm(ask(resources.database, added_sources))  # while Dagster starts, which takes longer
    while True:
        looked_at = time.monotonic()
        is_claimed = bool(query(resources.database, "source_lease_owners"))
        before = count_left()
        hours = hours_with_work(resources.database, resources.settings, current_hour(resources.period))
        if hours and without_progress < _RUNS_WITHOUT_PROGRESS:
            stages = {}
            with open_instance(resources.settings) as instance:
                for hour in hours:
                    report(f"running the chain of {hour} ({before:,} {what} to do)")
                    stages.update(_run_hour(resources, instance, hour))
            if stages:
                return stages  # what a stage needs is down: a further run would meet the same
            without_progress = without_progress + 1 if count_left() >= before else 0
            continue
        without_claim = 0 if is_claimed else without_claim + 1
        if not before or without_claim > _LOOKS_WITHOUT_CLAIM or _find_clock_problem(resources):
            return stages
        report("waiting for another process, which reads what is left")
        time.sleep(_pause_after(looked_at))
        release_dead_claims(resources.database)
        without_progress = 0 if is_claimed else without_progress


def _pause_after(looked_at: float) -> float:
    """Return how many seconds to wait after a look that began at that time."""
    return max(_LOOK_SECONDS, min(_LONGEST_PAUSE_SECONDS, _PAUSES_PER_LOOK * (time.monotonic() - looked_at)))


def _run_hour(resources: Resources, instance: "dg.DagsterInstance", hour: str) -> dict[str, str]:
    import dagster as dg

    try:
        result = run_chain(resources.settings, instance, hour, resources)
    except dg.DagsterExecutionInterruptedError as interruption:  # between two steps
        raise KeyboardInterrupt from interruption
    if result.success:
        return {}
    errors: dict[str, str] = {}
    for event in result.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data and data.user_failure_data.metadata:
            errors.update({name: str(value.value) for name, value in data.user_failure_data.metadata.items()})
        else:
            if data.error and data.error.cls_name == "DagsterExecutionInterruptedError":
                raise KeyboardInterrupt
            errors[event.step_key or "run"] = _first_cause(data.error) if data.error else "failed"
    return errors or {"run": "failed before its first step; see the page"}


def _first_cause(error: "SerializableErrorInfo") -> str:
    """Return the message of the error that was raised first; Dagster's errors around it only say where."""
    while error.cause:
        error = error.cause
    return error.message.strip()
