"""The loop that runs the stages of an hour, and the one multi-asset around it.

Each stage in turn does a bounded step until nothing is pending; in the running hour the loop then lingers, model and
connections warm, and the next file is searchable a moment after it arrives.
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta

import dagster as dg

from hartonomous_assets import atoms, embeddings, projections, provenance, sources
from hartonomous_assets.checks import CHECK_SPECS, evaluate, in_partition
from hartonomous_assets.column_lineage import column_lineage
from hartonomous_assets.openlineage_events import report_run
from hartonomous_assets.our_runs import SENSOR_TAG, process_tags
from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_assets.projection_model import materialize_if_new
from hartonomous_assets.stage import Progress, Stage, StageReport, Work, may_succeed_later
from hartonomous_assets.stage_log import describe_error, log_failure, log_started, log_step
from hartonomous_assets.stage_metadata import ProgressObserver, metadata_of
from hartonomous_assets.stage_totals import add_to_totals
from hartonomous_assets.traced_stages import trace_hour
from hartonomous_resources.blobs import Blobs
from hartonomous_resources.compute.protocol import ModelCompute
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_sources
from hartonomous_resources.work.leases import release_dead_claims
from hartonomous_resources.work.pending import may_embed

STAGES: tuple[Stage, ...] = (sources.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)

_LOOK_SECONDS = 1.0
"""How often to look for work when no commit wakes the loop: leases run out, outages end, the hour ends."""

# A materialisation says that nothing was left to do. At rest the sensor has that confirmed every few hours.
_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24), warn_window=timedelta(hours=12))


def run_stages(
    work: Work, stages: Sequence[Stage], linger_seconds: float, report: Callable[[Stage, StageReport], None]
) -> dict[str, StageReport]:
    """Run the stages' steps in turn until nothing is pending and the lingering time has passed without work.

    Only a run that found work lingers, and only in the running hour; one with nothing pending ends at once. A stage that
    fails leaves its error in its report while the others go on; after an outage it is tried again while the run lingers.
    `report` is called for a stage that has just worked.
    """
    database = work.resources.database
    running: dict[str, Generator[Progress]] = {stage.name: stage.steps(work) for stage in stages}
    reports = {stage.name: StageReport() for stage in stages}
    retry_at: dict[str, float] = {}
    for stage in stages:
        log_started(work, stage, _LOOK_SECONDS)
    tracing = ExitStack()
    traced = tracing.enter_context(trace_hour(work.hour, work.run_id))
    quiet_since: float | None = None  # since when there has been no work after some; None: there has been none yet
    try:
        while True:
            token = database.change_token()
            worked = waits = False
            for stage in stages:
                if retry_at.get(stage.name, math.inf) <= time.monotonic():
                    del retry_at[stage.name]
                    running[stage.name] = stage.steps(work)
                if stage.name not in running:
                    continue
                stage_report = reports[stage.name]
                started = time.monotonic()
                try:
                    progress = next(running[stage.name])
                except Exception as error:  # noqa: BLE001 - kept in the report and raised after the other stages have finished
                    log_failure(work, stage.name, "stage failed", error, logging.ERROR)
                    traced.fail(stage.name, time.monotonic() - started, error)
                    stage_report.error = error
                    del running[stage.name]
                    if may_succeed_later(error):
                        retry_at[stage.name] = time.monotonic() + work.resources.settings.retry_delay_seconds
                    continue
                stage_report.error = None
                seconds = time.monotonic() - started
                stage_report.add(progress, seconds)
                waits = waits or progress.others_are_working
                worked = worked or progress.is_unfinished
                if progress.counts:
                    worked = True
                    log_step(work, stage, progress.counts)
                    traced.add(stage.name, seconds, progress.counts)
                    report(stage, stage_report)
            if worked:
                quiet_since = time.monotonic()
                continue
            if waits:
                database.wait_for_change(token, _LOOK_SECONDS)
                continue
            if quiet_since is None or not work.is_current_hour:
                break
            remaining = linger_seconds - (time.monotonic() - quiet_since)
            if remaining <= 0:
                break
            try:
                database.wait_for_change(token, min(remaining, _LOOK_SECONDS))
            except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                break  # asked to stop while there is nothing left to do: that is a run that has done its work
    finally:
        with tracing, ExitStack() as closing:
            # Each is closed, and releases its claims, even where closing another one fails.
            for steps in running.values():
                closing.callback(steps.close)
    return reports


@dg.multi_asset(
    name="chain",
    specs=[stage.spec.replace_attributes(freshness_policy=_FRESHNESS) for stage in STAGES],
    check_specs=CHECK_SPECS,
    can_subset=True,
    partitions_def=INGEST_HOUR,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def chain(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    database: dg.ResourceParam[Database],
    graph: dg.ResourceParam[Graph],
    gpu: dg.ResourceParam[ModelCompute],
    blobs: dg.ResourceParam[Blobs],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Everything pending in these hours is done when this ends; running it twice, or twice at once, changes nothing."""
    resources = Resources(settings, database, graph, gpu, blobs)
    context.instance.add_run_tags(context.run.run_id, process_tags(context.run.run_id))
    selected = [stage for stage in STAGES if stage.spec.key in context.selected_asset_keys]
    # Whoever started a run or a backfill waits for its end; the sensor starts the next one itself.
    linger_seconds = settings.linger_seconds if SENSOR_TAG in context.run.tags else 0.0
    release_dead_claims(database)
    if embeddings.STAGE in selected and may_embed(database, settings):
        gpu.warm(ask(database, added_sources))
    errors: dict[str, Exception] = {}
    with report_run(resources, context.run.run_id, context.partition_keys, selected) as openlineage_run:
        for hour in context.partition_keys:
            work = Work(hour, context.run.run_id, resources, alone=len(selected) == 1)
            reports = run_stages(work, selected, linger_seconds, ProgressObserver(context, work))
            add_to_totals(database, selected, reports)
            for stage in selected:
                report = reports[stage.name]
                reason = None if report.error is None else describe_error(report.error)
                openlineage_run.add(stage.name, report.counts, reason)
                if report.error is not None:
                    errors[stage.name] = report.error
                    context.log.error(f"{stage.name}, hour {hour}: {reason}")
                else:
                    context.log.info(f"{stage.name}, hour {hour}: {report.counts or 'nothing pending'}")
                    metadata = {**metadata_of(stage, work, report), **column_lineage(stage)}
                    context.add_asset_metadata(metadata, asset_key=stage.spec.key, partition_key=hour)
    if projections.STAGE in selected:
        materialize_if_new(context, database)
    for stage in selected:
        if stage.name not in errors:
            yield dg.MaterializeResult(asset_key=stage.spec.key)
    checks = set(context.selected_asset_check_keys)
    for hour in context.partition_keys:
        for result in evaluate(checks, hour, database, resources.graph_copy):
            if context.has_partition_key:
                yield result
            else:
                context.log_event(in_partition(result, hour))
    if errors:
        unexpected = [error for error in errors.values() if not may_succeed_later(error)]
        causes = {name: describe_error(error) for name, error in errors.items()}
        summary = "; ".join(f"{name}: {text}" for name, text in causes.items())
        raise dg.Failure(
            description=f"{summary}. The other stages have finished; what is pending waits and is done by the next run.",
            metadata=causes,
            allow_retries=not unexpected,
        ) from None
