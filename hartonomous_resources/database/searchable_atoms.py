"""Says which atoms a search may show, and picks them from ranked ones."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import ATOMS_OF_WANTED_SOURCES, SEARCHABLE_ATOMS

Ranked = Sequence[tuple[int, float]]
"""Ids of atoms with their scores, the best first."""

FEW_ATOMS = 4096
"""So many can be looked at one by one."""


@dataclass(frozen=True, slots=True)
class AtomFilter:
    """Which of the atoms that a search may show are wanted; what is None narrows nothing.

    All but `modality` say of which sources an atom is to be; one that was inserted by hand and is of no source is then not wanted, unless they
    say only of which it is not (`other_than`, ids of sources).

    `uri_prefix` is how the uri of a source begins, or that of one in which it was found. `media_type` is in lower case and without
    parameters: "text/csv", or "text/" for all that begin so. The times are as the tables store them: received at or after
    `received_since`, before `received_until`. `metadata` are keys and values that a source's metadata hold: texts, or
    numbers, true or false as JSON writes them.
    """

    modality: Modality | None = None
    source_id: int | None = None
    other_than: tuple[int, ...] = ()
    uri_prefix: str | None = None
    media_type: str | None = None
    received_since: str | None = None
    received_until: str | None = None
    metadata: Mapping[str, str] | None = None

    def of_sources(self) -> dict[str, Any]:
        """Return what the filter says of sources, as the parameters of a statement."""
        return {
            "source_id": self.source_id,
            "other_than": json.dumps(self.other_than) if self.other_than else None,
            "uri_prefix": self.uri_prefix,
            "media_type": self.media_type,
            "received_since": self.received_since,
            "received_until": self.received_until,
            "metadata": json.dumps(dict(self.metadata)) if self.metadata else None,
        }


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
    unit_of_work: UnitOfWork, atom_ids: Iterable[int], tenant_id: int, atom_filter: AtomFilter
) -> set[int]:
    """Return which of these atoms of a tenant a search may show, as far as the filter lets them through."""
    rows = unit_of_work.query(
        SEARCHABLE_ATOMS,
        atom_ids=json.dumps(list(atom_ids)),
        tenant_id=tenant_id,
        modality=atom_filter.modality,
        **atom_filter.of_sources(),
    )
    return {row["atomId"] for row in rows}


def few_wanted_ids(unit_of_work: UnitOfWork, tenant_id: int, atom_filter: AtomFilter) -> set[int] | None:
    """Return the atoms of the sources that the filter wants, whether or not a search may show them; None where they are many, or all.

    Where they are few, an index need rank only these: the k best of them are perhaps the last of all.
    """
    wanted = atom_filter.of_sources()
    if all(value is None for value in wanted.values()):
        return None
    rows = unit_of_work.query(ATOMS_OF_WANTED_SOURCES, tenant_id=tenant_id, n=FEW_ATOMS + 1, **wanted)
    return {row["atomId"] for row in rows} if len(rows) <= FEW_ATOMS else None
