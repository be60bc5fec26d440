"""Finds the hours that hold work, and moves work out of hours for which no run is requested."""

import json
from collections.abc import Sequence

from hartonomous_core.clock import Period, hour_of, is_hour, timestamp
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.period import period_of
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.job_handlers import GENERATE_EMBEDDING, runnable_job_types
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_resources.work.stray_hours import is_stray, move_strays


def hours_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Return hours that hold work of enabled stages, oldest first; queued messages, and atoms to queue for a model, are work of the running hour."""
    hours = _pending_hours(database, settings)
    if _messages_wait(database, settings) or (settings.embedding_enabled and _is_queueing(database)):
        hours.add(now_hour)
    period, first = ask(database, _grid)
    return sorted(hour for hour in hours if not is_stray(hour, first, period) and hour <= now_hour)


def move_stray_work(database: Database, settings: Settings, now_hour: str) -> None:
    """Move work that somebody wrote by hand into an invalid hour, or one before the grid, to the running hour."""
    period, first = ask(database, _grid)
    strays = {hour for hour in _pending_hours(database, settings) if is_stray(hour, first, period)}
    if strays and first <= now_hour:  # else the clock is wrong, and nothing can be said of hours
        move_strays(database, strays, first, now_hour)


def hours_to_come_with_work(database: Database, settings: Settings, now_hour: str) -> list[str]:
    """Return hours after this one that hold work all the same, oldest first: the clock was ahead, or somebody wrote the row by hand."""
    period = ask(database, period_of)
    return sorted(hour for hour in _pending_hours(database, settings) if is_hour(hour, period) and hour > now_hour)


def may_embed(database: Database, settings: Settings) -> bool:
    """Tell whether texts are likely to be embedded soon: jobs that ask for it wait, or sources or messages of which some will come."""
    if not settings.embedding_enabled:
        return False
    return bool(_hours(database, settings, [GENERATE_EMBEDDING], projection=False)) or (
        settings.ingestion_enabled and bool(query(database, "queue_has_message", queue=INGESTION_QUEUE))
    )


def _pending_hours(database: Database, settings: Settings) -> set[str]:
    return _hours(database, settings, runnable_job_types(settings), projection=settings.projection_enabled)


def _hours(database: Database, settings: Settings, job_types: Sequence[str], *, projection: bool) -> set[str]:
    """Return the hours that hold sources, jobs of these types or, if asked for, embeddings without a place."""
    rows = query(
        database,
        "pending_work",
        now=timestamp(),
        ingestion=settings.ingestion_enabled,
        job_types=json.dumps(job_types),
        projection=projection,
    )
    return {row["hour"] for row in rows}


def _messages_wait(database: Database, settings: Settings) -> bool:
    enabled = {INGESTION_QUEUE: settings.ingestion_enabled, PROVENANCE_QUEUE: settings.provenance_enabled}
    return any(query(database, "queue_has_message", queue=queue) for queue, is_enabled in enabled.items() if is_enabled)


def _is_queueing(database: Database) -> bool:
    """Whether the atoms that are here are still to be queued for a model that was added: it may have no job yet."""
    return any(row["queuedThrough"] is not None for row in ask(database, active_embedding_models))


def first_hour(database: Database) -> str:
    """Return the hour, or the day, in which the database was created: the first partition."""
    return ask(database, _grid)[1]


def _grid(unit_of_work: UnitOfWork) -> tuple[Period, str]:
    period = period_of(unit_of_work)
    return period, hour_of(unit_of_work.query("schema")[0]["createdAt"], period)
