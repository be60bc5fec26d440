"""Drops a model: its jobs, its vectors with their positions, its projections and the files of its search matrix.

Each transaction is short. Whoever is cut off in the middle, or meets a vector that came late, finds the row of the model marked, and goes on.
"""

import json
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from hartonomous_core.clock import timestamp
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EMBEDDING_MODELS, EMBEDDINGS_OF_DROPPED_MODEL
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.work.publishing import publish

if TYPE_CHECKING:  # with NumPy, which a command that only reads rows must not import
    from hartonomous_resources.vectors.protocol import VectorIndex

ROWS_AT_ONCE = 2_000


def mark_dropped(unit_of_work: UnitOfWork, model_id: int) -> bool:
    """Have nobody embed by a model any more; False for the one that answers, which stays as it is."""
    return unit_of_work.execute("set_model_dropped", model_id=model_id, now=timestamp()) > 0


def clear_dropped_model(
    database: Database, vectors: "VectorIndex", model_id: int, report: Callable[[int], None] = lambda _count: None
) -> int:
    """Delete what is left of a model as long as it is marked as dropped; returns how many vectors went. `report` is called with that meanwhile."""
    for statement in ("delete_dead_letters_of_model", "delete_jobs_of_model"):
        while transact(database, partial(_execute, statement=statement, model_id=model_id)):
            pass

    def forget(unit_of_work: UnitOfWork) -> None:
        if model_id in dropped_models(unit_of_work):
            vectors.forget(unit_of_work, model_id)

    deleted = 0
    while some := transact(database, partial(_delete_some, model_id=model_id)):
        deleted += some
        report(deleted)
    ask(database, forget)
    transact(database, lambda unit_of_work: unit_of_work.execute("delete_projection_models", model_id=model_id))
    return deleted


def dropped_models(unit_of_work: UnitOfWork) -> list[int]:
    """Return the models that are marked as dropped, whether something is left of them or not."""
    return [row["modelId"] for row in unit_of_work.query(EMBEDDING_MODELS) if row["droppedAt"] is not None]


def _execute(unit_of_work: UnitOfWork, statement: str, model_id: int) -> int:
    return unit_of_work.execute(statement, model_id=model_id, n=ROWS_AT_ONCE)


def _delete_some(unit_of_work: UnitOfWork, model_id: int) -> int:
    found = unit_of_work.query(EMBEDDINGS_OF_DROPPED_MODEL, model_id=model_id, n=ROWS_AT_ONCE)
    if found:
        unit_of_work.execute("delete_embeddings", embedding_ids=json.dumps([row["atomEmbeddingId"] for row in found]))
        publish(unit_of_work, "AtomsEmbedded", found, None)  # a copy of the graph has edges to the model
    return len(found)
