"""The fixed words of tables, messages and graph, each written once in Python.

Migrations are frozen once they are released, so constraints and triggers of the databases repeat some of these words:
tests/unit/test_vocabulary.py holds them, and what docs/architecture.md says of them, against this module.
"""

from typing import Final, Literal, NamedTuple, get_args

Modality = Literal["text", "code", "image", "audio", "video", "tensor", "binary"]
MODALITIES: Final[tuple[Modality, ...]] = get_args(Modality)
EMBEDDED_MODALITIES: Final[tuple[Modality, ...]] = ("text", "image", "audio", "video", "code")
"""Every atom of these needs an embedding, unless its subtype is `gap`."""

EMBEDDED_AS: Final[dict[str, Modality]] = {"code": "text"}
"""Whose models embed atoms of a modality that has none of its own: so one search ranks code and text, in one space."""

TextUnit = Literal["passage", "sentence"]
"""What text becomes: the subtype of its atoms; their content type is `text/` and this."""
TEXT_UNITS: Final[tuple[TextUnit, ...]] = get_args(TextUnit)

PARTIAL: Final = "partial: "
"""How the note of a source begins of which some is kept as bytes only; the reason follows."""
NOT_SEARCHABLE: Final = "not searchable: "
"""How the note of a source begins of a kind that is searched, but of which nothing could be read; the reason follows."""

GAP: Final = "gap"
"""The subtype of atoms that only separate others: they are neither embedded nor in the graph."""

Role = Literal["content", "derived"]
"""How an atom belongs to its source: as bytes of the file (`content`), or as something made from them (`derived`), such as a picture's text."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

InferenceRole = Literal["input", "output"]
"""How an atom belongs to an inference: given to the model (`input`), or produced by it (`output`)."""
INFERENCE_ROLES: Final[tuple[InferenceRole, ...]] = get_args(InferenceRole)

SourceStatus = Literal["Landed", "Atomizing", "Atomized", "DeadLettered", "Erased"]
SOURCE_STATUSES: Final[tuple[SourceStatus, ...]] = get_args(SourceStatus)
UNFINISHED_SOURCE_STATUSES: Final[tuple[SourceStatus, ...]] = ("Landed", "Atomizing")

JobStatus = Literal["Pending", "InProgress", "Completed", "Failed", "DeadLettered"]
JOB_STATUSES: Final[tuple[JobStatus, ...]] = get_args(JobStatus)
OPEN_JOB_STATUSES: Final[tuple[JobStatus, ...]] = ("Pending", "InProgress")

DeadLetterKind = Literal["message", "source", "job"]
DEAD_LETTER_KINDS: Final[tuple[DeadLetterKind, ...]] = get_args(DeadLetterKind)

Label = Literal["Atom", "Source", "Run", "Model", "Inference", "Tenant"]
"""The kinds of node in the graph."""
LABELS: Final[tuple[Label, ...]] = get_args(Label)

EdgeType = Literal[
    "INGESTED_FROM",
    "DERIVED_FROM",
    "GENERATED_BY",
    "EMBEDDED_BY",
    "PROJECTED_BY",
    "USED_ATOM",
    "PRODUCED_ATOM",
    "USED_MODEL",
    "BELONGS_TO",
    "SUPERSEDES",
]
"""An edge points from what was made to what it was made from, after W3C PROV."""
EDGE_TYPES: Final[tuple[EdgeType, ...]] = get_args(EdgeType)


class EdgeKind(NamedTuple):
    """Which labels edges of a type join (start, end), and whether lineage follows them.

    Upstream is along the edge, downstream against it.
    """

    joins: tuple[tuple[Label, Label], ...]
    is_followed_upstream: bool = True
    is_followed_downstream: bool = True


EDGE_KINDS: Final[dict[EdgeType, EdgeKind]] = {
    "INGESTED_FROM": EdgeKind((("Atom", "Source"),)),
    "DERIVED_FROM": EdgeKind((("Atom", "Atom"), ("Source", "Source"))),
    "GENERATED_BY": EdgeKind((("Atom", "Run"), ("Source", "Run"), ("Atom", "Inference"))),
    "EMBEDDED_BY": EdgeKind((("Atom", "Model"),)),
    "PROJECTED_BY": EdgeKind((("Atom", "Model"),)),
    "USED_ATOM": EdgeKind((("Inference", "Atom"),)),
    # Points against all others, from what made to what was made. The atom's GENERATED_BY says the same the right way round.
    "PRODUCED_ATOM": EdgeKind((("Inference", "Atom"),), is_followed_upstream=False, is_followed_downstream=False),
    "USED_MODEL": EdgeKind((("Inference", "Model"),)),
    "BELONGS_TO": EdgeKind((("Source", "Tenant"),)),
    # Nothing that was made of the new version was made of the old one.
    "SUPERSEDES": EdgeKind((("Source", "Source"),), is_followed_downstream=False),
}
UPSTREAM_TYPES: Final = tuple(name for name, kind in EDGE_KINDS.items() if kind.is_followed_upstream)
DOWNSTREAM_TYPES: Final = tuple(name for name, kind in EDGE_KINDS.items() if kind.is_followed_downstream)
