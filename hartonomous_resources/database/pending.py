"""Which hours hold work."""

import json

from hartonomous_resources.clock import hour_of, is_hour, timestamp
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.stray_hours import is_stray, move_strays
from hartonomous_resources.database.transactions import query
from hartonomous_resources.job_handlers import runnable_job_types
from hartonomous_resources.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.settings import Settings


def hours_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Hours that hold work of enabled stages, oldest first; queued messages are work of the running hour.

    Work that somebody wrote by hand into an hour that is none, or before the grid, is moved to the running hour.
    """
    hours = _pending_hours(database, settings)
    queued = {row["queue"] for row in query(database, "queue_depths")}
    if (settings.ingestion_enabled and INGESTION_QUEUE in queued) or (
        settings.provenance_enabled and PROVENANCE_QUEUE in queued
    ):
        hours.add(now_hour)
    first = first_hour(database)
    strays = {hour for hour in hours if is_stray(hour, first)}
    if strays and first <= now_hour:  # else the clock is wrong, and nothing can be said of hours
        move_strays(database, strays, first, now_hour)
        hours.add(now_hour)
    return sorted(hour for hour in hours - strays if hour <= now_hour)


def hours_to_come_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Hours after this one that hold work all the same, oldest first: the clock was ahead, or somebody wrote the row by hand."""
    return sorted(hour for hour in _pending_hours(database, settings) if is_hour(hour) and hour > now_hour)


def _pending_hours(database: Database, settings: Settings) -> set[str]:
    rows = query(
        database,
        "pending_work",
        now=timestamp(),
        ingestion=settings.ingestion_enabled,
        job_types=json.dumps(runnable_job_types(settings)),
        projection=settings.projection_enabled,
    )
    return {row["hour"] for row in rows}


def first_hour(database: Database) -> str:
    """The hour in which the database was created: the first partition."""
    return hour_of(query(database, "schema")[0]["createdAt"])
