"""What the calls return, as the server's OpenAPI describes it; tests hold the two against each other."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Modality = Literal["text", "code", "image", "audio", "video", "tensor", "binary"]
SourceStatus = Literal["Landed", "Atomizing", "Atomized", "DeadLettered", "Erased"]
JobStatus = Literal["Pending", "InProgress", "Completed", "Failed", "DeadLettered"]
Mode = Literal["hybrid", "semantic", "lexical", "spatial"]
Direction = Literal["upstream", "downstream", "both"]
DocumentFormat = Literal["json", "mermaid", "dot", "prov-json", "svg"]
HealthStatus = Literal["healthy", "degraded", "unhealthy"]


class Source(TypedDict):
    sourceId: int
    tenantId: int
    sourceUri: str
    version: int
    supersededBy: int | None
    contentType: str
    contentHash: str | None
    byteLength: int
    ingestHour: str
    status: SourceStatus
    atomizerVersion: str | None
    messageId: str
    receivedAt: str
    lastSeenAt: str
    errorMessage: str | None
    metadata: dict[str, Any]
    searchable: bool
    runIds: list[str]
    atomCount: int
    newAtomCount: int
    newBytes: int


class AtomOfSource(TypedDict):
    ordinal: int
    hash: str
    byteOffset: int
    byteLength: int
    subtype: str | None
    text: str | None


class QueuedFile(TypedDict):
    messageId: str
    sourceUri: str
    status: str


class Place(TypedDict):
    sourceId: int
    sourceUri: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None


class Atom(TypedDict):
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


class TextNearby(TypedDict):
    text: str
    byteOffset: int | None
    byteLength: int | None
    locator: dict[str, Any] | None


class Context(TypedDict):
    before: list[TextNearby]
    after: list[TextNearby]


class HitPlace(Place):
    highlightOffset: int | None
    highlightLength: int | None
    context: NotRequired[Context]


class Highlight(TypedDict):
    text: str


class Hit(TypedDict):
    rank: int
    score: float | None
    atomHash: str
    modality: Modality
    subtype: str | None
    text: str | None
    highlight: Highlight | None
    semanticRank: int | None
    lexicalRank: int | None
    distance: float | None
    position: list[float] | None
    sources: list[HitPlace]
    placeCount: int
    sourceCount: int


class Looked(TypedDict):
    at: list[float]
    method: str
    projectionModelId: int


class Found(TypedDict):
    answered: bool
    floor: float | None
    best: float | None
    lexicalRanking: str | None
    spatial: NotRequired[Looked | None]
    note: NotRequired[str | None]
    results: list[Hit]


class Lineage(TypedDict):
    """Nodes have `id` and `label`, edges `from`, `to` and `type`, both the properties of their kind."""

    tenant: int
    node: str
    start: dict[str, Any]
    nodes: list[dict[str, Any]]
    edges: list[dict[str, Any]]
    truncated: bool
    next: str | None


class Impact(TypedDict):
    tenant: int
    node: str
    counts: dict[str, int]
    onlyHere: int | None
    nodes: list[dict[str, Any]]
    truncated: bool


class Recorded(TypedDict):
    inferenceId: str
    model: str
    task: str | None
    inputAtoms: list[str]
    outputAtoms: list[str]
    unknownAtoms: list[str]


class Refusal(TypedDict):
    index: int
    error: str


class RecordedList(TypedDict):
    recorded: list[Recorded]
    refused: list[Refusal]


class ListedInference(TypedDict):
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


class NamedAtom(TypedDict):
    atomHash: str
    text: str | None
    isHere: bool


class Inference(ListedInference):
    inputAtoms: list[NamedAtom]
    outputAtoms: list[NamedAtom]


class Job(TypedDict):
    jobId: str
    jobType: str
    parameters: str
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


class JobState(TypedDict):
    jobId: str
    status: Literal["Pending"]


class DeadLetter(TypedDict):
    deadLetterId: int
    kind: Literal["message", "source", "job"]
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
    replay: str
    seenCount: int


class Replayed(TypedDict):
    deadLetterId: int
    messageId: NotRequired[str | None]
    jobId: NotRequired[str | None]


class Discarded(TypedDict):
    deadLetterId: int
    discarded: Literal[True]


class NotSearchable(TypedDict):
    sources: int
    contentTypes: dict[str, int]


class GraphSize(TypedDict):
    nodes: int
    edges: int


class Stats(TypedDict):
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


class EmbeddingModel(TypedDict):
    modelId: int
    modality: Modality
    name: str
    precision: str
    engine: Literal["native", "onnxruntime", "api"]
    dimension: int
    artifactHash: str
    state: Literal["answers", "ready", "filling", "incomplete", "idle", "dropping"]
    active: bool
    filled: float | None
    vectors: int | None
    waiting: int | None
    failed: int | None
    bytesOnDisk: int | None
    loadedFrom: str | None
    createdAt: str
    answersSince: str | None


class EmbeddingModels(TypedDict):
    models: list[EmbeddingModel]
    chosenBy: Literal["settings", "database"]


class Check(TypedDict):
    name: str
    status: HealthStatus
    detail: str
    durationMs: float


class Health(TypedDict):
    status: HealthStatus
    checks: list[Check]
