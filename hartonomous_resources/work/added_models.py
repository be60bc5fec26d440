"""Models that were added side by side: the database says which there are, where each comes from and which one answers questions.

Before any was added, the settings say so (`activate_embedding_models`); from then on they name nothing any more.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hartonomous_core.clock import timestamp
from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelCompute, ModelIdentity
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    EMBEDDING_MODEL_COUNTS,
    NEXT_ATOMS_TO_QUEUE,
    EmbeddingModel,
    EmbeddingModelCounts,
)
from hartonomous_resources.database.transactions import transact
from hartonomous_resources.work.models import active_embedding_models, ensure_embedding_model

ATOMS_AT_ONCE = 10_000
"""Atoms that are looked at in one transaction."""


class ModelMissing(ComputeUnavailable):
    """Where an added model comes from there is another one now, or nothing that can be read."""


class NothingAnswers(Exception):
    """The settings name no model whose vectors are here, so that nothing could answer questions beside what is added."""


def added_models(unit_of_work: UnitOfWork) -> list[EmbeddingModel]:
    """Return the added models, those that answer questions first; none where the settings say which there are."""
    found = [row for row in active_embedding_models(unit_of_work) if row["loadedFrom"] is not None]
    return sorted(found, key=lambda row: not row["answers"])


def added_sources(unit_of_work: UnitOfWork) -> list[ModelSource]:
    """Return where the models come from that answer questions; none where the settings say so."""
    return [source_of(row) for row in added_models(unit_of_work) if row["answers"]]


def source_of(row: EmbeddingModel) -> ModelSource:
    """Return where an added model comes from. Raises ValueError for what somebody wrote by hand."""
    return ModelSource.from_json(row["loadedFrom"] or "{}")


def load_added_model(compute: ModelCompute, row: EmbeddingModel) -> ModelIdentity:
    """Return the model that the vectors of a row are by.

    Raises ComputeUnavailable when it cannot be had; ModelMissing where what is there now would make other vectors.
    """
    try:
        source = source_of(row)
    except ValueError as error:
        raise ModelMissing(str(error)) from error
    model = compute.find(source)
    known = (row["modality"], row["artifactHash"], row["settings"], row["dimension"])
    if (model.modality, model.artifact_hash, model.settings, model.dimension) != known:
        raise ModelMissing(
            f"{source} is another model than the one whose vectors are here: put that one back, or add this one beside it"
        )
    return model


def keep_settings_models(unit_of_work: UnitOfWork, named: Mapping[ModelSource, ModelIdentity]) -> None:
    """Have the database say from now on what the settings said, where it does not yet: the first of those that are active answers."""
    if added_models(unit_of_work):
        return
    active = {row["modelId"] for row in active_embedding_models(unit_of_work)}
    kept: set[str] = set()
    for source, model in named.items():
        model_id = ensure_embedding_model(unit_of_work, model)
        if model_id not in active:
            continue
        unit_of_work.execute("set_model_source", model_id=model_id, loaded_from=source.to_json())
        if model.modality not in kept:
            unit_of_work.execute("set_answering_model", model_id=model_id, now=timestamp())
        kept.add(model.modality)


def add_embedding_model(unit_of_work: UnitOfWork, model: ModelIdentity, source: ModelSource) -> int:
    """Add a model: all that it lacks is still to be queued, and what comes from now on is embedded by it, too. Returns its ModelId.

    One that is there already goes on as it was, and comes from `source` from now on. The first of a modality answers.
    Raises NothingAnswers where vectors are here already, and no model at hand made them.
    """
    model_id = ensure_embedding_model(unit_of_work, model)
    active = {row["modelId"]: row for row in active_embedding_models(unit_of_work) if row["modality"] == model.modality}
    nothing_answers = not any(row["answers"] for row in active.values())
    if nothing_answers and active.keys() - {model_id}:
        raise NothingAnswers
    if model_id not in active:
        unit_of_work.execute("activate_embedding_model", model_id=model_id)
        unit_of_work.execute("begin_queueing", model_id=model_id)
    unit_of_work.execute("set_model_source", model_id=model_id, loaded_from=source.to_json())
    if nothing_answers:
        unit_of_work.execute("set_answering_model", model_id=model_id, now=timestamp())
    return model_id


def queue_for_model(database: Database, model_id: int, report: Callable[[int], None] = lambda _queued: None) -> int:
    """Queue all atoms that a model lacks, in transactions that are short, from where the last call was cut off; returns how many.

    `report` is called with that meanwhile. Two that do this at once share the work.
    """
    queued = 0
    while (some := queue_some_for_model(database, model_id)) is not None:
        queued += some
        report(queued)
    return queued


def queue_some_for_model(database: Database, model_id: int) -> int | None:
    """Queue the next atoms that a model lacks, in a transaction; returns how many, None where none is left to look at."""
    return transact(database, partial(_queue_some, model_id=model_id))


def _queue_some(unit_of_work: UnitOfWork, model_id: int) -> int | None:
    taken = unit_of_work.query(NEXT_ATOMS_TO_QUEUE, model_id=model_id, n=ATOMS_AT_ONCE)
    if not taken:
        return None
    [ids] = taken
    unit_of_work.execute("set_queued_through", model_id=model_id, through=ids["through"])
    if ids["through"] is None:
        return None
    return unit_of_work.execute(
        "queue_atoms_for_model", model_id=model_id, atom_ids=None, after=ids["after"], through=ids["through"]
    )


def counts_of(unit_of_work: UnitOfWork, model_id: int) -> EmbeddingModelCounts:
    """Count what a model has and lacks."""
    [counts] = unit_of_work.query(EMBEDDING_MODEL_COUNTS, model_id=model_id)
    return counts


def let_answer(unit_of_work: UnitOfWork, row: EmbeddingModel) -> bool:
    """Have an added model answer questions from the commit on, in place of the one that does; False where it is being dropped.

    The caller's transaction must not commit then.
    """
    unit_of_work.execute("clear_answering_model", modality=row["modality"])
    return unit_of_work.execute("set_answering_model", model_id=row["modelId"], now=timestamp()) > 0


def answering_model(rows: Sequence[EmbeddingModel], modality: str = "text") -> EmbeddingModel | None:
    """Return which of these answers questions of a modality; None where the settings say so."""
    return next((row for row in rows if row["answers"] and row["modality"] == modality), None)
