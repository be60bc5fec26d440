"""The one partitioning of the chain: the hour in which a source was landed."""

from datetime import UTC, datetime

import dagster as dg

from hartonomous_resources.clock import HOUR_FORMAT, current_hour
from hartonomous_resources.database.errors import DatabaseError
from hartonomous_resources.database.pending import first_hour
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings


def _start() -> datetime:
    """The hour in which the database was created, so that the grid shows no hours that never were."""
    return datetime.strptime(_first_hour(Settings()), HOUR_FORMAT).replace(tzinfo=UTC)


def _first_hour(settings: Settings) -> str:
    if settings.uses_sqlserver:
        return _remembered_first_hour(settings)
    # Loading the definitions must not create a database.
    return first_hour(open_database(settings)) if settings.database_path.exists() else current_hour()


def _remembered_first_hour(settings: Settings) -> str:
    """The server's answer is kept in the home: the page must load, and show what is wrong, while the server is down."""
    kept = settings.home / "first_hour"
    if kept.exists():
        return kept.read_text("utf-8")
    try:
        hour = first_hour(open_database(settings))
    except DatabaseError as error:
        LOGGER.warning("the grid starts at this hour until the database answers: %s", error)
        return current_hour()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(hour, "utf-8")
    return hour


# end_offset=1: the running hour is a partition too; work lands in it.
INGEST_HOUR = dg.HourlyPartitionsDefinition(start_date=_start(), timezone="UTC", end_offset=1)
