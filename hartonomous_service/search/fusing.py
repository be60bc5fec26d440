"""Makes one ranking of two: atoms by meaning and by words."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_service.search.by_place import Near

MEANING_SHARE = 0.6
"""What nearness counts in a fused ranking; the rest is what words count. Measured: docs/decisions/0009."""
DEPTH = 200
"""Atoms of each list that are fused, at least."""
_TOP = 3
"""Hits among which the one stands that would be missed."""


class Found(NamedTuple):
    """An atom that a search found: its cosine, if it has a vector, and its rank in each list that it is in; where it lies, if that was asked."""

    atom_id: int
    cosine: float | None
    semantic_rank: int | None
    lexical_rank: int | None
    place: Near | None = None


def fuse(
    nearest: Sequence[tuple[int, float]], matching: Sequence[tuple[int, float]], others: Mapping[int, float]
) -> list[Found]:
    """Fuse two lists, atoms with their cosines and atoms with their scores by words, each the best first. Equal ones keep their order.

    Both kinds of score count by how far they lie from the mean of all these atoms, in standard deviations: so a word that few texts hold
    lifts them far, and one that all hold lifts none. `others` are the cosines of matching atoms that are not among the nearest; an atom
    without a vector counts as the farthest, one without a word as 0.
    """
    cosines = {**others, **dict(nearest)}
    by_words = dict(matching)
    semantic = {atom_id: rank for rank, (atom_id, _) in enumerate(nearest, start=1)}
    lexical = {atom_id: rank for rank, atom_id in enumerate(by_words, start=1)}
    atom_ids = list(semantic | lexical)
    farthest = min(cosines.values(), default=0.0)
    near = _standardised([cosines.get(atom_id, farthest) for atom_id in atom_ids])
    worded = _standardised([by_words.get(atom_id, 0.0) for atom_id in atom_ids])
    weights = MEANING_SHARE * near + (1 - MEANING_SHARE) * worded
    ordered = [atom_ids[position] for position in np.argsort(-weights, kind="stable")]
    return [Found(each, cosines.get(each), semantic.get(each), lexical.get(each)) for each in ordered]


def lead(found: Sequence[Found], first: Found | None) -> list[Found]:
    """Put `first` before all others, and the nearest among the first three: either is why a question is answered.

    The best by words may stay behind what is good in both: among the first three of every question it costs 0.008 of nDCG@10 on CISI.
    """
    return _move_up(_move_up(found, first, 1), next((each for each in found if each.semantic_rank == 1), None), _TOP)


def by_nearness(found: Sequence[Found]) -> list[Found]:
    """Order what was found by its cosine, what has none last; but the best by words is among the first three."""
    ordered = sorted(found, key=lambda each: math.inf if each.cosine is None else -each.cosine)
    return _move_up(ordered, next((each for each in ordered if each.lexical_rank == 1), None), _TOP)


def _move_up(found: Sequence[Found], leader: Found | None, place: int) -> list[Found]:
    """Put one at this place, if it stands further behind; the others keep their order."""
    if leader is None or leader in found[:place]:
        return list(found)
    others = [each for each in found if each != leader]
    return [*others[: place - 1], leader, *others[place - 1 :]]


def _standardised(values: Sequence[float]) -> NDArray[np.float64]:
    scores = np.array(values, dtype=np.float64)
    return (scores - scores.mean()) / (scores.std() or 1.0) if len(scores) else scores
