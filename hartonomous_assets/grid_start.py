"""Finds where the grid begins, and whether it has hours or days: with the one in which the database was created, so that it shows no
empty ones before.

Loading the definitions must work, soon, whatever state the database is in, and neither make nor migrate it.
"""

import hashlib
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hartonomous_core.clock import HOUR_FORMAT, Period, current_hour, hour_of
from hartonomous_core.credentials import without_password
from hartonomous_resources.database.period import period_so_far
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import database_of
from hartonomous_resources.settings import Settings

ANSWER_SECONDS = 1.0
"""How long the page waits for the database; an answer that comes later counts the next time."""

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""A time before every database: the grid then shows too many hours for a while, but misses none that holds work."""


@dataclass(frozen=True, slots=True)
class GridStart:
    """The time at which the first partition begins, and how long each is."""

    time: datetime
    period: Period


def grid_start(settings: Settings) -> GridStart:
    """Return the hour, or day, in which the database was created: as it answers now, else as this home remembers it, else EARLIEST.

    Where nothing is known of the database, the settings say how long a partition is. Each key of a day is one of an hour too.
    """
    period: Period = "day" if settings.partition == "day" else "hour"
    if not settings.uses_sqlserver and not settings.database_path.exists():
        return _parsed(f"{current_hour(period)} {period}")
    answers: list[str] = []
    # A daemon: a name that nobody resolves or a lock that nobody releases must not keep the process from ending.
    asking = threading.Thread(target=_ask, args=(settings, answers), name="first hour", daemon=True)
    asking.start()
    asking.join(ANSWER_SECONDS)
    try:
        return _parsed(answers[0] if answers else _memory(settings).read_text("utf-8"))
    except (OSError, ValueError):
        LOGGER.warning("the grid of hours begins at %s until the database says when it was made", EARLIEST)
        return GridStart(EARLIEST, period)


def _ask(settings: Settings, answers: list[str]) -> None:
    try:
        database = database_of(settings)
        try:
            answer = ask(database, _describe_grid)
        finally:
            database.close()
        answers.append(answer)
        _remember(settings, answer)
    except Exception as error:  # noqa: BLE001 - whatever the database suffers from, the page has to load and show it
        LOGGER.warning("when the database was made is not known now: %s", type(error).__name__)


def _describe_grid(unit_of_work: UnitOfWork) -> str:
    """Return the first key and the period, also of a database that was not migrated yet."""
    period = period_so_far(unit_of_work)
    return f"{hour_of(unit_of_work.query('schema')[0]['createdAt'], period)} {period}"


def _remember(settings: Settings, answer: str) -> None:
    _parsed(answer)
    memory = _memory(settings)
    memory.parent.mkdir(parents=True, exist_ok=True)
    partial = memory.with_suffix(f".{os.getpid()}")
    partial.write_text(answer, "utf-8")
    partial.replace(memory)


def _memory(settings: Settings) -> Path:
    """Return the file in which this home remembers the grid of this database; its name is a digest of where the database lies."""
    if settings.sqlserver_dsn is not None:
        place = [without_password(settings.sqlserver_dsn.get_secret_value())]
    else:
        place = [settings.sqlserver_server or "", settings.sqlserver_database or ""]
    digest = hashlib.sha256("\n".join([*place, settings.sqlserver_schema]).encode()).hexdigest()
    return settings.home / "first_hours" / digest[:16]


def _parsed(answer: str) -> GridStart:
    """Read "2026-11-23-00:00 day"; where no period stands, an earlier release wrote it, which had hours alone."""
    hour, _, period = answer.partition(" ")
    return GridStart(datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC), "day" if period == "day" else "hour")
