"""Reads and switches the active embedding models. Switching one queues what has to be done again."""

import json
from collections.abc import Container, Sequence

from hartonomous_core.clock import timestamp
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    ACTIVE_EMBEDDING_MODEL_IDS,
    ACTIVE_EMBEDDING_MODELS,
    EMBEDDING_MODEL,
    EmbeddingModel,
)

_ANY_ID = 2**63 - 1


def activate_embedding_models(unit_of_work: UnitOfWork, models: Sequence[ModelIdentity]) -> dict[int, ModelIdentity]:
    """Make these the active models of their modalities, and no others; returns them by ModelId, in their order.

    Each atom that a newly active one has yet to embed is queued for it.
    """
    wanted = {ensure_embedding_model(unit_of_work, model): model for model in models}
    active = active_embedding_models(unit_of_work)
    modalities = {model.modality for model in models}
    for row in active:
        if row["modality"] in modalities and row["modelId"] not in wanted:
            if not unit_of_work.execute("deactivate_embedding_model", model_id=row["modelId"]):
                continue  # it was added since it was read
            unit_of_work.execute("end_jobs_for_model", model_id=row["modelId"], now=timestamp())
    for model_id in wanted.keys() - {row["modelId"] for row in active}:
        unit_of_work.execute("activate_embedding_model", model_id=model_id)
        unit_of_work.execute("queue_atoms_for_model", model_id=model_id, atom_ids=None, after=0, through=_ANY_ID)
    return wanted


def queue_for_other_models(unit_of_work: UnitOfWork, known: Container[int], atom_ids: Sequence[int]) -> None:
    """Queue these atoms for active models that are not in `known`, the models that have just embedded them.

    Another process, with other settings, may have made one active since.
    """
    ids, bounds = json.dumps(list(atom_ids)), {"after": min(atom_ids) - 1, "through": max(atom_ids)}
    for row in unit_of_work.query(ACTIVE_EMBEDDING_MODEL_IDS):
        if row["modelId"] not in known:
            unit_of_work.execute("queue_atoms_for_model", model_id=row["modelId"], atom_ids=ids, **bounds)


def active_embedding_models(unit_of_work: UnitOfWork) -> list[EmbeddingModel]:
    """Return the active embedding models of all modalities by ModelId; none before anything was embedded."""
    return unit_of_work.query(ACTIVE_EMBEDDING_MODELS)


def ensure_embedding_model(unit_of_work: UnitOfWork, model: ModelIdentity) -> int:
    """Return the ModelId of a model, inserting it where it is new."""
    key = {"modality": model.modality, "artifact_hash": model.artifact_hash, "settings": model.settings}
    found = unit_of_work.query(EMBEDDING_MODEL, **key)
    if not found:
        unit_of_work.execute(
            "insert_embedding_model",
            **key,
            name=model.name,
            dimension=model.dimension,
            precision=model.precision,
            now=timestamp(),
        )
        found = unit_of_work.query(EMBEDDING_MODEL, **key)
    return found[0]["modelId"]
