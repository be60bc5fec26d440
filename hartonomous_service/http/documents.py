"""What the calls answer, for OpenAPI; tests hold real answers against it, so the server need not check each at run time.

Fields are spelled as in the answers.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hartonomous_core.vocabulary import DeadLetterKind, EdgeType, JobStatus, Label, Modality


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Page(_Document):
    next: str | None = Field(description="The `cursor` of the page after this one; null after the last.")


class Place(_Document):
    """Where an atom stands: which bytes of the source, as it came in."""

    sourceId: int
    sourceUri: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None = Field(description="Where what is derived comes from.")


class PlacePage(_Page):
    """A page of the places of an atom, by source and place."""

    atomHash: str
    places: list[Place]
    sourceCount: int
    total: int


class Atom(_Document):
    """An atom, and how often it stands in current sources."""

    atomId: int
    tenantId: int
    atomHash: str
    modality: Modality
    subtype: str | None
    contentType: str | None
    text: str | None
    ingestHour: str
    createdAt: str
    placeCount: int
    sourceCount: int


class TextNearby(_Document):
    """A text before or after a hit."""

    text: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None


class Context(_Document):
    """The texts around a place, in the order of the source."""

    before: list[TextNearby]
    after: list[TextNearby]


class HitPlace(Place):
    """Where a hit stands, and its sentence that answers."""

    highlightOffset: int | None
    highlightLength: int | None
    context: Context | None = None


class Highlight(_Document):
    """The sentence that answers."""

    text: str


class Hit(_Document):
    """An atom that was found."""

    rank: int
    score: float | None = Field(description="Its cosine; null in lexical mode, and where it has no vector.")
    atomHash: str
    modality: Modality
    subtype: str | None
    text: str | None
    highlight: Highlight | None
    semanticRank: int | None
    lexicalRank: int | None
    sources: list[HitPlace] = Field(description="The first 20 places.")
    placeCount: int
    sourceCount: int


class Found(_Document):
    """What a search found; `answered` says whether any of it can be an answer."""

    answered: bool
    floor: float | None
    best: float | None
    lexicalRanking: str | None
    results: list[Hit]


class GraphNode(BaseModel):
    """A node, with the properties of its label."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="label:key", examples=["Source:12"])
    label: Label


class GraphEdge(BaseModel):
    """An edge, from what was made to what it was made from, with the properties of its type."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    type: EdgeType


class Lineage(_Document):
    """The nodes and edges around a node, the nearest first."""

    tenant: int
    node: str
    start: GraphNode
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool
    next: str | None = Field(description="The `after` of the page after this one.")


class Impact(_Document):
    """What depends on a node: all of it counted by label, the nearest nodes listed."""

    tenant: int
    node: str
    counts: dict[Label, int]
    onlyHere: int | None = Field(description="Atoms of a source that no other source holds.")
    nodes: list[GraphNode]
    truncated: bool


class Recorded(_Document):
    """An inference as it is recorded now."""

    inferenceId: str
    model: str
    task: str | None
    inputAtoms: list[str]
    outputAtoms: list[str]
    unknownAtoms: list[str] = Field(description="Inputs that the database does not hold.")


class Refusal(_Document):
    """One of a list that was not recorded."""

    index: int
    error: str


class RecordedList(_Document):
    """What was recorded of a list, and what was not."""

    recorded: list[Recorded]
    refused: list[Refusal]


class _Inference(_Document):
    inferenceId: str
    tenantId: int
    model: str
    task: str | None
    startedAt: str | None
    durationMs: int | None
    metadata: dict[str, Any]
    createdAt: str
    inputAtomCount: int
    outputAtomCount: int


class ListedInference(_Inference):
    """An inference in a list."""


class InferencePage(_Page):
    """A page of inferences, the latest first."""

    inferences: list[ListedInference]


class NamedAtom(_Document):
    """An atom that an inference names."""

    atomHash: str
    text: str | None
    isHere: bool


class Inference(_Inference):
    """An inference with its atoms."""

    inputAtoms: list[NamedAtom]
    outputAtoms: list[NamedAtom]


class Job(_Document):
    """A background job."""

    jobId: str
    jobType: str
    parameters: str = Field(description="A JSON object.")
    atomId: int | None
    modelId: int | None
    tenantId: int
    ingestHour: str
    status: JobStatus
    attemptCount: int
    maxAttempts: int
    result: str | None
    createdAt: str
    startedAt: str | None
    completedAt: str | None


class JobPage(_Page):
    """A page of jobs, the latest first."""

    jobs: list[Job]


class JobState(_Document):
    """A job that waits for the next run."""

    jobId: str
    status: Literal["Pending"]


class DeadLetter(_Document):
    """What was given up, as it was kept."""

    deadLetterId: int
    kind: DeadLetterKind
    tenantId: int | None
    ingestHour: str
    queue: str | None
    orderingKey: str | None
    messageId: str | None
    sourceId: int | None
    jobId: str | None
    reason: str
    body: str
    attemptCount: int
    firstFailedAt: str
    lastFailedAt: str
    replay: str = Field(description="What a replay does.")
    seenCount: int


class DeadLetterPage(_Page):
    """A page of dead letters, the latest first."""

    deadLetters: list[DeadLetter]


class Replayed(_Document):
    """What a dead letter became."""

    deadLetterId: int
    messageId: str | None = None
    jobId: str | None = None


class Discarded(_Document):
    """A dead letter that is no more."""

    deadLetterId: int
    discarded: Literal[True]


class NotSearchable(_Document):
    """Current sources that are kept as bytes."""

    sources: int
    contentTypes: dict[str, int]


class GraphSize(_Document):
    """How large the graph is."""

    nodes: int
    edges: int


class Stats(_Document):
    """What the tenant has; `bytesOnDisk` and `queues` are of the whole home."""

    sources: int
    atoms: int
    embeddings: int
    projections: int
    notSearchable: NotSearchable
    jobs: dict[JobStatus, int]
    queues: dict[str, int]
    deadLetters: int
    bytesIn: int
    bytesStored: int
    bytesOnDisk: int
    dedupRatio: float | None
    graph: GraphSize | None
    graphUnavailable: str | None


class Check(_Document):
    """One check of the health."""

    name: str
    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str
    durationMs: float


class Health(_Document):
    """Every check, and the worst of them."""

    status: Literal["healthy", "degraded", "unhealthy"]
    checks: list[Check]
