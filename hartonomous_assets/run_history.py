"""Deletes from Dagster's storage what nothing in Dagster deletes: results of checks of deleted runs, details of old runs, old observations.

Dagster has no retention for events, and `delete_run` leaves the results of the run's checks behind. Of a run that stays, because the grid
remembers the hour by it, most of the bytes say how it went.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

import dagster as dg
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable
from sqlalchemy import and_, delete, func, or_, select

RUNS_PER_STATEMENT = 500

_KEPT_EVENTS = [
    each.value
    for each in (
        dg.DagsterEventType.ASSET_MATERIALIZATION,
        dg.DagsterEventType.RUN_START,
        dg.DagsterEventType.RUN_SUCCESS,
    )
]
"""What the grid and the page of an hour show; results of checks lie in a table of their own as well."""

_events, _checks, _event_tags = SqlEventLogStorageTable.c, AssetCheckExecutionsTable.c, AssetEventTagsTable.c


def delete_runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Delete finished runs, their events and the results of their checks."""
    events, runs = instance.event_log_storage, instance.run_storage
    if not isinstance(events, SqlEventLogStorage) or not isinstance(runs, SqlRunStorage) or events.is_run_sharded:
        for run_id in run_ids:
            instance.delete_run(run_id)
    else:  # one by one, each would take some twenty connections
        for some in _parts(run_ids):
            of_runs = _events.run_id.in_(some)
            with events.index_connection() as connection:
                connection.execute(
                    delete(AssetEventTagsTable).where(_event_tags.event_id.in_(select(_events.id).where(of_runs)))
                )
                connection.execute(delete(SqlEventLogStorageTable).where(of_runs))
            with runs.connect() as connection:
                connection.execute(delete(RunsTable).where(RunsTable.c.run_id.in_(some)))
    if isinstance(events, SqlEventLogStorage):
        for some in _parts(run_ids):
            with events.index_connection() as connection:
                connection.execute(delete(AssetCheckExecutionsTable).where(_checks.run_id.in_(some)))


def trim_runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> int:
    """Delete of successful runs how they went, and keep what they made; returns the number of deleted events.

    Only where all runs share a table, as on PostgreSQL: the file that a run has in the home would not get smaller.
    """
    events = instance.event_log_storage
    if not isinstance(events, SqlEventLogStorage) or events.is_run_sharded:
        return 0
    unkept = or_(_events.dagster_event_type.is_(None), _events.dagster_event_type.not_in(_KEPT_EVENTS))
    deleted = 0
    for some in _parts(run_ids):
        with events.index_connection() as connection:
            statement = delete(SqlEventLogStorageTable).where(and_(_events.run_id.in_(some), unkept))
            deleted += connection.execute(statement).rowcount
    return deleted


def delete_observations(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey], before: datetime) -> int:
    """Delete the observations of these assets that were made before a time, but the latest of each; returns how many."""
    events = instance.event_log_storage
    if not isinstance(events, SqlEventLogStorage):
        return 0
    deleted = 0
    for asset in assets:
        observed = and_(
            _events.asset_key == asset.to_string(),
            _events.dagster_event_type == dg.DagsterEventType.ASSET_OBSERVATION.value,
        )
        with events.index_connection() as connection:
            latest = connection.execute(select(func.max(_events.id)).where(observed)).scalar()
            if latest is not None:
                old = and_(observed, _events.timestamp < before.replace(tzinfo=None), _events.id < latest)
                deleted += connection.execute(delete(SqlEventLogStorageTable).where(old)).rowcount
    return deleted


def remember_grid(instance: dg.DagsterInstance, assets: Sequence[dg.AssetKey], grid: dg.PartitionsDefinition) -> None:
    """Have Dagster keep which partitions of these assets are done, as its page does: who opens it seldom waits for the latest runs alone."""
    for asset in assets:
        get_and_update_asset_status_cache_value(instance, asset, grid)


def _parts(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(run_ids), RUNS_PER_STATEMENT):
        yield run_ids[start : start + RUNS_PER_STATEMENT]
