"""Asset checks: the invariants of docs/architecture.md, per hour."""

from collections.abc import Sequence

import dagster as dg

from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.protocol import Graph, GraphUnavailable
from hartonomous_resources.invariants import INVARIANTS, Invariant, graph_disagreements


def _check_of(invariant: Invariant) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=invariant.asset, name=invariant.name, description=invariant.rule, partitions_def=INGEST_HOUR)
    def check(context: dg.AssetCheckExecutionContext, database: dg.ResourceParam[Database]) -> dg.AssetCheckResult:
        with database.read() as unit_of_work:
            broken = {
                hour: unit_of_work.query(invariant.statement, hour=hour, tenant_id=None) for hour in _hours(context)
            }
        counts = {hour: len(rows) for hour, rows in broken.items()}
        return dg.AssetCheckResult(
            passed=not any(counts.values()),
            metadata={"broken rows by hour (first 100)": dg.MetadataValue.json(counts)},
            description=invariant.rule,
        )

    return check


@dg.asset_check(
    asset="sources",
    partitions_def=INGEST_HOUR,
    description="No message or source of the hour was given up on. It warns: the rest went on, and `hartonomous dead-letters` shows why.",
)
def nothing_dead_lettered(
    context: dg.AssetCheckExecutionContext, database: dg.ResourceParam[Database]
) -> dg.AssetCheckResult:
    with database.read() as unit_of_work:
        counts = {
            hour: unit_of_work.query("dead_letter_count", tenant_id=None, hour=hour)[0]["n"] for hour in _hours(context)
        }
    return dg.AssetCheckResult(
        passed=not any(counts.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"dead letters by hour": dg.MetadataValue.json(counts)},
    )


@dg.asset_check(
    asset="provenance_graph",
    description="Graph and database agree: atoms, sources and edges count the same, per tenant.",
)
def graph_agrees(database: dg.ResourceParam[Database], graph: dg.ResourceParam[Graph]) -> dg.AssetCheckResult:
    waiting, differences = False, []
    try:
        with database.read() as unit_of_work:
            for row in unit_of_work.query("database_tenants"):
                found = graph_disagreements(unit_of_work, graph, row["tenantId"])
                waiting |= found is None
                differences += found or []
    except GraphUnavailable as error:
        differences.append(str(error))
    return dg.AssetCheckResult(
        passed=not differences,
        metadata={"differences": dg.MetadataValue.json(differences), "events waiting": dg.MetadataValue.bool(waiting)},
        description="events are still waiting to be synced; compared when the queue is empty" if waiting else None,
    )


def _hours(context: dg.AssetCheckExecutionContext) -> Sequence[str]:
    if not context.has_partition_key and not context.has_partition_key_range:
        raise dg.Failure("pick the hours to check")
    return list(context.partition_keys) if hasattr(context, "partition_keys") else [context.partition_key]


CHECKS = [*(_check_of(invariant) for invariant in INVARIANTS), nothing_dead_lettered, graph_agrees]
