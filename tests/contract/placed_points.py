"""Points for tests of spatial search: drawn, put into a store as the places of atoms, and ranked by NumPy over all of them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.clock import timestamp
from hartonomous_core.spatial.hilbert import encode
from hartonomous_resources.database.protocol import Database
from tests.backends import rows
from tests.builders import HOUR, write

Points = NDArray[np.float64]


def draw(kind: str, n: int, seed: int) -> Points:
    """Points of the cube, (n, 3)."""
    generator = np.random.default_rng(seed)
    uniform = generator.uniform(-1, 1, (n, 3))
    match kind:
        case "uniform":
            return uniform
        case "clustered":
            centres = generator.uniform(-0.9, 0.9, (5, 3))
            return np.clip(centres[generator.integers(5, size=n)] + generator.normal(0, 0.01, (n, 3)), -1, 1)
        case "on the border":
            return np.clip(uniform * 1.5, -1, 1)
        case "on few positions":
            return np.round(uniform * 1.4) / 1.4
        case "within a cell":
            return np.full((n, 3), 0.25) + generator.uniform(0, 1e-7, (n, 3))
    raise ValueError(kind)


def put_points(
    database: Database,
    client: Any,
    points: Points,
    model_id: int,
    projection_id: int,
    *,
    tenant: int = 0,
    texts: Sequence[str] | None = None,
    uri: str = "file:///source",
) -> list[int]:
    """Make a current source of atoms whose embeddings by a model have these places by a projection; returns their AtomIds."""
    texts = texts or [f"text {number} of {uri} {model_id}" for number in range(len(points))]
    source_id = write(database, *texts, tenant_id=tenant, uri=uri)
    cursor = client.cursor()
    cursor.execute("UPDATE Source SET Status = 'Atomized' WHERE SourceId = ?", (source_id,))
    client.commit()
    found = rows(client, "SELECT AtomId AS id FROM SourceAtom WHERE SourceId = ? ORDER BY Ordinal", source_id)
    ids = [int(row["id"]) for row in found]
    vector = np.array([1, 0, 0], dtype="<f4").tobytes()
    cursor.executemany(
        "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt, X, Y, Z, HilbertValue,"
        " ProjectionModelId) VALUES (?, ?, ?, 3, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (atom_id, tenant, model_id, vector, HOUR, timestamp(), *point, value, projection_id)
            for atom_id, point, value in zip(ids, points.tolist(), encode(points).tolist(), strict=True)
        ],
    )
    client.commit()
    return ids


def put_former_points(client: Any, points: Points, embedding_atoms: Sequence[int], projection_id: int) -> None:
    """Note that a projection had these places for the embeddings of atoms, which another one has placed since."""
    client.cursor().executemany(
        "INSERT INTO FormerPosition (AtomEmbeddingId, AtomId, TenantId, ModelId, ProjectionModelId, X, Y, Z, HilbertValue)"
        " SELECT AtomEmbeddingId, AtomId, TenantId, ModelId, ?, ?, ?, ?, ? FROM AtomEmbedding WHERE AtomId = ?",
        [
            (projection_id, *point, value, atom_id)
            for atom_id, point, value in zip(embedding_atoms, points.tolist(), encode(points).tolist(), strict=True)
        ],
    )
    client.commit()


def make_projection(client: Any, model_id: int, name: str, active: int) -> int:
    """Make a landmark projection of a model of three dimensions."""
    client.cursor().execute(
        "INSERT INTO ProjectionModel (ModelId, Method, Parameters, ArtifactHash, Active, CreatedAt)"
        """ VALUES (?, 'landmark', '{"dimension": 3, "mean": [0, 0, 0], "scale": 1}', ?, ?, ?)""",
        (model_id, name, active, timestamp()),
    )
    client.commit()
    found = rows(client, "SELECT MAX(ProjectionModelId) AS id FROM ProjectionModel")
    return int(found[0]["id"])


def nearest_of_all(
    ids: Sequence[int], points: Points, k: int, low: Points, high: Points, centre: Points, radius: float
) -> list[tuple[int, float]]:
    """What NumPy finds among all: of those in the box and the ball the k nearest, with their distances; equally near ones by id."""
    distances = np.sqrt(((points - centre) ** 2).sum(axis=1))
    inside = ((points >= low) & (points <= high)).all(axis=1) & (distances <= radius)
    order = np.lexsort((np.array(ids), distances))
    return [(ids[place], float(distances[place])) for place in order if inside[place]][:k]
