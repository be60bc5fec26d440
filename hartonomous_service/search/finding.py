"""Ranks atoms for a question: by meaning, by words or by both; or by their places in 3-D."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import AtomFilter
from hartonomous_resources.vectors.protocol import VectorIndex
from hartonomous_resources.vectors.stored_vectors import cosines_of
from hartonomous_service.search.answering import first_with_every_word
from hartonomous_service.search.by_place import Places
from hartonomous_service.search.by_words import rank_by_words
from hartonomous_service.search.fusing import DEPTH, Found, by_nearness, fuse, lead
from hartonomous_service.search.locating import Sought
from hartonomous_service.search.questions import Question

Mode = Literal["hybrid", "semantic", "lexical", "spatial"]


@dataclass(frozen=True, slots=True)
class Finder:
    """What is asked, and where. `question` is None where nothing is asked by meaning, `sought` where nothing by place, or nothing has one.

    `nearest_first`: whatever was found is ordered by its cosine.
    """

    unit_of_work: UnitOfWork
    vectors: VectorIndex
    tenant: int
    mode: Mode
    text: str
    question: Question | None
    sought: Sought | None = None
    nearest_first: bool = False

    def find(self, limit: int, wanted: AtomFilter) -> Sequence[Found]:
        """Rank at least `limit` of the atoms that are wanted, if there are so many, the best first."""
        if self.mode == "spatial":
            return self._by_place(limit, wanted)
        depth = max(DEPTH, limit) if self.mode == "hybrid" else limit
        nearest = [] if self.mode == "lexical" else self._by_meaning(depth, wanted)
        matching = [] if self.mode == "semantic" else self._by_words(depth, wanted)
        missing = {atom_id for atom_id, _ in matching} - {atom_id for atom_id, _ in nearest}
        found = fuse(nearest, matching, self._cosines(missing))
        if self.nearest_first:
            return by_nearness(found)
        if self.mode != "hybrid":
            return found
        return lead(found, first_with_every_word(self.unit_of_work, self.text, found))

    def _by_place(self, limit: int, wanted: AtomFilter) -> Sequence[Found]:
        if self.sought is None:
            return []
        places = Places(self.unit_of_work, self.tenant, self.sought.model_id, self.sought.projection_model_id)
        near = places.nearest(self.sought.region, limit, wanted)
        cosines = self._cosines({each.atom_id for each in near})
        return [Found(each.atom_id, cosines.get(each.atom_id), None, None, each) for each in near]

    def _cosines(self, atom_ids: Collection[int]) -> Mapping[int, float]:
        if self.question is None:
            return {}
        return cosines_of(self.unit_of_work, self.tenant, self.question.model_id, self.question.vector, atom_ids)

    def _by_meaning(self, limit: int, wanted: AtomFilter) -> Sequence[tuple[int, float]]:
        if self.question is None:
            return []
        space = self.tenant, self.question.model_id, self.question.vector
        return self.vectors.nearest(self.unit_of_work, *space, limit, atom_filter=wanted)

    def _by_words(self, limit: int, wanted: AtomFilter) -> Sequence[tuple[int, float]]:
        return rank_by_words(self.unit_of_work, self.text, self.tenant, limit, wanted)
