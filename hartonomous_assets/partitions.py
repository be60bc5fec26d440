"""The one partitioning of the chain: the hour in which a source was landed."""

from datetime import UTC, datetime

import dagster as dg

from hartonomous_resources.clock import HOUR_FORMAT, current_hour
from hartonomous_resources.database.pending import first_hour
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings


def _start() -> datetime:
    """The hour in which the home's database was created, so that the grid shows no hours that never were."""
    path = Settings().database_path
    # Loading the definitions must not create a database.
    hour = first_hour(SqliteDatabase(path)) if path.exists() else current_hour()
    return datetime.strptime(hour, HOUR_FORMAT).replace(tzinfo=UTC)


# end_offset=1: the running hour is a partition too; work lands in it.
INGEST_HOUR = dg.HourlyPartitionsDefinition(start_date=_start(), timezone="UTC", end_offset=1)
