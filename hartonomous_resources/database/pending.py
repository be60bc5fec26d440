"""Which hours hold work."""

import json

from hartonomous_resources.clock import hour_of, timestamp
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import query
from hartonomous_resources.job_handlers import runnable_job_types
from hartonomous_resources.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.settings import Settings


def hours_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Hours that hold work of enabled stages, oldest first; queued messages are work of the running hour."""
    hours = _pending_hours(database, settings)
    queued = {row["queue"] for row in query(database, "queue_depths")}
    if (settings.ingestion_enabled and INGESTION_QUEUE in queued) or (
        settings.provenance_enabled and PROVENANCE_QUEUE in queued
    ):
        hours.add(now_hour)
    first = first_hour(database)
    return sorted(
        hour for hour in hours if first <= hour <= now_hour
    )  # an atom may say any hour; Dagster's grid has these


def hours_to_come_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Hours after this one that hold work all the same, oldest first: the clock was ahead, or somebody wrote the row by hand."""
    return sorted(hour for hour in _pending_hours(database, settings) if hour > now_hour)


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
