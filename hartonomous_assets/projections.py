"""Stage `atom_projections`: gives embeddings positions in 3-D, Hilbert values and buckets; publishes AtomsProjected."""

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
from hartonomous_resources.database.protocol import Database, UnitOfWork
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
from hartonomous_resources.work.placing import Placer, read_placer
from hartonomous_resources.work.publishing import publish
from hartonomous_resources.work.space_projections import (
    activate_when_filled,
    clear_former_positions,
    ensure_projection_model,
    target_projection,
)


def steps(work: Work) -> Generator[Progress]:
    """Project embeddings without a position, a batch at a time; of two runs of an hour that do the same batch, one writes it."""
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
    limit = resources.settings.projection_batch_size
    while batches := transact(
        resources.database, lambda unit_of_work: _read_pending(unit_of_work, resources.compute, work.hour, limit)
    ):
        computed = [batch.compute() for batch in batches]
        count, described = transact(
            resources.database,
            partial(_write_pending, batches=computed, hour=work.hour, limit=limit, run_id=work.run_id),
        )
        if count:
            log_atoms(work, "atom_projections", CREATED, described)
            return count
    return 0


@dataclass(frozen=True, slots=True)
class _Batch:
    """Embeddings of a model, and the projection that is to place them."""

    model: EmbeddingModel
    projection: ProjectionModel
    found: Sequence[EmbeddingToProject]
    placer: Placer

    def compute(self) -> "_Computed":
        """Compute the places. By a map that takes up to some seconds, for which no writer should have to wait: it needs no transaction."""
        vectors, usable = vectors_of(self.found, self.model["dimension"])
        points = iter(self.placer(vectors)) if len(vectors) else iter(())
        places = {
            row["atomEmbeddingId"]: (row["vector"], next(points) if is_usable else None)
            for row, is_usable in zip(self.found, usable, strict=True)
        }
        return _Computed(self.model, self.projection, places)


@dataclass(frozen=True, slots=True)
class _Computed:
    """Places by a projection by AtomEmbeddingId, each with the vector that it is of; None for what is no vector."""

    model: EmbeddingModel
    projection: ProjectionModel
    places: Mapping[int, tuple[object, NDArray[np.float64] | None]]

    def still(self, found: Sequence[EmbeddingToProject]) -> list[EmbeddingToProject]:
        """Those of these rows that have the vector of which the place is."""
        return [row for row in found if self.places.get(row["atomEmbeddingId"], (None,))[0] == row["vector"]]


def project_pending(
    unit_of_work: UnitOfWork, compute: Compute, hour: str, batch_size: int, run_id: str | None
) -> tuple[int, Iterable[dict[str, object]]]:
    """Give up to `batch_size` embeddings of active models their positions, each by the active projection of its model, in one transaction.

    Returns how many, and for the log what each was given.
    """
    computed = [batch.compute() for batch in _read_pending(unit_of_work, compute, hour, batch_size)]
    return _write_pending(unit_of_work, computed, hour, batch_size, run_id)


def _read_pending(unit_of_work: UnitOfWork, compute: Compute, hour: str, limit: int) -> list[_Batch]:
    batches: list[_Batch] = []
    for model in active_embedding_models(unit_of_work):
        projection = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
        n = limit - sum(len(batch.found) for batch in batches)
        found = unit_of_work.query(PENDING_PROJECTIONS, hour=hour, model_id=model["modelId"], n=n) if n else []
        if projection and found:
            batches.append(_Batch(model, projection, found, read_placer(unit_of_work, compute, projection)))
    return batches


def _write_pending(
    unit_of_work: UnitOfWork, batches: Sequence[_Computed], hour: str, limit: int, run_id: str | None
) -> tuple[int, Iterable[dict[str, object]]]:
    """Write the places of what still waits for one, where the projection is still the active one."""
    total = 0
    described: list[Iterable[dict[str, object]]] = []
    for batch in batches:
        model_id = batch.model["modelId"]
        active = ensure_projection_model(unit_of_work, model_id, batch.model["dimension"])
        if active and active["projectionModelId"] == batch.projection["projectionModelId"]:
            found = batch.still(unit_of_work.query(PENDING_PROJECTIONS, hour=hour, model_id=model_id, n=limit))
            count, of_model = _write(unit_of_work, batch, found, run_id)
            total += count
            described.append(of_model)
    return total, chain.from_iterable(described)


