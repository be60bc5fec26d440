"""The code location: everything Dagster sees, assembled."""

import dagster as dg

from hartonomous_assets.chain import chain
from hartonomous_assets.dedup_asset import dedup_ledger
from hartonomous_assets.jobs import JOBS
from hartonomous_assets.projection_model import projection_model
from hartonomous_assets.queues import QUEUES
from hartonomous_assets.schedules import SCHEDULES
from hartonomous_assets.search_index import search_index
from hartonomous_assets.sensors import service_broker_sensor
from hartonomous_resources.dagster_resources import all_resources

defs = dg.Definitions(
    assets=[*QUEUES, chain, projection_model, search_index, dedup_ledger],
    jobs=JOBS,
    sensors=[service_broker_sensor],
    schedules=SCHEDULES,
    resources=all_resources(),
    executor=dg.in_process_executor,
)
