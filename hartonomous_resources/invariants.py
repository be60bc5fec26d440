"""The invariants that one statement can check, named as people read them. `verify` and the asset checks hold the same ones."""

from dataclasses import dataclass

from hartonomous_resources.database.protocol import Database, Row
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.messages import PROVENANCE_QUEUE


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule, the asset that answers for it, and the named statement that returns the rows breaking it."""

    name: str
    asset: str
    statement: str
    rule: str


INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        "sources_are_covered",
        "atoms",
        "broken_coverage",
        "The content atoms and suffixes of a source cover its bytes exactly.",
    ),
    Invariant(
        "references_are_counted",
        "atoms",
        "broken_reference_counts",
        "ReferenceCount equals the SourceAtom rows; an atom that no source holds is gone, unless inserted by hand.",
    ),
    Invariant("atoms_are_unique", "atoms", "duplicate_atoms", "One atom per tenant and content hash."),
    Invariant("tenants_are_apart", "atoms", "broken_tenancy", "A source holds only atoms of its own tenant."),
    Invariant(
        "embedded_or_explained",
        "atom_embeddings",
        "unexplained_missing_embeddings",
        "Every atom that needs an embedding has one of the active model, or a job that says why not.",
    ),
    Invariant(
        "positions_are_real",
        "atom_projections",
        "broken_positions",
        "Coordinates lie in [-1, 1] and have a Hilbert value.",
    ),
)


def graph_disagreements(database: Database, graph: Graph, tenant_id: int) -> list[str] | None:
    """Where the counts of database and graph differ for a tenant; None while that cannot be said.

    Events may still be waiting to be synced, or another run may sync some between the two counts: the database is asked
    before and after the graph.

    Raises GraphUnavailable.
    """
    expected = _graph_totals(database, tenant_id)
    nodes, edges = graph.counts(tenant_id)
    if expected is None or _graph_totals(database, tenant_id) != expected:
        return None
    found = {"atoms": nodes.get("Atom", 0), "sources": nodes.get("Source", 0), "edges": edges.get("INGESTED_FROM", 0)}
    return [
        f"tenant {tenant_id}: the database has {expected[kind]} {kind}, the graph {n}"
        for kind, n in found.items()
        if n != expected[kind]
    ]


def _graph_totals(database: Database, tenant_id: int) -> Row | None:
    """What the graph must hold, or None while events are waiting."""
    with database.read() as unit_of_work:
        if unit_of_work.query("queue_has_message", queue=PROVENANCE_QUEUE):
            return None
        return unit_of_work.query("graph_totals", tenant_id=tenant_id)[0]
