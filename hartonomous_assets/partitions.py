"""The one partitioning of the chain: the hour in which a source was landed."""

import dagster as dg

from hartonomous_assets.grid_start import grid_start
from hartonomous_resources.settings import Settings

# end_offset=1: the running hour is a partition too; work lands in it.
INGEST_HOUR = dg.HourlyPartitionsDefinition(start_date=grid_start(Settings()), timezone="UTC", end_offset=1)
