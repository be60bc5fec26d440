"""The invariants that one statement can check, named as people read them. `verify` and the asset checks hold the same ones."""

from dataclasses import dataclass

MOST_ROWS = 100
"""The most rows that the statement of an invariant returns; where it returns as many, there may be more."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule, the asset that answers for it, and the named statement that returns the rows breaking it."""

    name: str
    asset: str
    statement: str
    rule: str


EDGES_HAVE_ENDS = Invariant(
    "edges_have_ends",
    "provenance_graph",
    "dangling_edges",
    "Every end of an edge of the graph is a node of the edge's tenant.",
)

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
        "atoms_are_readable",
        "atoms",
        "unreadable_atoms",
        "What was inserted by hand has an AtomId below 2^53, an IngestHour that is one, text in UTF-8, and the SHA-256 of its text or value.",
    ),
    Invariant(
        "embedded_or_explained",
        "atom_embeddings",
        "unexplained_missing_embeddings",
        "Every atom that needs an embedding has one per active model of its modality, or a job that says why not.",
    ),
    Invariant(
        "positions_are_real",
        "atom_projections",
        "broken_positions",
        "Coordinates lie in [-1, 1] and have a Hilbert value.",
    ),
    EDGES_HAVE_ENDS,
)
