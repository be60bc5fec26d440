"""Asset `dedup_ledger`: what deduplication saves, by tenant and modality, plotted over time."""

import dagster as dg

from hartonomous_assets.our_runs import DEDUP_LEDGER_JOB_NAME, process_tags
from hartonomous_assets.stage_metadata import markdown_table
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.work.deduplication import dedup_of_modalities


@dg.asset(
    group_name="ingestion",
    kinds={"python", "sql"},
    owners=["team:hartonomous"],
    deps=["atoms"],
    description="What deduplication saves: bytes that came, those of them that are kept, and what was made out of them, by tenant and modality, "
    "before weights are packed. "
    "`hartonomous stats --dedup` says the same, and which sources share with whom.",
)
def dedup_ledger(context: dg.AssetExecutionContext, database: dg.ResourceParam[Database]) -> dg.MaterializeResult[None]:
    context.instance.add_run_tags(context.run.run_id, process_tags(context.run.run_id))
    rows = ask(database, lambda unit_of_work: dedup_of_modalities(unit_of_work, None))
    came, kept = sum(row["bytesIn"] for row in rows), sum(row["bytesStored"] for row in rows)
    return dg.MaterializeResult(
        metadata={
            "bytes_in": dg.MetadataValue.int(came),
            "bytes_stored": dg.MetadataValue.int(kept),
            "bytes_saved": dg.MetadataValue.int(came - kept),
            "derived_bytes": dg.MetadataValue.int(sum(row["derivedBytes"] for row in rows)),
            "shared_atoms": dg.MetadataValue.int(sum(row["sharedAtoms"] for row in rows)),
            "dedup_ratio": dg.MetadataValue.float(came / kept if kept else 1.0),
            "modalities": markdown_table(rows),
        }
    )


dedup_ledger_job = dg.define_asset_job(
    DEDUP_LEDGER_JOB_NAME,
    selection=dg.AssetSelection.assets(dedup_ledger),
    description="Count what deduplication saves.",
)
