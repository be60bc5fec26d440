"""Stage `atom_projections`: gives embeddings positions in 3-D, Hilbert values and buckets; publishes AtomsProjected."""

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import chain

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from hartonomous_assets.stage import IDLE, Progress, Stage, Work, hour_table
from hartonomous_assets.stage_log import CREATED, log_atoms
from hartonomous_assets.table_schema import column_schema
from hartonomous_core.spatial import hilbert
from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, bucket
from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    EMBEDDINGS_PLACED_OTHERWISE,
    PENDING_PROJECTIONS,
    EmbeddingModel,
    EmbeddingToProject,
    ProjectionModel,
    project_embedding,
)
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.vectors.stored_vectors import vectors_of
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_resources.work.placing import place
from hartonomous_resources.work.publishing import publish
from hartonomous_resources.work.space_projections import (
    activate_when_filled,
    clear_former_positions,
    ensure_projection_model,
    target_projection,
)


def steps(work: Work) -> Generator[Progress]:
    """Project embeddings without a position, each batch in one transaction, so that two runs of an hour never do the same batch."""
    while True:
        done = _project_batch(work) if work.resources.settings.projection_enabled else 0
        yield Progress({"projected": done}) if done else IDLE


def _project_batch(work: Work) -> int:
    resources = work.resources

    def has_work(unit_of_work: UnitOfWork) -> bool:
        return any(
            unit_of_work.query("has_pending_projections", hour=work.hour, model_id=model["modelId"])
            for model in active_embedding_models(unit_of_work)
        )

    if not ask(resources.database, has_work):
        return 0
    batch_size = resources.settings.projection_batch_size
    count, placed = transact(
        resources.database,
        lambda unit_of_work: project_pending(unit_of_work, resources.compute, work.hour, batch_size, work.run_id),
    )
    log_atoms(work, "atom_projections", CREATED, placed)
    return count


def project_pending(
    unit_of_work: UnitOfWork, compute: Compute, hour: str, batch_size: int, run_id: str | None
) -> tuple[int, Iterable[dict[str, object]]]:
    """Give up to `batch_size` embeddings of active models their positions, each by the active projection of its model.

    Returns how many, and for the log what each was given.
    """
    total = 0
    placed: list[Iterable[dict[str, object]]] = []
    for model in active_embedding_models(unit_of_work):
        if total < batch_size:
            count, of_model = _project_space(unit_of_work, compute, model, hour, batch_size - total, run_id)
            total += count
            placed.append(of_model)
    return total, chain.from_iterable(placed)


def _project_space(
    unit_of_work: UnitOfWork, compute: Compute, model: EmbeddingModel, hour: str, limit: int, run_id: str | None
) -> tuple[int, Iterable[dict[str, object]]]:
    projection = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
    found = unit_of_work.query(PENDING_PROJECTIONS, hour=hour, model_id=model["modelId"], n=limit)
    return _place(unit_of_work, compute, model, projection, found, run_id)


def place_anew(
    unit_of_work: UnitOfWork, compute: Compute, model: EmbeddingModel, limit: int, run_id: str | None
) -> int:
    """Have up to `limit` embeddings of a model, of whatever hour, that another projection has placed placed by the one that they are to have.

    Returns how many were found. When there are none left, that projection becomes the active one; until then all positions by the active one
    are readable. In transactions of some thousands, killed between any two of them, the next call goes on.
    """
    active = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
    target = target_projection(unit_of_work, model["modelId"], active)
    which = {"model_id": model["modelId"], "projection_model_id": target["projectionModelId"]}
    found = unit_of_work.query(EMBEDDINGS_PLACED_OTHERWISE, **which, n=limit)
    if not found:
        if target is not active and not activate_when_filled(unit_of_work, model["modelId"], target):
            return 0  # others are placing the last ones
        return clear_former_positions(unit_of_work, model["modelId"])
    ids = json.dumps([row["atomEmbeddingId"] for row in found])
    unit_of_work.execute("keep_former_positions", embedding_ids=ids, projection_model_id=active["projectionModelId"])
    _place(unit_of_work, compute, model, target, found, run_id)
    unit_of_work.execute("forget_former_positions", embedding_ids=ids, projection_model_id=target["projectionModelId"])
    return len(found)


def _place(
    unit_of_work: UnitOfWork,
    compute: Compute,
    model: EmbeddingModel,
    projection: ProjectionModel,
    found: Sequence[EmbeddingToProject],
    run_id: str | None,
) -> tuple[int, Iterable[dict[str, object]]]:
    vectors, usable = vectors_of(found, model["dimension"])
    rows = [row for row, is_usable in zip(found, usable, strict=True) if is_usable]
    if len(rows) < len(found):
        _embed_again(unit_of_work, [row for row, is_usable in zip(found, usable, strict=True) if not is_usable])
    if not rows:
        return 0, ()
    points = place(unit_of_work, compute, projection, vectors)
    values = hilbert.encode(points).tolist()
    unit_of_work.execute_many(
        project_embedding,
        (
            project_embedding(
                x=x,
                y=y,
                z=z,
                hilbert_value=value,
                projection_model_id=projection["projectionModelId"],
                atom_embedding_id=row["atomEmbeddingId"],
            )
            for (x, y, z), value, row in zip(points.tolist(), values, rows, strict=True)
        ),
    )
    publish(unit_of_work, "AtomsProjected", rows, run_id)
    return len(rows), _describe_placed(rows, model["dimension"], values, points)


def _describe_placed(
    rows: Sequence[EmbeddingToProject], dimension: int, values: Sequence[int], points: NDArray[np.float64]
) -> Iterator[dict[str, object]]:
    for row, value, (x, y, z) in zip(rows, values, bucket(points).tolist(), strict=True):
        yield {
            "AtomId": row["atomId"],
            "Dimension": dimension,
            "Hilbert": value,
            "BucketX": x,
            "BucketY": y,
            "BucketZ": z,
        }


def _embed_again(unit_of_work: UnitOfWork, rows: Sequence[EmbeddingToProject]) -> None:
    """Delete rows that are no vectors, which somebody wrote by hand, and queue their atoms to be embedded."""
    ids = [row["atomEmbeddingId"] for row in rows]
    unit_of_work.execute("embed_again", embedding_ids=json.dumps(ids))
    unit_of_work.execute("delete_embeddings", embedding_ids=json.dumps(ids))
    LOGGER.warning("AtomEmbedding %s: no vectors of their model; their atoms are embedded again", ids)


STAGE = Stage(
    spec=dg.AssetSpec(
        "atom_projections",
        deps=["atom_embeddings", "projection_model"],
        group_name="vectors",
        kinds={"numpy", "python"},
        owners=["team:hartonomous"],
        metadata=column_schema("AtomEmbedding"),
        code_version=LANDMARK_METHOD,
        description="Each embedding's place in 3-D (coordinates in [-1, 1]), its 63-bit Hilbert value and its buckets, by the active "
        "projection of its model. The same vector has the same place on every machine.",
    ),
    steps=steps,
    totals=hour_table("hour_projections"),
    batch_size=lambda settings: settings.projection_batch_size,
    main_count="projected",
)
