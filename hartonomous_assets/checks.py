"""Asset checks: the invariants of docs/architecture.md, evaluated by the chain for the hours that it worked on.

They belong to the chain's own step: as steps of their own, a run in which one stage fails would skip the checks of all others.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from hartonomous_resources.agreement import disagreements, tenants_of
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.graph.protocol import Graph, GraphUnavailable
from hartonomous_resources.invariants import INVARIANTS, Invariant

_INVARIANT_SPECS = {
    invariant: dg.AssetCheckSpec(invariant.name, asset=invariant.asset, description=invariant.rule)
    for invariant in INVARIANTS
}
_DEAD_LETTERS_SPEC = dg.AssetCheckSpec(
    "nothing_dead_lettered",
    asset="sources",
    description="No message, source or job of the hour was given up on. It warns: the rest went on, and `hartonomous dead-letters` "
    "shows why.",
)
_GRAPH_SPEC = dg.AssetCheckSpec(
    "graph_agrees",
    asset="provenance_graph",
    description="Graph and database agree: atoms, sources and edges of the hour are as many and the same ones, per tenant. Where they differ: "
    "materialise provenance_graph alone, or `hartonomous verify --graph --repair`.",
)

CHECK_SPECS: tuple[dg.AssetCheckSpec, ...] = (*_INVARIANT_SPECS.values(), _DEAD_LETTERS_SPEC, _GRAPH_SPEC)


def evaluate(
    selected: set[dg.AssetCheckKey], hours: Sequence[str], database: Database, graph: Graph
) -> Iterator[dg.AssetCheckResult]:
    """Results of the selected checks over these hours, per hour in their metadata."""
    for invariant, spec in _INVARIANT_SPECS.items():
        if spec.key in selected:
            yield _check_invariant(invariant, spec, hours, database)
    if _DEAD_LETTERS_SPEC.key in selected:
        yield _check_dead_letters(hours, database)
    if _GRAPH_SPEC.key in selected:
        yield _check_graph(hours, database, graph)


def _check_invariant(
    invariant: Invariant, spec: dg.AssetCheckSpec, hours: Sequence[str], database: Database
) -> dg.AssetCheckResult:

    def broken_by_hour(unit_of_work: UnitOfWork) -> dict[str, int]:
        return {hour: len(unit_of_work.query(invariant.statement, hour=hour, tenant_id=None)) for hour in hours}

    broken = ask(database, broken_by_hour)
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=not any(broken.values()),
        metadata={"broken rows by hour (at most 100)": dg.MetadataValue.json(broken)},
    )


def _check_dead_letters(hours: Sequence[str], database: Database) -> dg.AssetCheckResult:

    def count_by_hour(unit_of_work: UnitOfWork) -> dict[str, int]:
        return {hour: unit_of_work.query("dead_letter_count", tenant_id=None, hour=hour)[0]["n"] for hour in hours}

    counts = ask(database, count_by_hour)
    return dg.AssetCheckResult(
        asset_key=_DEAD_LETTERS_SPEC.asset_key,
        check_name=_DEAD_LETTERS_SPEC.name,
        passed=not any(counts.values()),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"dead letters by hour": dg.MetadataValue.json(counts)},
    )


def _check_graph(hours: Sequence[str], database: Database, graph: Graph) -> dg.AssetCheckResult:
    waiting, differences = False, []
    try:
        for tenant in tenants_of(database):
            found = disagreements(database, graph, tenant, hours)
            waiting |= found is None
            differences += found or []
    except GraphUnavailable as error:
        differences.append(str(error))
    return dg.AssetCheckResult(
        asset_key=_GRAPH_SPEC.asset_key,
        check_name=_GRAPH_SPEC.name,
        passed=not differences,
        description="events are still waiting or being synced; compared when the queue is empty" if waiting else None,
        metadata={"differences": dg.MetadataValue.json(differences), "events waiting": dg.MetadataValue.bool(waiting)},
    )
