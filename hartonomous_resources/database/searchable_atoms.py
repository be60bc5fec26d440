"""Picks, from ranked atoms, those that a search may show."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import SEARCHABLE_ATOMS

Ranked = Sequence[tuple[int, float]]
"""Ids of atoms with their scores, the best first."""


@dataclass(frozen=True, slots=True)
class AtomFilter:
    """Which of the atoms that a search may show are wanted; what is None narrows nothing."""

    modality: Modality | None = None


NO_FILTER = AtomFilter()


def best_searchable(
    unit_of_work: UnitOfWork, rank: Callable[[int], Ranked], k: int, tenant_id: int, atom_filter: AtomFilter
) -> list[tuple[int, float]]:
    """Return the k best atoms that a search may show: those of current sources or inserted by hand that the filter lets through.

    `rank(count)` gives the best of all, so many. Superseded ones rank too, so it is asked for more until k are left or it has no more.
    """
    count = 2 * k
    while True:
        ranked = rank(count)
        may_be_shown = searchable_ids(unit_of_work, [atom_id for atom_id, _ in ranked], tenant_id, atom_filter)
        shown = [(atom_id, score) for atom_id, score in ranked if atom_id in may_be_shown]
        if len(shown) >= k or len(ranked) < count:
            return shown[:k]
        count *= 4


def searchable_ids(
    unit_of_work: UnitOfWork, atom_ids: Sequence[int], tenant_id: int, atom_filter: AtomFilter
) -> set[int]:
    """Return which of these atoms of a tenant a search may show, as far as the filter lets them through."""
    ids = json.dumps(list(atom_ids))
    rows = unit_of_work.query(SEARCHABLE_ATOMS, atom_ids=ids, tenant_id=tenant_id, modality=atom_filter.modality)
    return {row["atomId"] for row in rows}
