"""Draws embeddings of a space by which a projection is fitted and judged, in memory that does not grow with the space."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EMBEDDING_IDS, VECTOR_TENANTS, VECTORS_BY_ID
from hartonomous_resources.vectors.stored_vectors import vectors_of

_IDS_AT_ONCE = 100_000
_VECTORS_AT_ONCE = 1_000

Ids = NDArray[np.int64]
Owned = NDArray[np.int64]
"""(n, 2): tenants and AtomEmbeddingIds."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Embeddings that were drawn: `sample` for the fit, `judged` others, `newest` the last that came after `after`; float32 (n, d) each.

    `highest_id` is the highest AtomEmbeddingId there is.
    """

    sample: NDArray[np.float32]
    judged: NDArray[np.float32]
    newest: NDArray[np.float32]
    highest_id: int


def draw_embeddings(
    unit_of_work: UnitOfWork, model_id: int, dimension: int, *, sample: int, judged: int, seed: int, after: int
) -> Drawn:
    """Draw embeddings of a model, of all tenants; the same ones for the same `seed` while none come or go.

    Of fewer than `sample` and `judged` together, a tenth is judged, or more where less is fitted to. What is no vector is left out.
    """
    drawn, newest = _draw_ids(unit_of_work, model_id, sample + judged, judged, seed, after)
    held_out = min(judged, len(drawn) // 10)
    fitted = min(sample, len(drawn) - held_out)
    return Drawn(
        _vectors(unit_of_work, model_id, dimension, drawn[:fitted]),
        _vectors(unit_of_work, model_id, dimension, drawn[fitted : fitted + judged]),
        _vectors(unit_of_work, model_id, dimension, newest),
        int(newest[:, 1].max()) if len(newest) else after,
    )


def _draw_ids(
    unit_of_work: UnitOfWork, model_id: int, count: int, newest_count: int, seed: int, after: int
) -> tuple[Owned, Owned]:
    """The embeddings of the least hashes of their ids, in order of the hash; and the newest ones above an id."""
    best, newest = np.empty((0, 2), dtype=np.int64), np.empty((0, 2), dtype=np.int64)
    for block in _blocks_of_ids(unit_of_work, model_id):
        best = np.concatenate([best, block])
        best = best[np.argsort(_hashes(best[:, 1], seed), kind="stable")[:count]]
        newest = np.concatenate([newest, block[block[:, 1] > after]])
        newest = newest[np.argsort(newest[:, 1])[-newest_count:]]
    return best, newest


def _blocks_of_ids(unit_of_work: UnitOfWork, model_id: int) -> Iterator[Owned]:
    for tenant in unit_of_work.query(VECTOR_TENANTS, model_id=model_id, after=0):
        last, which = 0, {"tenant_id": tenant["tenantId"], "model_id": model_id, "n": _IDS_AT_ONCE}
        while found := unit_of_work.query(EMBEDDING_IDS, **which, after=last):
            last = found[-1]["atomEmbeddingId"]
            yield np.array([(tenant["tenantId"], row["atomEmbeddingId"]) for row in found], dtype=np.int64)


def _hashes(ids: Ids, seed: int) -> NDArray[np.uint64]:
    """The finalizer of SplitMix64, of ids and seed."""
    mixed = ids.astype(np.uint64) + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ mixed >> np.uint64(shift)) * np.uint64(factor)
    return mixed ^ mixed >> np.uint64(31)


def _vectors(unit_of_work: UnitOfWork, model_id: int, dimension: int, owned: Owned) -> NDArray[np.float32]:
    """The vectors of embeddings by tenant and id, so that the same ones make the same matrix."""
    parts = [np.empty((0, dimension), dtype=np.float32)]
    for tenant in np.unique(owned[:, 0]):
        ids = np.sort(owned[owned[:, 0] == tenant, 1])
        for start in range(0, len(ids), _VECTORS_AT_ONCE):
            some = json.dumps(ids[start : start + _VECTORS_AT_ONCE].tolist())
            rows = unit_of_work.query(VECTORS_BY_ID, embedding_ids=some, tenant_id=int(tenant), model_id=model_id)
            rows.sort(key=lambda row: row["atomEmbeddingId"])
            parts.append(vectors_of(rows, dimension)[0])
    return np.concatenate(parts)
