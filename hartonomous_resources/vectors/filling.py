"""Reads the vectors of a space from the database, where they are the truth, for segments and for questions."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import (
    VECTOR_SPACE,
    VECTORS,
    VECTORS_BY_ID,
    StoredVector,
    VectorTenant,
)
from hartonomous_resources.vectors.quantized import QuantizedRows, quantize
from hartonomous_resources.vectors.segments import Segment, Space
from hartonomous_resources.vectors.stored_vectors import vectors_of

ROWS_PER_BLOCK = 8192
_COMPARED = 16


@dataclass(frozen=True, slots=True)
class SpaceNow:
    """A space, the highest AtomEmbeddingId that was ever given, and one below which no other row appears any more."""

    space: Space
    highest: int
    settled: int


class VectorBlock(NamedTuple):
    """Some vectors of a tenant, float32 (n, d), and whose they are, int64 (n,)."""

    embedding_ids: NDArray[np.int64]
    atom_ids: NDArray[np.int64]
    vectors: NDArray[np.float32]

    def quantized(self) -> QuantizedRows:
        return quantize(*self)


def space_now(unit_of_work: UnitOfWork, model_id: int) -> SpaceNow | None:
    """Read what the vectors of a model have in common; None for a model that is not there."""
    for row in unit_of_work.query(VECTOR_SPACE, model_id=model_id):
        space = Space(row["databaseCreatedAt"], model_id, row["artifactHash"], row["dimension"])
        return SpaceNow(space, row["highestId"], row["settledId"])
    return None


def read_vectors(
    unit_of_work: UnitOfWork, space: Space, tenant_id: int, after: int, through: int | None = None
) -> Iterator[VectorBlock]:
    """Read the vectors of a tenant above an AtomEmbeddingId, up to `through`, in blocks."""
    while True:
        read = unit_of_work.query(VECTORS, tenant_id=tenant_id, model_id=space.model_id, after=after, n=ROWS_PER_BLOCK)
        yield _block([row for row in read if through is None or row["atomEmbeddingId"] <= through], space.dimension)
        if len(read) < ROWS_PER_BLOCK or (through is not None and read[-1]["atomEmbeddingId"] > through):
            return
        after = read[-1]["atomEmbeddingId"]


def sample_vectors(unit_of_work: UnitOfWork, space: Space, tenant: VectorTenant, count: int) -> NDArray[np.float32]:
    """Read some vectors of a tenant, at most `count`, spread from its first to its last id; float32 (n, d)."""
    rows: dict[int, StoredVector] = {}
    for start in np.linspace(tenant["firstId"], tenant["lastId"], count, dtype=np.int64).tolist():
        for row in unit_of_work.query(
            VECTORS, tenant_id=tenant["tenantId"], model_id=space.model_id, after=start - 1, n=1
        ):
            if row["atomEmbeddingId"] <= tenant["lastId"]:
                rows[row["atomEmbeddingId"]] = row
    return _block(list(rows.values()), space.dimension).vectors


def read_vectors_by_id(
    unit_of_work: UnitOfWork, space: Space, tenant_id: int, embedding_ids: NDArray[np.int64]
) -> VectorBlock:
    """Read these vectors as far as they are there, the tenant's and of the space."""
    ids = json.dumps(embedding_ids.tolist())
    read = unit_of_work.query(VECTORS_BY_ID, embedding_ids=ids, tenant_id=tenant_id, model_id=space.model_id)
    return _block(read, space.dimension)


def agrees(unit_of_work: UnitOfWork, segment: Segment) -> bool:
    """Compare some rows of a segment, the newest among them, with those of the database; what has gone from there is no difference.

    They differ where a database was put back to an earlier state and has given the same ids to others since.
    """
    count = len(segment.rows)
    picked = (
        {*np.linspace(0, count - 1, _COMPARED, dtype=int).tolist(), int(segment.rows.embedding_ids.argmax())}
        if count
        else set()
    )
    for tenant_id, place in segment.tenants.items():
        here = np.array(sorted(row for row in picked if place.start <= row < place.stop), dtype=np.int64)
        if not len(here):
            continue
        ours = segment.rows[here]
        theirs = read_vectors_by_id(unit_of_work, segment.space, tenant_id, ours.embedding_ids).quantized()
        ours = ours[np.isin(ours.embedding_ids, theirs.embedding_ids)]
        theirs = theirs[np.argsort(theirs.embedding_ids)]
        same = np.array_equal(ours.atom_ids, theirs.atom_ids) and np.array_equal(ours.components, theirs.components)
        if not same:
            return False
    return True


def _block(rows: list[StoredVector], dimension: int) -> VectorBlock:
    vectors, usable = vectors_of(rows, dimension)
    ids = np.array([(row["atomEmbeddingId"], row["atomId"]) for row in rows], dtype=np.int64).reshape(-1, 2)[usable]
    return VectorBlock(ids[:, 0], ids[:, 1], vectors)
