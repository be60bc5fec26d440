"""Which embedding model and which projection are active. Switching one queues what has to be done again."""

import hashlib
import json

from hartonomous_core.clock import timestamp
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, landmark_parameters
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    ACTIVE_EMBEDDING_MODEL,
    ACTIVE_PROJECTION_MODEL,
    EMBEDDING_MODEL,
    PROJECTION_MODEL,
    EmbeddingModel,
    ProjectionModel,
)


def activate_embedding_model(unit_of_work: UnitOfWork, model: ModelIdentity) -> int:
    """Make `model` the active one of its modality and return its ModelId.

    A switch queues the embedding of every atom that only another model has embedded.
    """
    found = unit_of_work.query(
        EMBEDDING_MODEL, modality=model.modality, artifact_hash=model.artifact_hash, settings=model.settings
    )
    if not found:
        unit_of_work.execute(
            "insert_embedding_model",
            modality=model.modality,
            name=model.name,
            dimension=model.dimension,
            artifact_hash=model.artifact_hash,
            precision=model.precision,
            settings=model.settings,
            now=timestamp(),
        )
        found = unit_of_work.query(
            EMBEDDING_MODEL, modality=model.modality, artifact_hash=model.artifact_hash, settings=model.settings
        )
    model_id = found[0]["modelId"]
    active = unit_of_work.query(ACTIVE_EMBEDDING_MODEL, modality=model.modality)
    if not active or active[0]["modelId"] != model_id:
        unit_of_work.execute("deactivate_embedding_models", modality=model.modality)
        unit_of_work.execute("activate_embedding_model", model_id=model_id)
        unit_of_work.execute("requeue_jobs_for_model", modality=model.modality, model_id=model_id)
    return model_id


def active_embedding_model(unit_of_work: UnitOfWork, modality: str = "text") -> EmbeddingModel | None:
    """The active embedding model of a modality, or None before anything was embedded."""
    rows = unit_of_work.query(ACTIVE_EMBEDDING_MODEL, modality=modality)
    return rows[0] if rows else None


def ensure_projection_model(unit_of_work: UnitOfWork, model_id: int, dimension: int) -> ProjectionModel:
    """The active projection of an embedding model; the landmark projection, which needs no data, when there is none."""
    active = unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)
    if active:
        return active[0]
    parameters = json.dumps(landmark_parameters(dimension), sort_keys=True)
    activate_projection_model(unit_of_work, model_id, LANDMARK_METHOD, parameters, trained_on=0)
    return unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)[0]


def activate_projection_model(
    unit_of_work: UnitOfWork, model_id: int, method: str, parameters: str, trained_on: int
) -> None:
    """Make a projection the active one of an embedding model; what another one placed is placed again."""
    artifact_hash = hashlib.sha256(f"{method}|{parameters}".encode()).hexdigest()
    found = unit_of_work.query(PROJECTION_MODEL, model_id=model_id, artifact_hash=artifact_hash)
    if not found:
        unit_of_work.execute(
            "insert_projection_model",
            model_id=model_id,
            method=method,
            parameters=parameters,
            trained_on=trained_on,
            artifact_hash=artifact_hash,
            now=timestamp(),
        )
        found = unit_of_work.query(PROJECTION_MODEL, model_id=model_id, artifact_hash=artifact_hash)
    projection_model_id = found[0]["projectionModelId"]
    unit_of_work.execute("deactivate_projection_models", model_id=model_id)
    unit_of_work.execute("activate_projection_model", projection_model_id=projection_model_id)
    unit_of_work.execute("unproject_other_models", model_id=model_id, projection_model_id=projection_model_id)
