"""Asset checks: the invariants of docs/architecture.md, evaluated by the chain for each hour that it worked on.

They belong to the chain's own step: as steps of their own, a run in which one stage fails would skip the checks of all others.
"""

from collections import Counter
from collections.abc import Iterator

import dagster as dg

from hartonomous_assets.partitions import INGEST_HOUR
from hartonomous_assets.stage_metadata import markdown_table
from hartonomous_resources.database.protocol import Database, Row, UnitOfWork
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.materialized import MaterializedGraph
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.agreement import disagreements, tenants_of
from hartonomous_resources.work.dead_letter_reasons import reason_without_content
from hartonomous_resources.work.invariants import INVARIANTS, Invariant

_LISTED = 50

_INVARIANT_SPECS = {
    invariant: dg.AssetCheckSpec(
        invariant.name, asset=invariant.asset, description=invariant.rule, partitions_def=INGEST_HOUR
    )
    for invariant in INVARIANTS
}
_DEAD_LETTERS_SPEC = dg.AssetCheckSpec(
    "nothing_dead_lettered",
    asset="sources",
    description="No message, source or job of the hour was given up on. It warns: the rest went on, and `hartonomous dead-letters` "
    "shows what each was.",
    partitions_def=INGEST_HOUR,
)
_GRAPH_SPEC = dg.AssetCheckSpec(
    "graph_agrees",
    asset="provenance_graph",
    description="The graph in Neo4j agrees with the views over the tables: each kind of node and edge of the hour, and what has no hour, is as "
    "many and the same ones, per tenant. Where they differ: materialise provenance_graph alone, or `hartonomous verify --graph --repair`.",
    partitions_def=INGEST_HOUR,
)

CHECK_SPECS: tuple[dg.AssetCheckSpec, ...] = (
    *_INVARIANT_SPECS.values(),
    _DEAD_LETTERS_SPEC,
    *([_GRAPH_SPEC] if Settings().neo4j_uri else []),  # elsewhere the views are the graph
)


def evaluate(
    selected: set[dg.AssetCheckKey], hour: str, database: Database, copy: MaterializedGraph | None
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the selected checks for an hour. What can be counted is a number, so that the page plots it."""
    for invariant, spec in _INVARIANT_SPECS.items():
        if spec.key in selected:
            yield _check_invariant(invariant, spec, hour, database)
    if _DEAD_LETTERS_SPEC.key in selected:
        yield _check_dead_letters(hour, database)
    if _GRAPH_SPEC.key in selected and copy is not None:
        yield _check_graph(hour, database, copy)


def in_partition(result: dg.AssetCheckResult, hour: str) -> dg.AssetCheckEvaluation:
    """Make the event of a result for its hour: in a run of several hours, Dagster itself would store it for none of them."""
    assert result.asset_key is not None and result.check_name is not None  # noqa: S101 - `evaluate` names both
    return dg.AssetCheckEvaluation(
        asset_key=result.asset_key,
        check_name=result.check_name,
        passed=result.passed,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
        partition=hour,
    )


def _check_invariant(
    invariant: Invariant, spec: dg.AssetCheckSpec, hour: str, database: Database
) -> dg.AssetCheckResult:
    broken = len(query(database, invariant.statement, hour=hour, tenant_id=None))
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not broken,
        metadata={"broken rows (at most 100)": dg.MetadataValue.int(broken)},
    )


def _check_dead_letters(hour: str, database: Database) -> dg.AssetCheckResult:
    def of_hour(unit_of_work: UnitOfWork) -> tuple[int, list[Row]]:
        count = unit_of_work.query("dead_letter_count", tenant_id=None, hour=hour)[0]["n"]
        return count, unit_of_work.query("dead_letters_of_hour", hour=hour, n=_LISTED)

    count, letters = ask(database, of_hour)
    reasons = Counter(reason_without_content(letter["reason"]) for letter in letters)
    return dg.AssetCheckResult(
        asset_key=_DEAD_LETTERS_SPEC.asset_key,
        check_name=_DEAD_LETTERS_SPEC.name,
        passed=not count,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(f"{count} x {reason}" for reason, count in reasons.most_common()) or None,
        metadata={
            "dead letters": dg.MetadataValue.int(count),
            f"the latest {_LISTED}" if count > _LISTED else "which": markdown_table(
                [_without_content(letter) for letter in letters]
            ),
        },
    )


def _without_content(letter: Row) -> Row:
    """Describe a dead letter without what a tenant wrote: its body and its uri stay out of Dagster's storage."""
    number, tenant = letter["deadLetterId"], letter["tenantId"]
    whose = " --all-tenants" if tenant is None else f" --tenant {tenant}" if tenant else ""
    return {
        "id": number,
        "kind": letter["kind"],
        "tenant": "unknown" if tenant is None else tenant,
        "attempts": letter["attemptCount"],
        "reason": reason_without_content(letter["reason"]),
        "once mended": f"`hartonomous dead-letters replay {number}{whose}`",
    }


def _check_graph(hour: str, database: Database, copy: MaterializedGraph) -> dg.AssetCheckResult:
    waiting, differences = False, []
    try:
        for tenant in tenants_of(database):
            found = disagreements(database, copy, tenant, [None, hour])
            waiting |= found is None
            differences += found or []
    except GraphUnavailable as error:
        differences.append(str(error))
    return dg.AssetCheckResult(
        asset_key=_GRAPH_SPEC.asset_key,
        check_name=_GRAPH_SPEC.name,
        passed=not differences,
        description="events are still waiting or being synced; compared when the queue is empty" if waiting else None,
        metadata={
            "differences": dg.MetadataValue.int(len(differences)),
            "which": markdown_table([{"difference": text} for text in differences]),
            "events waiting": dg.MetadataValue.bool(waiting),
        },
    )
