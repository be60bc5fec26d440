"""Vectors in a byte a component: how they are rounded, how a question is compared with all of them, and how far off that can be."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

_STEPS = 127
_FLOAT_ERROR = 1e-5
"""What sums of float32 can be off, several times over."""

_AT_ONCE = 16_384


@dataclass(frozen=True, slots=True)
class QuantizedRows:
    """Rounded vectors, one beside the other, and what is known of each.

    A vector is its `components` times its `scale`, but for an error no longer than `errors` says; `norms` are the lengths of the rounded ones.
    """

    embedding_ids: NDArray[np.int64]
    atom_ids: NDArray[np.int64]
    scales: NDArray[np.float32]
    errors: NDArray[np.float32]
    norms: NDArray[np.float32]
    components: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.embedding_ids)

    def __getitem__(self, rows: slice | NDArray[np.int64] | NDArray[np.bool_]) -> "QuantizedRows":
        return QuantizedRows(*(getattr(self, column.name)[rows] for column in fields(self)))


def quantize(
    embedding_ids: NDArray[np.int64], atom_ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> QuantizedRows:
    """Round vectors, float32 (n, d): the largest component of each becomes 127 or -127."""
    scales = np.abs(vectors).max(axis=1, initial=0) / np.float32(_STEPS)
    components = np.rint(vectors / np.where(scales, scales, 1)[:, None])
    rounded = components * scales[:, None]
    norms = np.linalg.norm(rounded, axis=1)
    errors = np.linalg.norm(vectors - rounded, axis=1) + _FLOAT_ERROR * norms
    return QuantizedRows(embedding_ids, atom_ids, scales, errors, norms, components.astype(np.int8))


def quantized_question(query: NDArray[np.float32]) -> QuantizedRows:
    """Round a vector, float32 (d,), as the only row."""
    none = np.zeros(1, dtype=np.int64)
    return quantize(none, none, query[None, :])


def highest_scores(rows: QuantizedRows, query: NDArray[np.float32]) -> NDArray[np.float32]:
    """The score that each row can have at the most, float32 (n,): what the rounded vectors say, and as much as they may be wrong.

    Whole numbers are multiplied and added: equal vectors get equal scores.
    """
    import numkong  # NumPy would take twenty times as long to multiply bytes

    question = quantized_question(query)
    scores = np.empty(len(rows), dtype=np.float32)
    for start in range(0, len(rows), _AT_ONCE):  # what a block needs stays in the cache
        here = slice(start, start + _AT_ONCE)
        products = np.asarray(numkong.dot(question.components[0], rows.components[here]), dtype=np.float32)
        scores[here] = (
            products * (rows.scales[here] * question.scales[0])
            + rows.errors[here]
            + rows.norms[here] * question.errors[0]
        )
    scores[~np.isfinite(scores)] = np.inf  # of components near the largest number that there is
    return scores
