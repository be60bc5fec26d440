"""What the calls answer, for OpenAPI; tests hold real answers against it, so the server need not check each at run time.

Fields are spelled as in the answers. `source_documents.py` and `lineage_documents.py` have those about sources and the graph.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hartonomous_core.vocabulary import DeadLetterKind, JobStatus, Modality


class Document(BaseModel):
    """What a call answers has these fields, and no others."""

    model_config = ConfigDict(extra="forbid")


class Page(Document):
    """A page of a list."""

    next: str | None = Field(description="The `cursor` of the page after this one; null after the last.")


class Place(Document):
    """Where an atom stands: which bytes of the source, as it came in."""

    sourceId: int
    sourceUri: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None = Field(description="Where what is derived comes from.")


class PlacePage(Page):
    """A page of the places of an atom, by source and place."""

    atomHash: str
    places: list[Place]


class Atom(Document):
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


class TextNearby(Document):
    """A text before or after a hit."""

    text: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None


class Context(Document):
    """The texts around a place, in the order of the source."""

    before: list[TextNearby]
    after: list[TextNearby]


class HitPlace(Place):
    """Where a hit stands, and its sentence that answers."""

    highlightOffset: int | None
    highlightLength: int | None
    context: Context | None = None


class Highlight(Document):
    """The sentence that answers."""

    text: str


class Hit(Document):
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
    distance: float | None = Field(description="In spatial mode, from where was looked.")
    position: list[float] | None = Field(description="In spatial mode: x, y, z.")
    sources: list[HitPlace] = Field(description="The first 20 places.")
    placeCount: int
    sourceCount: int


class Looked(Document):
    """Where a search in spatial mode looked."""

    at: list[float] = Field(description="x, y, z of the point from which distances are measured.")
    method: str = Field(description="How the projection places vectors.")
    projectionModelId: int


class Found(Document):
    """What a search found; `answered` says whether any of it can be an answer."""

    answered: bool
    floor: float | None
    best: float | None
    lexicalRanking: str | None
    spatial: Looked | None = Field(default=None, description="In spatial mode; null while nothing has a place.")
    note: str | None = Field(
        default=None,
        description="Why only words were compared, where a meaning was asked for, or that places or rows are missing.",
    )
    results: list[Hit]


class Recorded(Document):
    """An inference as it is recorded now."""

    inferenceId: str
    model: str
    task: str | None
    inputAtoms: list[str]
    outputAtoms: list[str]
    unknownAtoms: list[str] = Field(description="Inputs that the database does not hold.")


class Refusal(Document):
    """One of a list that was not recorded."""

    index: int
    error: str


class RecordedList(Document):
    """What was recorded of a list, and what was not."""

    recorded: list[Recorded]
    refused: list[Refusal]


class ListedInference(Document):
    """An inference in a list."""

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


class InferencePage(Page):
    """A page of inferences, the latest first."""

    inferences: list[ListedInference]


class NamedAtom(Document):
    """An atom that an inference names."""

    atomHash: str
    text: str | None
    isHere: bool


class Inference(ListedInference):
    """An inference with its atoms."""

    inputAtoms: list[NamedAtom]
    outputAtoms: list[NamedAtom]


class Job(Document):
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


class JobPage(Page):
    """A page of jobs, the latest first."""

    jobs: list[Job]


class JobState(Document):
    """A job that waits for the next run."""

    jobId: str
    status: Literal["Pending"]


class DeadLetter(Document):
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


class DeadLetterPage(Page):
    """A page of dead letters, the latest first."""

    deadLetters: list[DeadLetter]


class Replayed(Document):
    """What a dead letter became."""

    deadLetterId: int
    messageId: str | None = None
    jobId: str | None = None


class Discarded(Document):
    """A dead letter that is no more."""

    deadLetterId: int
    discarded: Literal[True]


class NotSearchable(Document):
    """Current sources that are kept as bytes."""

    sources: int
    contentTypes: dict[str, int]


class GraphSize(Document):
    """How large the graph is."""

    nodes: int
    edges: int


class Stats(Document):
    """What the tenant has; `bytesOnDisk` and `queues` are of the whole home, null for a key without `admin`."""

    sources: int
    atoms: int
    embeddings: int
    projections: int
    notSearchable: NotSearchable
    jobs: dict[JobStatus, int]
    queues: dict[str, int] | None
    deadLetters: int
    bytesIn: int
    bytesStored: int
    bytesOnDisk: int | None
    dedupRatio: float | None
    graph: GraphSize | None
    graphUnavailable: str | None


class Check(Document):
    """One check of the health."""

    name: str
    status: Literal["healthy", "degraded", "unhealthy"]
    detail: str
    durationMs: float


class Health(Document):
    """Every check, and the worst of them."""

    status: Literal["healthy", "degraded", "unhealthy"]
    checks: list[Check]
