"""Rows of statements about embeddings, projections and the models that make them."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement, Values


class AtomToEmbed(TypedDict):
    """An atom as the embedding stage reads it; `textIsValid` is 0 where its text is not UTF-8.

    `embeddedBy` is a JSON array of the ModelIds whose embedding it has.
    """

    atomId: int
    tenantId: int
    modality: str
    text: str | None
    textIsValid: int
    embeddedBy: str


class StoredVector(TypedDict):
    """An embedding as a search scans it; `vector` is float32, little-endian, unless somebody wrote it by hand."""

    atomEmbeddingId: int
    atomId: int
    vector: bytes


class VectorSpace(TypedDict):
    """What the vectors of a model have in common. Below `settledId` no other AtomEmbeddingId appears, none is above `highestId`."""

    artifactHash: str
    dimension: int
    databaseCreatedAt: str
    highestId: int
    settledId: int


class VectorTenant(TypedDict):
    """How many vectors of a model a tenant has, and between which AtomEmbeddingIds."""

    tenantId: int
    vectorCount: int
    firstId: int
    lastId: int


class EmbeddingId(TypedDict):
    """Which embedding."""

    atomEmbeddingId: int


class EmbeddingToProject(StoredVector):
    """An embedding that has no place yet."""

    tenantId: int


class EmbeddingModel(TypedDict):
    """A model whose vectors are compared with one another.

    `loadedFrom` is JSON, None where the settings name it; `answers` says whether it is the one of its modality that answers questions;
    `queuedThrough` is the AtomId up to which atoms are queued for it, None where all are.
    """

    modelId: int
    modality: str
    name: str
    dimension: int
    artifactHash: str
    precision: str
    settings: str
    loadedFrom: str | None
    answers: int
    queuedThrough: int | None


class KnownEmbeddingModel(EmbeddingModel):
    """Any model that was ever here; of one that was dropped, since `droppedAt`, no vector is written any more."""

    active: int
    createdAt: str
    answersSince: str | None
    droppedAt: str | None


class EmbeddingModelCounts(TypedDict):
    """Vectors of a model, its own jobs that are open or were given up, and atoms that are still to be queued for it."""

    vectors: int
    waiting: int
    failed: int
    unqueued: int


class AtomIdRange(TypedDict):
    """AtomIds above `after`, up to `through` and with it; None where no atom is there."""

    after: int
    through: int | None


class TextToEmbed(TypedDict):
    """The text of an atom."""

    atomId: int
    text: str


class AtomsThatLackModel(TypedDict):
    """How many atoms lack a vector, and the highest AtomId of all atoms."""

    atoms: int
    highestId: int


class EmbeddingOfModel(TypedDict):
    """Which embedding, of which atom."""

    atomEmbeddingId: int
    atomId: int
    tenantId: int


class EmbeddingModelId(TypedDict):
    """Which embedding model."""

    modelId: int


class ProjectionModel(TypedDict):
    """How vectors of an embedding model become points; `parameters` is JSON."""

    projectionModelId: int
    method: str
    parameters: str
    artifactHash: str


class StoredProjection(ProjectionModel):
    """A projection as the page lists it: vectors it was fitted to, whether it is read (`active`), whether it is to be (`filling`)."""

    trainedOn: int
    active: int
    filling: int
    createdAt: str


class ProjectionArtifact(TypedDict):
    """What a fitted projection needs to place a vector; its SHA-256 is the `artifactHash` of its model."""

    content: bytes


class PlacedBy(TypedDict):
    """How many embeddings of a space a projection has placed; None: no projection."""

    projectionModelId: int | None
    n: int


class ProjectionModelId(TypedDict):
    """Which projection model."""

    projectionModelId: int


ATOMS_TO_EMBED = Statement("atoms_to_embed", AtomToEmbed)
PENDING_PROJECTIONS = Statement("pending_projections", EmbeddingToProject)
VECTOR_SPACE = Statement("vector_space", VectorSpace)
VECTOR_TENANTS = Statement("vector_tenants", VectorTenant)
VECTORS = Statement("vectors", StoredVector)
EMBEDDING_IDS = Statement("embedding_ids", EmbeddingId)
VECTORS_BY_ID = Statement("vectors_by_id", StoredVector)
VECTORS_OF_ATOMS = Statement("vectors_of_atoms", StoredVector)
EMBEDDING_MODEL = Statement("embedding_model", EmbeddingModelId)
ACTIVE_EMBEDDING_MODELS = Statement("active_embedding_models", EmbeddingModel)
ACTIVE_EMBEDDING_MODEL_IDS = Statement("active_embedding_model_ids", EmbeddingModelId)
EMBEDDING_MODELS = Statement("embedding_models", KnownEmbeddingModel)
EMBEDDING_MODEL_COUNTS = Statement("embedding_model_counts", EmbeddingModelCounts)
NEXT_ATOMS_TO_QUEUE = Statement("next_atoms_to_queue", AtomIdRange)
TEXTS_TO_EMBED = Statement("texts_to_embed", TextToEmbed)
ATOMS_THAT_LACK_MODEL = Statement("atoms_that_lack_model", AtomsThatLackModel)
EMBEDDINGS_OF_DROPPED_MODEL = Statement("embeddings_of_dropped_model", EmbeddingOfModel)
PROJECTION_MODEL = Statement("projection_model", ProjectionModelId)
ACTIVE_PROJECTION_MODEL = Statement("active_projection_model", ProjectionModel)
FILLING_PROJECTION_MODEL = Statement("filling_projection_model", ProjectionModel)
PROJECTION_MODELS = Statement("projection_models", StoredProjection)
PROJECTION_ARTIFACT = Statement("projection_artifact", ProjectionArtifact)
EMBEDDINGS_PLACED_OTHERWISE = Statement("embeddings_placed_otherwise", EmbeddingToProject)
PLACED_BY_PROJECTION = Statement("placed_by_projection", PlacedBy)


def insert_embedding(
    *,
    atom_id: int | None,
    model_id: int,
    dimension: int,
    embedding_vector: bytes,
    window_count: int,
    run_id: str | None,
    created_at: str,
) -> Values:
    """`embedding_vector` is float32, little-endian. Without an atom, or with one that is gone, nothing is written."""
    return atom_id, model_id, dimension, embedding_vector, window_count, run_id, created_at


def project_embedding(
    *, x: float, y: float, z: float, hilbert_value: int, projection_model_id: int, atom_embedding_id: int
) -> Values:
    """Coordinates lie in [-1, 1]."""
    return x, y, z, hilbert_value, projection_model_id, atom_embedding_id
