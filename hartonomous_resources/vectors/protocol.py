"""The interface of indexes of vectors: which atoms lie nearest to a vector. One behaviour, several indexes: the contract tests run against each."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter

LEAST_RECALL = 0.99
"""How many of the ten nearest must be among the rows that a search looks at first."""


class Hit(NamedTuple):
    """An atom and how near it is: a higher score is nearer."""

    atom_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Merge:
    """The files of a space after a merge. `recall` is how many of the ten nearest are among the rows that a search looks at first, as measured."""

    rows: int
    segments: int
    graphs: int
    byte_length: int
    recall: float
    seconds: float
    changed: bool


class RecallTooLow(Exception):
    """What a merge made would hide too many of the nearest: it has not come into force."""

    def __init__(self, recall: float) -> None:
        super().__init__(f"of the nearest rows it finds {recall:.4f}, and {LEAST_RECALL} is expected")
        self.recall = recall


class VectorIndex(Protocol):
    """The vectors of every tenant and model."""

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
        """Find the k atoms of the tenant nearest to the query by the vectors of the model, the best first, equally good ones by their id.

        `query` is a unit vector, float32 (d,); the score is the cosine. Vectors of another length, or that are not finite, count
        as none. Only atoms that a search may show are found (current, or inserted by hand) and that the filter lets through. What
        the unit of work sees is what is found: a vector that was deleted is gone at once.
        """

    def is_merged(self, unit_of_work: UnitOfWork, model_id: int) -> bool:
        """Return whether `merge` would change nothing."""

    def merge(self, unit_of_work: UnitOfWork, model_id: int) -> Merge:
        """Write the files of a model's vectors as far as they are not as the database is now, in proportion to what has come or gone.

        What they held of vectors that were deleted goes. Searches go on meanwhile. Raises RecallTooLow; what was in force stays.
        """

    def byte_length(self, unit_of_work: UnitOfWork, model_id: int) -> int:
        """Return how many bytes the files of a model's vectors have."""

    def forget(self, unit_of_work: UnitOfWork, model_id: int) -> None:
        """Delete the files of a model whose vectors are gone. One that a search still reads may stay where the system keeps it."""
