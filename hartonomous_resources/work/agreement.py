"""Compares a copy of the graph with the views, per tenant and hour: counts of each kind of node and edge, and sums that do not depend on the
order of the rows. What is summed is the column `Digest` of the views, which the copy keeps as a property.
"""

from collections.abc import Mapping, Sequence

from hartonomous_core.clock import is_hour
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_resources.database.graph_views import what_it_holds
from hartonomous_resources.database.period import period_of
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_DIGESTS
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.materialized import MaterializedGraph
from hartonomous_resources.graph.protocol import Digest

REPAIR = "hartonomous verify --graph --repair --all-tenants"
"""The command that makes a copy of the graph what the views say."""


def database_digests(database: Database, tenant_id: int, hour: str | None) -> dict[str, Digest] | None:
    """Digest what the graph must hold of an hour, or of what has none, by the names of the views; None while events are waiting to be synced."""

    def look(unit_of_work: UnitOfWork) -> dict[str, Digest] | None:
        if unit_of_work.query("queue_has_message", queue=PROVENANCE_QUEUE):
            return None
        rows = unit_of_work.query(GRAPH_DIGESTS, tenant_id=tenant_id, hour=hour)
        return {row["view"]: Digest(row["n"], row["total"]) for row in rows}

    return ask(database, look)


def hours_of(database: Database, tenant_id: int) -> list[str]:
    """Return every hour, or day, in which a tenant has sources, atoms or inferences."""
    period = ask(database, period_of)
    return [
        row["hour"] for row in query(database, "hours_of_tenant", tenant_id=tenant_id) if is_hour(row["hour"], period)
    ]


def tenants_of(database: Database) -> list[int]:
    """Return every tenant that has or had sources, atoms or inferences."""
    return [row["tenantId"] for row in query(database, "database_tenants")]


def disagreements(
    database: Database, graph: MaterializedGraph, tenant_id: int, hours: Sequence[str | None]
) -> list[str] | None:
    """Describe where views and copy differ in these hours (None: in what has no hour); None while that cannot be said.

    Events may still be waiting to be synced, or another run may sync some between the two looks: the database is asked before
    and after the graph.

    Raises GraphUnavailable.
    """
    differences = []
    for hour in hours:
        expected = database_digests(database, tenant_id, hour)
        if expected is None:
            return None
        found = graph.digests(tenant_id, hour)
        if database_digests(database, tenant_id, hour) != expected:
            return None
        when = f"hour {hour}" if hour else "without an hour"
        differences += [f"tenant {tenant_id}, {when}: {text}" for text in _differences(expected, found)]
    return differences


def _differences(expected: Mapping[str, Digest], found: Mapping[str, Digest]) -> list[str]:
    texts, none = [], Digest(0, 0)
    for kind in sorted(expected.keys() | found.keys()):
        wanted, have = expected.get(kind, none), found.get(kind, none)
        if have.count != wanted.count:
            texts.append(f"the database has {wanted.count:,} {what_it_holds(kind)}, the graph {have.count:,}")
        elif have.total != wanted.total:
            texts.append(f"{what_it_holds(kind)} are {wanted.count:,} in both, but not the same ones")
    return texts
