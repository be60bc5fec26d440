"""The one partitioning of the chain: the hour, or the day, in which a source was landed."""

import dagster as dg

from hartonomous_assets.grid_start import GridStart, grid_start
from hartonomous_core.clock import HOUR_FORMAT
from hartonomous_resources.settings import Settings


def grid_from(start: GridStart) -> dg.TimeWindowPartitionsDefinition:
    """Return the hours, or the days, since then. A key of a day is that of its first hour."""
    # end_offset=1: the running hour is a partition too; work lands in it.
    if start.period == "day":
        return dg.DailyPartitionsDefinition(start_date=start.time, timezone="UTC", end_offset=1, fmt=HOUR_FORMAT)
    return dg.HourlyPartitionsDefinition(start_date=start.time, timezone="UTC", end_offset=1)


GRID_START = grid_start(Settings())
INGEST_HOUR = grid_from(GRID_START)
