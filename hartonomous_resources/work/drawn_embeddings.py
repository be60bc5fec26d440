"""Draws embeddings of a space by which a projection is fitted and judged, in memory that does not grow with the space."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.projection_quality import LEAST_ROWS
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EMBEDDING_IDS, VECTOR_TENANTS, VECTORS_BY_ID
from hartonomous_resources.vectors.stored_vectors import vectors_of

_IDS_AT_ONCE = 100_000
_VECTORS_AT_ONCE = 1_000

Ids = NDArray[np.int64]
Owned = NDArray[np.int64]
"""(n, 2): tenants and AtomEmbeddingIds."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Embeddings that were drawn for a fit: `vectors` to fit it to, `judged` others; float32 (n, d) each.

    None but those of `vectors` have a hash of `highest_hash` at most, as long as no other id than up to `highest_id`, the highest there is, is
    asked: what comes later was not fitted to, whatever its hash.
    """

    vectors: NDArray[np.float32]
    judged: NDArray[np.float32]
    highest_hash: int
    highest_id: int


def draw_sample(
    unit_of_work: UnitOfWork, model_id: int, dimension: int, *, count: int, judged: int, seed: int
) -> Sample:
    """Draw embeddings of a model, of all tenants, by the least hashes of their ids; the same ones for the same `seed` while none come or go.

    Of fewer than `count` and `judged` together, a tenth is judged, or more where less is fitted to; but as many as can be judged by, or none.
    What is no vector is left out.
    """
    drawn, highest_id = np.empty((0, 2), dtype=np.int64), 0
    for block in _blocks_of_ids(unit_of_work, model_id):
        drawn = _least(np.concatenate([drawn, block]), seed, count + judged)
        highest_id = max(highest_id, int(block[:, 1].max()))
    held_out = min(judged, max(len(drawn) // 10, LEAST_ROWS)) if len(drawn) >= 2 * LEAST_ROWS else 0
    fitted = min(count, len(drawn) - held_out)
    return Sample(
        _vectors(unit_of_work, model_id, dimension, drawn[:fitted]),
        _vectors(unit_of_work, model_id, dimension, drawn[fitted : fitted + judged]),
        int(_hashes(drawn[:fitted, 1], seed).max(initial=0)),
        highest_id,
    )


def draw_unfitted(
    unit_of_work: UnitOfWork, model_id: int, dimension: int, *, judged: int, seed: int, above_hash: int, after: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw up to `judged` embeddings of a model that a sample did not hold, and the newest of them that came after it; float32 (n, d) each.

    `above_hash` and `after` are the `highest_hash` and `highest_id` of the sample.
    """
    drawn, newest = np.empty((0, 2), dtype=np.int64), np.empty((0, 2), dtype=np.int64)
    for block in _blocks_of_ids(unit_of_work, model_id):
        came_after = block[:, 1] > after
        unfitted = block[came_after | (_hashes(block[:, 1], seed) > np.uint64(above_hash))]
        drawn = _least(np.concatenate([drawn, unfitted]), seed, judged)
        newest = np.concatenate([newest, block[came_after]])
        newest = newest[np.argsort(newest[:, 1])[-judged:]]
    vectors, of_newest = (_vectors(unit_of_work, model_id, dimension, owned) for owned in (drawn, newest))
    return vectors, of_newest


def _least(owned: Owned, seed: int, count: int) -> Owned:
    """The embeddings of the least hashes of their ids, in order of the hash."""
    return owned[np.argsort(_hashes(owned[:, 1], seed), kind="stable")[:count]]


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
