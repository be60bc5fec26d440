"""Finds where the grid of hours begins: in the hour in which the database was created, so that it shows no empty hours before.

Loading the definitions must work, soon, whatever state the database is in, and neither make nor migrate it.
"""

import hashlib
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from hartonomous_core.clock import HOUR_FORMAT, current_hour
from hartonomous_core.credentials import without_password
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import database_of
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.pending import first_hour

ANSWER_SECONDS = 1.0
"""How long the page waits for the database; an answer that comes later counts the next time."""

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""A time before every database: the grid then shows too many hours for a while, but misses none that holds work."""


def grid_start(settings: Settings) -> datetime:
    """Return the hour in which the database was created: as it answers now, else as this home remembers it, else EARLIEST."""
    if not settings.uses_sqlserver and not settings.database_path.exists():
        return _parsed(current_hour())
    answers: list[str] = []
    # A daemon: a name that nobody resolves or a lock that nobody releases must not keep the process from ending.
    asking = threading.Thread(target=_ask, args=(settings, answers), name="first hour", daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    try:
        return _parsed(answers[0] if answers else _memory(settings).read_text("utf-8"))
    except (OSError, ValueError):
        LOGGER.warning("the grid of hours begins at %s until the database says when it was made", EARLIEST)
        return EARLIEST


def _ask(settings: Settings, answers: list[str]) -> None:
    try:
        database = database_of(settings)
        try:
            hour = first_hour(database)
        finally:
            database.close()
        answers.append(hour)
        _remember(settings, hour)
    except Exception as error:  # noqa: BLE001 - whatever the database suffers from, the page has to load and show it
        LOGGER.warning("when the database was made is not known now: %s", type(error).__name__)


def _remember(settings: Settings, hour: str) -> None:
    _parsed(hour)
    memory = _memory(settings)
    memory.parent.mkdir(parents=True, exist_ok=True)
    partial = memory.with_suffix(f".{os.getpid()}")
    partial.write_text(hour, "utf-8")
    partial.replace(memory)


def _memory(settings: Settings) -> Path:
    """Return the file in which this home remembers the hour of this database; its name is a digest of where the database lies."""
    if settings.sqlserver_dsn is not None:
        place = [without_password(settings.sqlserver_dsn.get_secret_value())]
    else:
        place = [settings.sqlserver_server or "", settings.sqlserver_database or ""]
    digest = hashlib.sha256("\n".join([*place, settings.sqlserver_schema]).encode()).hexdigest()
    return settings.home / "first_hours" / digest[:16]


def _parsed(hour: str) -> datetime:
    return datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC)
