"""Finds the best of a tenant's vectors: in the order of what each can reach at the most, until none that is left can be better."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import AtomFilter, few_wanted_ids, searchable_ids
from hartonomous_resources.vectors.filling import read_vectors_by_id
from hartonomous_resources.vectors.protocol import Hit
from hartonomous_resources.vectors.quantized import QuantizedRows, highest_scores
from hartonomous_resources.vectors.segments import Space

FIRST_ROWS = 4
"""Rows that a graph is asked for at first, for each hit that is wanted."""

_ROWS_FIRST, _ROWS_A_HIT = 10, 1.5
"""Rows looked at first where all are compared. Of 10^5 real texts rounding puts 14 to 34 above the tenth nearest, 278 to 393 above the 200th."""

_ROWS_PER_LOOK = 4096


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the k atoms of a tenant nearest to a unit vector, float32 (d,), of those that a search may show and the filter lets through."""

    space: Space
    tenant_id: int
    query: NDArray[np.float32]
    k: int
    atom_filter: AtomFilter


def nearest_of(unit_of_work: UnitOfWork, question: Question, parts: Sequence[QuantizedRows]) -> list[Hit]:
    """Find the nearest, exactly; the best first, equally good ones by their id.

    Rounded vectors only say in which order to look. What is found is in the database, and its score is that of the vector there.
    """
    wanted_ids = few_wanted_ids(unit_of_work, question.tenant_id, question.atom_filter)
    if wanted_ids is not None:
        wanted = np.fromiter(wanted_ids, dtype=np.int64, count=len(wanted_ids))
        parts = [part[np.isin(part.atom_ids, wanted)] for part in parts]
    parts = [part for part in parts if len(part)]
    if not parts:
        return []
    scores = [highest_scores(part, question.query) for part in parts]
    highest = scores[0] if len(scores) == 1 else np.concatenate(scores)
    ends = np.cumsum([len(part) for part in parts])
    hits: list[Hit] = []
    seen_above, count = np.inf, max(_ROWS_FIRST + question.k, int(_ROWS_A_HIT * question.k))
    least = _reached_by(highest, count)
    while True:
        rows = np.flatnonzero(highest >= least)
        rows = rows[highest[rows] < seen_above]
        of_parts = np.split(rows, np.searchsorted(rows, ends[:-1]))
        looked_at = [part[of_part - end + len(part)] for part, of_part, end in zip(parts, of_parts, ends, strict=True)]
        embedding_ids = np.concatenate([part.embedding_ids for part in looked_at])
        hits += score_rows(unit_of_work, question, embedding_ids, np.concatenate([part.atom_ids for part in looked_at]))
        hits = sorted(hits, key=lambda hit: (-hit.score, hit.atom_id))[: question.k]
        if least == -np.inf or (len(hits) == question.k and hits[-1].score >= least):
            return hits
        count *= 4
        # With k hits, all that may be better than the last of them is looked at next.
        seen_above, least = least, hits[-1].score if len(hits) == question.k else _reached_by(highest, count)


def _reached_by(scores: NDArray[np.float32], count: int) -> float:
    """A score that at least `count` rows reach, and hardly more; below all where there are no more than that.

    Of many rows, the best of each of some groups are sorted instead of all: a tenth of the time. Neighbours, which are often alike, are in
    different groups.
    """
    if count >= len(scores):
        return -np.inf
    groups = 32 * count
    best = scores[: len(scores) // groups * groups].reshape(-1, groups).max(axis=0) if groups < len(scores) else scores
    return float(np.partition(best, -count)[-count])


def score_rows(
    unit_of_work: UnitOfWork, question: Question, embedding_ids: NDArray[np.int64], atom_ids: NDArray[np.int64]
) -> list[Hit]:
    """Score those of these rows that may be shown, by their vectors in the database."""
    hits: list[Hit] = []
    for start in range(0, len(embedding_ids), _ROWS_PER_LOOK):
        look = slice(start, start + _ROWS_PER_LOOK)
        shown = searchable_ids(unit_of_work, atom_ids[look].tolist(), question.tenant_id, question.atom_filter)
        wanted = np.array([atom_id in shown for atom_id in atom_ids[look].tolist()], dtype=bool)
        found = read_vectors_by_id(unit_of_work, question.space, question.tenant_id, embedding_ids[look][wanted])
        # Not a matrix product: equal vectors would get unequal scores, by which rows a thread was given.
        scores = np.einsum("ij,j->i", found.vectors, question.query)
        hits += map(Hit, found.atom_ids.tolist(), scores.tolist())
    return hits
