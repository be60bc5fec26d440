"""The index that holds nothing of its own: every question reads the vectors of AtomEmbedding, block by block."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTORS
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter, best_searchable
from hartonomous_resources.vectors.protocol import Hit
from hartonomous_resources.vectors.stored_vectors import vectors_of

_VECTORS_PER_BLOCK = 8192


class ExactVectors:
    """Compares the query with each vector. Memory is bounded by the block, time grows with the vectors."""

    def nearest(
        self,
        unit_of_work: UnitOfWork,
        tenant_id: int,
        model_id: int,
        query: NDArray[np.float32],
        k: int,
        *,
        atom_filter: AtomFilter = NO_FILTER,
    ) -> list[Hit]:
        ranked = partial(_ranked, unit_of_work, tenant_id, model_id, query)
        return [Hit(*best) for best in best_searchable(unit_of_work, ranked, k, tenant_id, atom_filter)]


def _ranked(
    unit_of_work: UnitOfWork, tenant_id: int, model_id: int, query: NDArray[np.float32], limit: int
) -> list[tuple[int, float]]:
    """The nearest atoms, at most `limit`, whether or not a search may show them."""
    ids = np.empty(0, dtype=np.int64)
    scores = np.empty(0, dtype=np.float32)
    after = 0
    while rows := unit_of_work.query(
        VECTORS, tenant_id=tenant_id, model_id=model_id, after=after, n=_VECTORS_PER_BLOCK
    ):
        after = rows[-1]["atomEmbeddingId"]
        block, usable = vectors_of(rows, len(query))
        of_rows = np.fromiter((row["atomId"] for row in rows), dtype=np.int64, count=len(rows))
        ids = np.concatenate([ids, of_rows[usable]])
        # Not `block @ query`: equal vectors would get unequal scores, by which rows of the block a thread was given.
        scores = np.concatenate([scores, np.einsum("ij,j->i", block, query)])
        best = np.lexsort((ids, -scores))[:limit]
        ids, scores = ids[best], scores[best]
    return list(zip(ids.tolist(), scores.tolist(), strict=True))
