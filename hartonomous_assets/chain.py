"""The loop that drives the stages of an hour, and the one multi-asset around it.

Each stage in turn does a bounded step until nothing is pending; in the running hour the loop then lingers, model and
connections warm, and the next file is searchable a moment after it arrives.
"""

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import dagster as dg

from hartonomous_assets import atoms, embeddings, projections, provenance, sources
from hartonomous_assets.checks import CHECK_SPECS, evaluate
from hartonomous_assets.lineage_events import run_lineage
from hartonomous_assets.our_runs import process_tags
from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_assets.stage import Progress, Stage, StageUnavailable, Work
from hartonomous_assets.stage_log import described, log_failure, log_started, log_step
from hartonomous_resources.blobs import Blobs
from hartonomous_resources.database.errors import DatabaseError
from hartonomous_resources.database.leases import release_dead_claims
from hartonomous_resources.database.protocol import Database, Row
from hartonomous_resources.gpu.protocol import Compute
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings

STAGES: tuple[Stage, ...] = (sources.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)

_REPORT_SECONDS = 5.0
_LOOK_SECONDS = 1.0
"""How often to look for work without a commit that wakes: leases run out, what was down comes back, the hour ends."""


@dataclass
class StageReport:
    """What a stage did in this run."""

    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0
    error: Exception | None = None

    def add(self, progress: Progress, seconds: float) -> None:
        """Count one step."""
        self.seconds += seconds
        if progress.counts:
            self.steps += 1
        for name, n in progress.counts.items():
            self.counts[name] = self.counts.get(name, 0) + n


def drive(
    work: Work, stages: Sequence[Stage], linger_seconds: float, report: Callable[[Stage, StageReport], None]
) -> dict[str, StageReport]:
    """Run the stages' steps in turn until nothing is pending and the lingering time has passed without work.

    Only a run that found work lingers, and only in the running hour; one with nothing pending ends at once. A stage that
    fails leaves its error in its report while the others go on; one whose outside is down is tried again while the run
    lingers. `report` is called for a stage that has just worked.
    """
    database = work.resources.database
    running: dict[str, Generator[Progress]] = {stage.name: stage.steps(work) for stage in stages}
    reports = {stage.name: StageReport() for stage in stages}
    retry_at: dict[str, float] = {}
    for stage in stages:
        log_started(work, stage, _LOOK_SECONDS)
    quiet_since: float | None = None  # since when there has been no work after some; None: there has been none yet
    try:
        while True:
            token = database.change_token()
            worked = False
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
                    stage_report.error = error
                    del running[stage.name]
                    if isinstance(error, StageUnavailable | DatabaseError):
                        retry_at[stage.name] = time.monotonic() + work.resources.settings.retry_delay_seconds
                    continue
                stage_report.error = None
                stage_report.add(progress, time.monotonic() - started)
                if progress.counts:
                    worked = True
                    log_step(work, stage, progress.counts)
                    report(stage, stage_report)
            if worked:
                quiet_since = time.monotonic()
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
        with ExitStack() as closing:  # each is closed, and releases its claims, even if another one fails at it
            for steps in running.values():
                closing.callback(steps.close)
    return reports


@dg.multi_asset(
    name="chain",
    specs=[stage.spec for stage in STAGES],
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
    gpu: dg.ResourceParam[Compute],
    blobs: dg.ResourceParam[Blobs],
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Everything pending in these hours is done when this ends; running it twice, or twice at once, changes nothing."""
    resources = Resources(settings, database, graph, gpu, blobs)
    context.instance.add_run_tags(context.run.run_id, process_tags(context.run.run_id))
    selected = [stage for stage in STAGES if stage.spec.key in context.selected_asset_keys]
    release_dead_claims(database)
    errors: dict[str, Exception] = {}
    with run_lineage(resources, context.run.run_id, context.partition_keys, selected) as lineage:
        for hour in context.partition_keys:
            work = Work(hour, context.run.run_id, resources, alone=len(selected) == 1)
            reports = drive(work, selected, settings.linger_seconds, _Reporter(context, work))
            for stage in selected:
                report = reports[stage.name]
                told = None if report.error is None else described(report.error)
                lineage.add(stage.name, report.counts, told)
                if report.error is not None:
                    errors[stage.name] = report.error
                    context.log.error(f"{stage.name}, hour {hour}: {told}")
                else:
                    context.log.info(f"{stage.name}, hour {hour}: {report.counts or 'nothing pending'}")
                    context.add_asset_metadata(
                        metadata_of(stage, work, report), asset_key=stage.spec.key, partition_key=hour
                    )
    for stage in selected:
        if stage.name not in errors:
            yield dg.MaterializeResult(asset_key=stage.spec.key)
    yield from evaluate(set(context.selected_asset_check_keys), context.partition_keys, database, graph)
    if errors:
        unexpected = [error for error in errors.values() if not isinstance(error, StageUnavailable)]
        causes = {name: described(error) for name, error in errors.items()}
        summary = "; ".join(f"{name}: {text}" for name, text in causes.items())
        raise dg.Failure(
            description=f"{summary}. The other stages have finished; what is pending waits and is done by the next run.",
            metadata=causes,
            allow_retries=not unexpected,
        ) from None


class _Reporter:
    """Logs a materialisation of a stage that is at work, at most every few seconds.

    Counting what the hour holds takes the longer the more it holds: a twentieth of the time may go into it.
    """

    def __init__(self, context: dg.AssetExecutionContext, work: Work) -> None:
        self._context = context
        self._work = work
        self._next: dict[str, float] = {}
        self._first = time.monotonic() + _REPORT_SECONDS

    def __call__(self, stage: Stage, report: StageReport) -> None:
        started = time.monotonic()
        if started < self._next.get(stage.name, self._first):
            return
        metadata = metadata_of(stage, self._work, report)
        self._context.log_event(
            dg.AssetMaterialization(asset_key=stage.spec.key, partition=self._work.hour, metadata=metadata)
        )
        ended = time.monotonic()
        self._next[stage.name] = ended + max(_REPORT_SECONDS, 20 * (ended - started))


def metadata_of(stage: Stage, work: Work, report: StageReport) -> dict[str, dg.MetadataValue]:
    """Row counts of the hour, what this run did, how long it took, and a small table. No content and no uri of a tenant."""
    rows = stage.totals(work)
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/partition_row_count": dg.MetadataValue.int(sum(row["rows"] for row in rows)),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "steps": dg.MetadataValue.int(report.steps),
        "the hour holds": _table(rows),
        "this run did": _table([{"what": name, "count": n} for name, n in report.counts.items()]),
    }
    done = next(iter(report.counts.values()), 0)  # a stage names first what it is there for
    if done and report.seconds:
        metadata["per second"] = dg.MetadataValue.float(round(done / report.seconds, 1))
    return metadata


def _table(rows: Sequence[Row]) -> dg.MetadataValue:
    if not rows:
        return dg.MetadataValue.text("nothing")
    header = "| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]) + "\n"
    return dg.MetadataValue.md(
        header + "\n".join("| " + " | ".join(str(v) for v in row.values()) + " |" for row in rows)
    )
