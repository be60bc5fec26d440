"""Places vectors in 3-D by any projection of their space."""

import hashlib
import json
import threading
from typing import TYPE_CHECKING

from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import PROJECTION_ARTIFACT, ProjectionModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from hartonomous_core.spatial.fitted import Placing

_KEPT = 4
"""Artefacts in memory, tens of megabytes each: of the active and the filling projection of two spaces."""
_read: "dict[str, Placing]" = {}
_lock = threading.Lock()


def place(
    unit_of_work: UnitOfWork, compute: Compute, projection: ProjectionModel, vectors: "NDArray[np.float32]"
) -> "NDArray[np.float64]":
    """Return the places, float64 (n, 3) in [-1, 1], of vectors, float32 (n, d), by a projection of their embedding model.

    Whoever compares them with stored positions reads those of the view EmbeddingPosition that have this ProjectionModelId: of the active
    projection (statement `active_projection_model`), in the same transaction, all there are. The place of a vector does not depend on the
    others in the call. Raises ValueError for a vector of another length, with NaN or infinity, for a projection of an unknown method, and
    (DamagedArtifact) for one whose artefact is not what was stored.
    """
    import numpy as np

    from hartonomous_core.spatial.fitted import FITTED_METHODS, LinearPlacing
    from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, landmark_axes

    method, parameters = projection["method"], json.loads(projection["parameters"])
    if method == LANDMARK_METHOD:
        axes = landmark_axes(parameters["dimension"])
        return compute.project(vectors, axes, np.array(parameters["mean"]), parameters["scale"])
    if method not in FITTED_METHODS:
        raise ValueError(f"projection model {projection['projectionModelId']}: method {method!r} is unknown")
    placing = _placing_of(unit_of_work, projection, parameters["dimension"])
    if isinstance(placing, LinearPlacing):
        return compute.project(vectors, placing.axes, placing.mean, placing.scale)
    return placing.place(vectors)


def _placing_of(unit_of_work: UnitOfWork, projection: ProjectionModel, dimension: int) -> "Placing":
    """A fitted projection; what was read and found whole stays in memory."""
    from hartonomous_core.spatial.fitted import DamagedArtifact, from_artifact

    key = projection["artifactHash"]
    with _lock:
        if key not in _read:
            found = unit_of_work.query(PROJECTION_ARTIFACT, projection_model_id=projection["projectionModelId"])
            if not found or hashlib.sha256(found[0]["content"]).hexdigest() != key:
                raise DamagedArtifact(
                    f"projection model {projection['projectionModelId']} ({projection['method']}): its artefact is "
                    f"{'damaged' if found else 'missing'}; another projection has to become active, or this one fitted anew"
                )
            placing = from_artifact(projection["method"], dimension, found[0]["content"])
            while len(_read) >= _KEPT:
                del _read[next(iter(_read))]
            _read[key] = placing
        return _read[key]
