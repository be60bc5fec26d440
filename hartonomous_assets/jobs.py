"""Jobs: the chain of an hour, the search index, the projection, the ledger of deduplication, and housekeeping."""

import dagster as dg

from hartonomous_assets.chain import STAGES
from hartonomous_assets.dedup_asset import dedup_ledger_job
from hartonomous_assets.housekeeping import housekeeping
from hartonomous_assets.our_runs import CHAIN_JOB_NAME
from hartonomous_assets.projection_model import projection_job
from hartonomous_assets.search_index import search_index_job

chain_job = dg.define_asset_job(
    CHAIN_JOB_NAME,
    selection=dg.AssetSelection.assets(*(stage.spec.key for stage in STAGES)),
    description="Everything pending in one hour: land, atomize, embed, project, sync the graph, then check the invariants.",
    # Its events are in Dagster's storage and on its page; on stderr they would only be repeated.
    config={"loggers": {"console": {"config": {"log_level": "WARNING"}}}},
    tags={"dagster/max_runtime": str(24 * 60 * 60)},
)

JOBS = (chain_job, search_index_job, projection_job, dedup_ledger_job, housekeeping)
