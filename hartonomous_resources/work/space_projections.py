"""Which projection places the vectors of a space: the active one, which readers see, and the one that is to be active once all are placed by it."""

import hashlib
import json

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    ACTIVE_EMBEDDING_MODEL_IDS,
    ACTIVE_PROJECTION_MODEL,
    FILLING_PROJECTION_MODEL,
    PROJECTION_MODEL,
    ProjectionModel,
)

_ROWS_CLEARED = 10_000


def ensure_projection_model(unit_of_work: UnitOfWork, model_id: int, dimension: int) -> ProjectionModel | None:
    """Return the active projection of an embedding model; the landmark projection, which needs no data, when there is none.

    None for a model that is not active any more and has none: it was dropped after the caller had read of it.
    """
    active = unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)
    if not active:
        if model_id not in [row["modelId"] for row in unit_of_work.query(ACTIVE_EMBEDDING_MODEL_IDS)]:
            return None
        unit_of_work.execute(
            "activate_projection_model", projection_model_id=add_landmark_projection(unit_of_work, model_id, dimension)
        )
        active = unit_of_work.query(ACTIVE_PROJECTION_MODEL, model_id=model_id)
    return active[0]


def add_landmark_projection(unit_of_work: UnitOfWork, model_id: int, dimension: int) -> int:
    """Return the ProjectionModelId of the landmark projection of an embedding model, inserting it where it is new."""
    from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, landmark_parameters

    return add_projection_model(unit_of_work, model_id, LANDMARK_METHOD, landmark_parameters(dimension))


def add_projection_model(
    unit_of_work: UnitOfWork,
    model_id: int,
    method: str,
    parameters: dict[str, object],
    *,
    trained_on: int = 0,
    artifact: bytes | None = None,
) -> int:
    """Return the ProjectionModelId of a projection of an embedding model, inserting it where it is new.

    It is known by the SHA-256 of its artefact or, where it needs none, of method and parameters.
    """
    text = json.dumps(parameters, sort_keys=True)
    artifact_hash = hashlib.sha256(f"{method}|{text}".encode() if artifact is None else artifact).hexdigest()
    found = unit_of_work.query(PROJECTION_MODEL, model_id=model_id, artifact_hash=artifact_hash)
    if not found:
        unit_of_work.execute(
            "insert_projection_model",
            model_id=model_id,
            method=method,
            parameters=text,
            trained_on=trained_on,
            artifact_hash=artifact_hash,
            now=timestamp(),
        )
        found = unit_of_work.query(PROJECTION_MODEL, model_id=model_id, artifact_hash=artifact_hash)
        if artifact is not None:
            unit_of_work.execute(
                "insert_projection_artifact", projection_model_id=found[0]["projectionModelId"], content=artifact
            )
    return found[0]["projectionModelId"]


def fill_with(unit_of_work: UnitOfWork, model_id: int, projection_model_id: int) -> None:
    """Have all embeddings of a model placed by one of its projections, which then becomes the active one; nothing else is being filled then.

    With the active one, what another one has placed meanwhile is placed back.
    """
    unit_of_work.execute("stop_filling", model_id=model_id)
    unit_of_work.execute("start_filling", projection_model_id=projection_model_id)


def target_projection(unit_of_work: UnitOfWork, model_id: int, active: ProjectionModel) -> ProjectionModel:
    """Return by which projection all embeddings of a model are to be placed: the filling one, else the active one."""
    filling = unit_of_work.query(FILLING_PROJECTION_MODEL, model_id=model_id)
    return filling[0] if filling else active


def activate_when_filled(unit_of_work: UnitOfWork, model_id: int, target: ProjectionModel) -> bool:
    """Make the target of a model its active projection once no other one has placed any of its embeddings; returns whether it is active."""
    placed_by = {"model_id": model_id, "projection_model_id": target["projectionModelId"]}
    if unit_of_work.query("any_placed_otherwise", **placed_by):
        return False
    unit_of_work.execute("deactivate_projection_models", model_id=model_id)
    unit_of_work.execute("activate_projection_model", projection_model_id=target["projectionModelId"])
    return True


def clear_former_positions(unit_of_work: UnitOfWork, model_id: int) -> int:
    """Delete some positions by projections that are not active any more; returns how many."""
    return unit_of_work.execute("clear_former_positions", model_id=model_id, n=_ROWS_CLEARED)
