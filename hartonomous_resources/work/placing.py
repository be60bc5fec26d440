"""Places vectors in 3-D by any projection of their space."""

import hashlib
import json
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import PROJECTION_ARTIFACT, ProjectionModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.spatial.fitted import Placing

Placer = Callable[["NDArray[np.float32]"], "NDArray[np.float64]"]

_KEPT_BYTES = 256 * 1024 * 1024
"""Bytes of artefacts of which the arrays stay in memory, where a component takes twice as much; the last one that was used stays in any case."""
_kept: "dict[str, tuple[Placing, int]]" = {}
"""Projections and the bytes of their artefacts by the SHA-256, in the order in which they were used."""
_lock = threading.Lock()


def place(
    unit_of_work: UnitOfWork, compute: Compute, projection: ProjectionModel, vectors: "NDArray[np.float32]"
) -> "NDArray[np.float64]":
    """Return the places, float64 (n, 3) in [-1, 1], of vectors, float32 (n, d), by a projection of their embedding model.

    Whoever compares them with stored positions reads, in the same transaction, all that have this ProjectionModelId, in AtomEmbedding and in
    FormerPosition: of the active projection (statement `active_projection_model`) each embedding has one. The place of a vector does not depend
    on the others in the call. Raises ValueError for a vector of another length, with NaN or infinity, and what `read_placer` does.
    """
    return read_placer(unit_of_work, compute, projection)(vectors)


def read_placer(unit_of_work: UnitOfWork, compute: Compute, projection: ProjectionModel) -> Placer:
    """Return what places vectors as `place` does, and needs no transaction: a batch by a map takes up to some seconds.

    Raises ValueError for a projection of an unknown method, and (DamagedArtifact) for one whose artefact is not what was stored.
    """
    import numpy as np

    from hartonomous_core.spatial.fitted import FITTED_METHODS, LinearPlacing
    from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, landmark_axes

    method, parameters = projection["method"], json.loads(projection["parameters"])
    if method == LANDMARK_METHOD:
        axes, mean = landmark_axes(parameters["dimension"]), np.array(parameters["mean"])
        return lambda vectors: compute.project(vectors, axes, mean, parameters["scale"])
    if method not in FITTED_METHODS:
        raise ValueError(f"projection model {projection['projectionModelId']}: method {method!r} is unknown")
    placing = _placing_of(unit_of_work, projection, parameters["dimension"])
    if isinstance(placing, LinearPlacing):
        return lambda vectors: compute.project(vectors, placing.axes, placing.mean, placing.scale)
    return placing.place


def _placing_of(unit_of_work: UnitOfWork, projection: ProjectionModel, dimension: int) -> "Placing":
    """A fitted projection; what was read and found whole stays in memory. Two threads may read the same one: nobody waits for them."""
    from hartonomous_core.spatial.fitted import DamagedArtifact, from_artifact

    key = projection["artifactHash"]
    with _lock:
        if key in _kept:
            _kept[key] = _kept.pop(key)
            return _kept[key][0]
    found = unit_of_work.query(PROJECTION_ARTIFACT, projection_model_id=projection["projectionModelId"])
    if not found or hashlib.sha256(found[0]["content"]).hexdigest() != key:
        raise DamagedArtifact(
            f"projection model {projection['projectionModelId']} ({projection['method']}): its artefact is "
            f"{'damaged' if found else 'missing'}; another projection has to become active, or this one fitted anew"
        )
    placing = from_artifact(projection["method"], dimension, found[0]["content"])
    with _lock:
        _kept[key] = placing, len(found[0]["content"])
        while len(_kept) > 1 and sum(size for _, size in _kept.values()) > _KEPT_BYTES:
            del _kept[next(iter(_kept))]
    return placing
