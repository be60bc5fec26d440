"""Vectors for tests of the index: drawn, asked for, and found by NumPy."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.vectors.protocol import Merge, VectorIndex

Vector = NDArray[np.float32]
Put = Callable[..., list[int]]
MakeModel = Callable[..., int]
MergeNow = Callable[..., Merge]

DIMENSION = 16
GRAPH_ROWS = 1000


def drawn(n: int, seed: int, tenant: int = 0) -> dict[str | bytes, Vector]:
    """Texts and a unit vector of each."""
    vectors = np.random.default_rng(seed).standard_normal((n, DIMENSION)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return {f"text {number} of seed {seed}": vector for number, vector in enumerate(vectors)}


def ask(
    database: Database, index: VectorIndex, model_id: int, query: Vector, k: int = 10, tenant: int = 0
) -> list[int]:
    with database.read() as unit_of_work:
        return [hit.atom_id for hit in index.nearest(unit_of_work, tenant, model_id, query, k)]


def best_of(ids: list[int], vectors: Mapping[Any, Vector], query: Vector, k: int = 10) -> list[int]:
    """What NumPy finds among these."""
    scores = np.array(list(vectors.values())) @ query
    return [ids[place] for place in np.argsort(-scores)[:k]]


def files_of(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.glob("*/*.segment"))


def erase(client: Any, *atom_ids: int) -> None:
    """Delete the vectors of atoms, as a client."""
    client.cursor().execute(f"DELETE FROM AtomEmbedding WHERE AtomId IN ({', '.join(map(str, atom_ids))})")
    client.commit()


def rounded(vector: Vector) -> bytes:
    """The components of a vector as they stand in segments and graphs."""
    return np.rint(vector / (np.abs(vector).max() / np.float32(127))).astype(np.int8).tobytes()