def place_anew(database: Database, compute: Compute, model: EmbeddingModel, limit: int, run_id: str | None) -> int:
    """Have up to `limit` embeddings of a model, of whatever hour, that another projection has placed placed by the one that they are to have.

    Returns how many were found. When there are none left, that projection becomes the active one; until then all positions by the active one
    are readable. They are read in one transaction and written in another: killed between any two, the next call goes on.
    """
    batch = transact(database, lambda unit_of_work: _read_otherwise(unit_of_work, compute, model, limit))
    if batch is None:
        return transact(database, lambda unit_of_work: _finish(unit_of_work, model))
    computed = batch.compute()
    transact(database, lambda unit_of_work: _write_anew(unit_of_work, computed, limit, run_id))
    return len(batch.found)


def _read_otherwise(unit_of_work: UnitOfWork, compute: Compute, model: EmbeddingModel, limit: int) -> _Batch | None:
    active = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
    if active is None:
        return None
    target = target_projection(unit_of_work, model["modelId"], active)
    which = {"model_id": model["modelId"], "projection_model_id": target["projectionModelId"]}
    found = unit_of_work.query(EMBEDDINGS_PLACED_OTHERWISE, **which, n=limit)
    return _Batch(model, target, found, read_placer(unit_of_work, compute, target)) if found else None


def _write_anew(unit_of_work: UnitOfWork, batch: _Computed, limit: int, run_id: str | None) -> None:
    """Write the places of what another projection still places, where this one is still the one to place by."""
    model_id, target_id = batch.model["modelId"], batch.projection["projectionModelId"]
    active = ensure_projection_model(unit_of_work, model_id, batch.model["dimension"])
    if active is None or target_projection(unit_of_work, model_id, active)["projectionModelId"] != target_id:
        return
    which = {"model_id": model_id, "projection_model_id": target_id}
    found = batch.still(unit_of_work.query(EMBEDDINGS_PLACED_OTHERWISE, **which, n=limit))
    ids = json.dumps([row["atomEmbeddingId"] for row in found])
    unit_of_work.execute("keep_former_positions", embedding_ids=ids, projection_model_id=active["projectionModelId"])
    _write(unit_of_work, batch, found, run_id)
    unit_of_work.execute("forget_former_positions", embedding_ids=ids, projection_model_id=target_id)


def _finish(unit_of_work: UnitOfWork, model: EmbeddingModel) -> int:
    """Make the projection active that has placed all; returns how many former places were deleted."""
    active = ensure_projection_model(unit_of_work, model["modelId"], model["dimension"])
    if active is None:
        return 0
    target = target_projection(unit_of_work, model["modelId"], active)
    if target is not active and not activate_when_filled(unit_of_work, model["modelId"], target):
        return 0  # others are placing the last ones
    return clear_former_positions(unit_of_work, model["modelId"])


def _write(
    unit_of_work: UnitOfWork, batch: _Computed, found: Sequence[EmbeddingToProject], run_id: str | None
) -> tuple[int, Iterable[dict[str, object]]]:
    rows, places = [], []
    for row in found:
        _, point = batch.places[row["atomEmbeddingId"]]
        if point is not None:
            rows.append(row)
            places.append(point)
    if len(rows) < len(found):
        _embed_again(unit_of_work, [row for row in found if batch.places[row["atomEmbeddingId"]][1] is None])
    if not rows:
        return 0, ()
    points = np.stack(places)
    values = hilbert.encode(points).tolist()
    unit_of_work.execute_many(
        project_embedding,
        (
            project_embedding(
                x=x,
                y=y,
                z=z,
                hilbert_value=value,
                projection_model_id=batch.projection["projectionModelId"],
                atom_embedding_id=row["atomEmbeddingId"],
            )
            for (x, y, z), value, row in zip(points.tolist(), values, rows, strict=True)
        ),
    )
    publish(unit_of_work, "AtomsProjected", rows, run_id)
    return len(rows), _describe_placed(rows, batch.model["dimension"], values, points)


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
