"""What the call about embedding models answers, for OpenAPI."""

from __future__ import annotations

from typing import Literal

from hartonomous_core.vocabulary import Modality
from hartonomous_service.http.documents import Document


class EmbeddingModel(Document):
    """A model of the whole home. Counts, a state that takes one, and where it is loaded from are null for a key without `admin`."""

    modelId: int
    modality: Modality
    name: str
    precision: str
    engine: Literal["native", "onnxruntime", "api"]
    dimension: int
    artifactHash: str
    state: Literal["answers", "ready", "filling", "incomplete", "idle", "dropping"] | None
    active: bool
    filled: float | None
    vectors: int | None
    waiting: int | None
    failed: int | None
    bytesOnDisk: int | None
    loadedFrom: str | None
    createdAt: str
    answersSince: str | None


class EmbeddingModels(Document):
    """The models side by side, and whether the settings or the database say which there are."""

    models: list[EmbeddingModel]
    chosenBy: Literal["settings", "database"]
