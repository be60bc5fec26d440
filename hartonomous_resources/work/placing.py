"""Places vectors in 3-D by any projection of their space."""

import json
from typing import TYPE_CHECKING

from hartonomous_resources.compute.protocol import Compute
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ProjectionModel

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(
    unit_of_work: UnitOfWork, compute: Compute, projection: ProjectionModel, vectors: "NDArray[np.float32]"
) -> "NDArray[np.float64]":
    """Return the places, float64 (n, 3) in [-1, 1], of vectors, float32 (n, d), by a projection of their embedding model.

    Whoever compares them with stored positions reads those of the view EmbeddingPosition that have this ProjectionModelId: of the active
    projection (statement `active_projection_model`), in the same transaction, all there are. The place of a vector does not depend on the
    others in the call. Raises ValueError for a vector of another length, with NaN or infinity, and for a projection of an unknown method.
    """
    import numpy as np

    from hartonomous_core.spatial.landmarks import LANDMARK_METHOD, landmark_axes

    if projection["method"] != LANDMARK_METHOD:
        raise ValueError(
            f"projection model {projection['projectionModelId']}: method {projection['method']!r} is unknown"
        )
    parameters = json.loads(projection["parameters"])
    axes = landmark_axes(parameters["dimension"])
    return compute.project(vectors, axes, np.array(parameters["mean"]), parameters["scale"])
