"""Reads vectors from rows."""

import json
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTORS_OF_ATOMS, StoredVector


def vectors_of(rows: Sequence[StoredVector], dimension: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Read the `vector` column of rows as float32 (m, dimension), and of which rows they are, as bool (n,).

    Left out is what only an insert by hand can have brought: another length, text, NaN, infinity.
    """
    usable = np.array(
        [isinstance(row["vector"], bytes) and len(row["vector"]) == 4 * dimension for row in rows], dtype=bool
    )
    data = b"".join(row["vector"] for row, is_usable in zip(rows, usable, strict=True) if is_usable)
    matrix = np.frombuffer(data, dtype="<f4").reshape(-1, dimension)
    finite = np.isfinite(matrix).all(axis=1)
    usable[usable] = finite
    return matrix[finite], usable


def cosines_of(
    unit_of_work: UnitOfWork, tenant_id: int, model_id: int, query: NDArray[np.float32], atom_ids: Collection[int]
) -> dict[int, float]:
    """Compare the query, a unit vector, with the vectors that these atoms of the tenant have by the model; those without one are left out."""
    if not atom_ids:
        return {}
    rows = unit_of_work.query(
        VECTORS_OF_ATOMS, atom_ids=json.dumps(list(atom_ids)), tenant_id=tenant_id, model_id=model_id
    )
    matrix, usable = vectors_of(rows, len(query))
    found = (row["atomId"] for row, is_usable in zip(rows, usable, strict=True) if is_usable)
    return dict(zip(found, (matrix @ query).tolist(), strict=True))
