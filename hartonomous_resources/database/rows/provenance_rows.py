"""Rows of statements that say what the graph holds."""

from typing import TypedDict

from hartonomous_core.vocabulary import InferenceRole, Modality
from hartonomous_resources.database.rows.atom_rows import AtomId
from hartonomous_resources.database.rows.source_rows import SourceId
from hartonomous_resources.database.statements import Statement


class GraphAtom(TypedDict):
    """An atom; `atomHash` in hex, `firstSourceId` None where no atomized source holds it."""

    atomId: int
    atomHash: str
    modality: Modality
    subtype: str | None
    contentType: str | None
    ingestHour: str
    createdAt: str
    firstSourceId: int | None


class GraphOccurrence(TypedDict):
    """An atom in a source: where first, and how often."""

    atomId: int
    sourceId: int
    firstOrdinal: int
    count: int


class GraphSource(TypedDict):
    """An atomized source; `contentHash` in hex."""

    sourceId: int
    sourceUri: str
    version: int
    contentType: str
    contentHash: str
    byteLength: int
    receivedAt: str
    ingestHour: str
    supersededBy: int | None


class SupersededSource(TypedDict):
    """A version and the one that took its place, which came at `receivedAt`."""

    sourceId: int
    supersededBy: int
    receivedAt: str


class RunOfSource(TypedDict):
    """A run that wrote atoms of a source."""

    sourceId: int
    runId: str


class GraphModel(TypedDict):
    """An embedding model."""

    modelId: int
    name: str
    precision: str
    artifactHash: str
    dimension: int


class GraphEmbedding(GraphModel):
    """By which model, and in which run, an atom was embedded, and what placed it in space: nothing yet where these are None."""

    atomId: int
    runId: str | None
    createdAt: str
    projectionModelId: int | None
    projectionMethod: str | None
    projectionHash: str | None
    projectionCreatedAt: str | None


class UseOfAtom(TypedDict):
    """An atom, its hash in hex, that an inference was given or produced, and where it named it first."""

    inferenceId: str
    role: InferenceRole
    atomHash: str
    firstOrdinal: int
    createdAt: str


class UseOfAtomHere(UseOfAtom):
    """The same of an atom that is here."""

    atomId: int


class GraphInference(TypedDict):
    """An inference."""

    inferenceId: str
    model: str
    task: str | None
    startedAt: str | None
    durationMs: int | None
    createdAt: str


class InferenceId(TypedDict):
    """Which inference."""

    inferenceId: str


class FirstAtom(TypedDict):
    """An atom of a source that is the first one to hold it, of all sources or of a run's."""

    atomId: int
    isFirst: int
    isFirstOfRun: int


class SourceAtomAfter(TypedDict):
    """An occurrence in a source, which the next ones come after."""

    atomId: int
    role: str
    ordinal: int


GRAPH_ATOMS = Statement("graph_atoms", GraphAtom)
GRAPH_OCCURRENCES = Statement("graph_occurrences", GraphOccurrence)
GRAPH_SOURCES = Statement("graph_sources", GraphSource)
GRAPH_SUPERSEDED = Statement("graph_superseded", SupersededSource)
SOURCE_RUNS = Statement("source_runs", RunOfSource)
GRAPH_MODELS = Statement("graph_models", GraphModel)
GRAPH_EMBEDDINGS = Statement("graph_embeddings", GraphEmbedding)
INFERENCES_OF_ATOMS = Statement("inferences_of_atoms", UseOfAtom)
ATOMS_OF_INFERENCES = Statement("atoms_of_inferences", UseOfAtomHere)
INFERENCE = Statement("inference", GraphInference)
ATOMIZED_SOURCES_OF_HOUR = Statement("atomized_sources_of_hour", SourceId)
SOURCE_ATOMS_AFTER = Statement("source_atoms_after", SourceAtomAfter)
LOOSE_ATOMS_OF_HOUR = Statement("loose_atoms_of_hour", AtomId)
INFERENCES_BETWEEN = Statement("inferences_between", InferenceId)
FIRST_ATOMS_OF_SOURCE = Statement("first_atoms_of_source", FirstAtom)
