"""Fits a projection to embeddings of a space, and judges it, before anything is placed by it."""

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from hartonomous_assets.projection_gates import Gate, failures, measure
from hartonomous_core.spatial.fitted import (
    PCA_METHOD,
    TSNE_METHOD,
    UMAP_METHOD,
    FitOptions,
    LinearPlacing,
    fit,
    to_artifact,
)
from hartonomous_core.spatial.landmarks import landmark_axes, project, scale_for
from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import PROJECTION_MODELS, EmbeddingModel, StoredProjection
from hartonomous_resources.database.transactions import ask, transact
from hartonomous_resources.work.drawn_embeddings import Sample, draw_sample, draw_unfitted
from hartonomous_resources.work.placing import read_placer
from hartonomous_resources.work.space_projections import add_projection_model

JUDGED = 1_000
"""Embeddings by which a projection is judged; it is not fitted to them."""
_LIBRARIES = {UMAP_METHOD: "umap-learn", TSNE_METHOD: "openTSNE", PCA_METHOD: "numpy"}


@dataclass(frozen=True, slots=True)
class Judged:
    """How a projection does: its gates, and where it puts what it was judged by and what is new."""

    gates: dict[str, Gate]
    places: NDArray[np.float64]
    newest: NDArray[np.float64]


def judge(database: Database, compute: Compute, model: EmbeddingModel, projection: StoredProjection) -> Judged:
    """Judge a stored projection by embeddings as they are now, none of which it was fitted to."""
    parameters = json.loads(projection["parameters"])
    dimension = model["dimension"]
    which = {
        "judged": JUDGED,
        "seed": parameters.get("fitSeed", 0),
        "above_hash": parameters.get("fittedUpToHash", 0),
        "after": parameters.get("fittedUpTo", 0),
    }
    (judged, newest), placer = ask(
        database,
        lambda unit_of_work: (
            draw_unfitted(unit_of_work, model["modelId"], dimension, **which),
            read_placer(unit_of_work, compute, projection),
        ),
    )
    return _judged(projection["method"], judged, placer(judged), placer(newest))


def fit_space(
    database: Database, model: EmbeddingModel, method: str, options: FitOptions, sample: int
) -> tuple[int | None, dict[str, Gate]]:
    """Fit a projection to a sample of the embeddings of a model and store it; returns its ProjectionModelId and how it does.

    What is held out of the sample judges it; of too few embeddings nothing is, and its gates say nothing.

    The same embeddings and options are one model: it is not fitted again. None: it fails its gates, and is not stored. Raises ValueError for
    too few embeddings, or such as do not differ, and ProjectionUnavailable.
    """

    def draw(unit_of_work: UnitOfWork) -> Sample:
        which = {"count": sample, "judged": JUDGED, "seed": options.seed}
        return draw_sample(unit_of_work, model["modelId"], model["dimension"], **which)

    drawn = ask(database, draw)
    parameters: dict[str, object] = {
        "dimension": model["dimension"],
        "fitSeed": options.seed,
        "library": f"{_LIBRARIES[method]} {_version_of(_LIBRARIES[method])}",
        "sampleHash": hashlib.sha256(drawn.vectors.tobytes()).hexdigest(),
    }
    if method != PCA_METHOD:
        parameters["nNeighbors"] = options.n_neighbors
    if method == UMAP_METHOD:
        parameters["minDist"] = options.min_dist
    known = _known(ask(database, lambda unit_of_work: unit_of_work.query(PROJECTION_MODELS, model_id=model["modelId"])))
    if found := known.get((method, json.dumps(parameters, sort_keys=True))):
        return found, {}
    placing = fit(method, drawn.vectors, options)
    judged = _judged(method, drawn.judged, placing.place(drawn.judged), np.empty((0, 3)))
    if failures(judged.gates):
        return None, judged.gates
    if isinstance(placing, LinearPlacing):
        parameters |= {"mean": placing.mean.tolist(), "scale": placing.scale}
    add = partial(
        add_projection_model,
        model_id=model["modelId"],
        method=method,
        parameters={
            **parameters,
            "fittedUpTo": drawn.highest_id,
            "fittedUpToHash": drawn.highest_hash,
            "heldOut": len(drawn.judged),
        },
        trained_on=len(drawn.vectors),
        artifact=to_artifact(method, placing),
    )
    return transact(database, add), judged.gates


def _known(projections: list[StoredProjection]) -> dict[tuple[str, str], int]:
    """Stored projections by method and by how they were fitted, without what the fit found out."""
    known = {}
    for projection in projections:
        parameters = json.loads(projection["parameters"])
        for name in ("mean", "scale", "fittedUpTo", "fittedUpToHash", "heldOut"):
            parameters.pop(name, None)
        known[projection["method"], json.dumps(parameters, sort_keys=True)] = projection["projectionModelId"]
    return known


def _judged(
    method: str, judged: NDArray[np.float32], places: NDArray[np.float64], newest: NDArray[np.float64]
) -> Judged:
    dimension = judged.shape[1]
    landmarks = project(judged, landmark_axes(dimension), np.zeros(3), scale_for(dimension))
    return Judged(measure(method, judged, places, landmarks, newest), places, newest)


def _version_of(library: str) -> str:
    try:
        return version(library)
    except ModuleNotFoundError:  # fit says so
        return ""
