"""Job `housekeeping`: deletes what would otherwise pile up for ever."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from hartonomous_assets.chain import STAGES
from hartonomous_assets.our_runs import HOUSEKEEPING_JOB_NAME, our_runs, process_tags
from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_assets.queues import QUEUES
from hartonomous_assets.run_history import delete_observations, delete_runs, remember_grid, trim_runs
from hartonomous_core.clock import timestamp
from hartonomous_core.limits import KEPT_ANSWER_SECONDS
from hartonomous_resources.blobs import Blobs
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.resources import open_vectors
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.dropping_models import clear_dropped_model, dropped_models
from hartonomous_resources.work.landed_blobs import delete_unreferenced_blob

KEEP_RUN_DAYS = 7
ROWS_PER_TRANSACTION = 10_000
ORPHAN_SECONDS = 24 * 3600.0
_RANGE_TAG = "dagster/asset_partition_range_start"


@dg.op(
    description="Delete our superseded runs, but keep the latest successful run of each partition, or the grid forgets the hour. Of "
    "a kept one that is old, keep what it made."
)
def prune_runs(context: dg.OpExecutionContext) -> int:
    instance = context.instance
    instance.add_run_tags(context.run_id, process_tags(context.run_id))
    finished = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    before = datetime.now(UTC) - timedelta(days=KEEP_RUN_DAYS)
    kept: set[object] = set()
    old: list[str] = []
    superseded: list[str] = []
    for record in our_runs(instance, finished):
        run = record.dagster_run
        of = (run.job_name, run.tags.get("dagster/partition"), run.asset_selection)
        if _RANGE_TAG in run.tags:
            continue  # a backfill of several hours: each of them remembers it
        is_old = record.create_timestamp < before
        if run.status is dg.DagsterRunStatus.SUCCESS and of not in kept:
            kept.add(of)
            if is_old:
                old.append(run.run_id)
        elif is_old:
            superseded.append(run.run_id)
    for run_id in superseded + old:
        instance.compute_log_manager.delete_logs(prefix=[run_id])
    delete_runs(instance, superseded)
    trimmed = trim_runs(instance, old)
    remember_grid(instance, [stage.spec.key for stage in STAGES], INGEST_HOUR)
    observed = delete_observations(instance, [queue.key for queue in QUEUES], before)
    context.log.info(
        f"deleted {len(superseded)} superseded runs older than {KEEP_RUN_DAYS} days, {trimmed} events of {len(old)} that stay, "
        f"and {observed} observations of the queues"
    )
    return len(superseded)


@dg.op(
    description="Delete blobs that no row names: a crash between writing the blob and committing the row leaves one."
)
def sweep_blobs(
    context: dg.OpExecutionContext, database: dg.ResourceParam[Database], blobs: dg.ResourceParam[Blobs]
) -> int:
    deleted = blobs.delete_partial(older_than_seconds=ORPHAN_SECONDS)
    for key in blobs.list_keys(older_than_seconds=ORPHAN_SECONDS):
        deleted += delete_unreferenced_blob(database, blobs, key)
    context.log.info(f"deleted {deleted} orphaned blobs")
    return deleted


@dg.op(description="Delete jobs that were done long ago. What failed stays, and so does what was skipped: it says why.")
def prune_jobs(
    context: dg.OpExecutionContext, database: dg.ResourceParam[Database], settings: dg.ResourceParam[Settings]
) -> int:
    deleted = _delete_before(database, "prune_jobs", timestamp(-settings.keep_jobs_days * 86400))
    context.log.info(f"deleted {deleted} jobs that were done more than {settings.keep_jobs_days:g} days ago")
    return deleted


@dg.op(description="Delete what was answered to requests over HTTP that came with an Idempotency-Key, after a day.")
def prune_http_requests(context: dg.OpExecutionContext, database: dg.ResourceParam[Database]) -> int:
    deleted = _delete_before(database, "prune_http_requests", timestamp(-KEPT_ANSWER_SECONDS))
    context.log.info(f"deleted the answers to {deleted} requests over HTTP")
    return deleted


@dg.op(
    description="Delete what is left of models that were dropped: a crash in the middle, or a run that was at work, leaves some."
)
def clear_dropped_models(
    context: dg.OpExecutionContext, database: dg.ResourceParam[Database], settings: dg.ResourceParam[Settings]
) -> int:
    deleted = 0
    for model_id in ask(database, dropped_models):
        deleted += clear_dropped_model(database, open_vectors(settings), model_id)
    context.log.info(f"deleted {deleted} vectors of models that were dropped")
    return deleted


def _delete_before(database: Database, statement: str, before: str) -> int:
    """Delete the rows that a statement finds older than a time, in transactions that are short; returns how many."""

    def delete_some(unit_of_work: UnitOfWork) -> int:
        return unit_of_work.execute(statement, before=before, n=ROWS_PER_TRANSACTION)

    deleted = 0
    while some := transact(database, delete_some):
        deleted += some
    return deleted


@dg.job(
    name=HOUSEKEEPING_JOB_NAME,
    description="Prune our superseded runs, old jobs, old answers, orphaned blobs and what is left of dropped models. Ticks are pruned by the "
    "retention in dagster.yaml.",
)
def housekeeping() -> None:
    prune_runs()
    prune_jobs()
    prune_http_requests()
    clear_dropped_models()
    sweep_blobs()
