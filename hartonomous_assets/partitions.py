"""The one partitioning of the chain: the hour in which a source was landed."""

from datetime import UTC, datetime

import dagster as dg

from hartonomous_resources.clock import HOUR_FORMAT, current_hour
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings


def first_hour(settings: Settings) -> str:
    """The hour in which the home's database was created, so that the grid shows no hours that never were."""
    if not settings.database_path.exists():
        return current_hour()  # loading the definitions must not create a database
    applied = SqliteDatabase(settings.database_path).migration_status()[0]["appliedAt"]
    return applied[:10] + "-" + applied[11:13] + ":00" if applied else current_hour()


def _start() -> datetime:
    return datetime.strptime(first_hour(Settings()), HOUR_FORMAT).replace(tzinfo=UTC)


# end_offset=1: the running hour is a partition too; work lands in it.
INGEST_HOUR = dg.HourlyPartitionsDefinition(start_date=_start(), timezone="UTC", end_offset=1)
