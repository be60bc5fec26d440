"""The interface of indexes of vectors: which atoms lie nearest to a vector. One behaviour, several indexes: the contract tests run against each."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter


class Hit(NamedTuple):
    """An atom and how near it is: a higher score is nearer."""

    atom_id: int
    score: float


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
