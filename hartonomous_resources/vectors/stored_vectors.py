"""Reads vectors from rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.rows.embedding_rows import StoredVector


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
