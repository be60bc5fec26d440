"""Measures what a search would find: the nearest to some stored vectors, by comparing all of them, against the rows that it looks at first."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VectorTenant
from hartonomous_resources.vectors.filling import VectorBlock, read_vectors_by_id, sample_vectors
from hartonomous_resources.vectors.graphs import BREADTHS, Graph, GraphBytes
from hartonomous_resources.vectors.protocol import LEAST_RECALL
from hartonomous_resources.vectors.quantized import QuantizedRows, highest_scores
from hartonomous_resources.vectors.ranking import FIRST_ROWS
from hartonomous_resources.vectors.segments import Space, StoredGraph

_QUESTIONS = 256
_NEAREST = 10
_SAME_SCORE = 1e-5
_ENOUGH = (2 + LEAST_RECALL) / 3
"""The recall at which a graph needs no more breadth. Real questions are harder than stored vectors: of 200,000 texts 256 rows found 0.9973 of these
and 0.995 of those, 128 rows 0.9933 and 0.9913."""


class Sample:
    """Some rows of a tenant as questions: how many of the nearest are among the rows that a search looks at first.

    A row as near as the last of the nearest counts as one of them: many vectors may be alike.
    """

    def __init__(self, unit_of_work: UnitOfWork, space: Space, tenant: VectorTenant, with_bounds: bool) -> None:
        self._unit_of_work = unit_of_work
        self._space = space
        self._tenant_id = tenant["tenantId"]
        self._with_bounds = with_bounds
        self._questions = sample_vectors(unit_of_work, space, tenant, _QUESTIONS)
        self._nearest = _Best(len(self._questions), _NEAREST)
        self.looked_at = _Best(len(self._questions), FIRST_ROWS * _NEAREST)

    def add(self, block: VectorBlock, rows: QuantizedRows) -> None:
        if len(rows):
            self._nearest.add(block.embedding_ids, self._questions @ block.vectors.T)
        if len(rows) and self._with_bounds:
            bounds = np.array([highest_scores(rows, question) for question in self._questions])
            self.looked_at.add(block.embedding_ids, bounds)

    def try_breadths(self, data: GraphBytes) -> tuple[StoredGraph, float]:
        """The graph with the least breadth that finds enough, or with the most that there is, and its recall."""
        for breadth in BREADTHS:
            graph = Graph.read(data, self._space.dimension, breadth)
            recall = self.recall([graph.nearest(question, FIRST_ROWS * _NEAREST) for question in self._questions])
            if recall >= _ENOUGH:
                break
        return StoredGraph(data, breadth), recall

    def recall(self, looked_at: Iterable[NDArray[np.int64]]) -> float:
        """The share of the nearest that is among these ids, a row of them for each question."""
        found = wanted = 0
        for question, nearest, ids in zip(self._questions, self._nearest.scores, looked_at, strict=True):
            block = read_vectors_by_id(self._unit_of_work, self._space, self._tenant_id, ids)
            as_near = block.vectors @ question >= nearest[-1] - _SAME_SCORE
            found += min(len(nearest), int(as_near.sum()))
            wanted += len(nearest)
        return found / wanted if wanted else 1.0


class _Best:
    """The best rows for each of some questions, float32 and int64 (questions, at most count), while they come in blocks."""

    def __init__(self, questions: int, count: int) -> None:
        self._count = count
        self.scores = np.empty((questions, 0), dtype=np.float32)
        self.ids = np.empty((questions, 0), dtype=np.int64)

    def add(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        every = np.hstack([self.scores, scores])
        every_id = np.hstack([self.ids, np.broadcast_to(ids, scores.shape)])
        if every.shape[1] > self._count:
            best = np.argpartition(-every, self._count, axis=1)[:, : self._count]
            every, every_id = np.take_along_axis(every, best, axis=1), np.take_along_axis(every_id, best, axis=1)
        order = np.argsort(-every, axis=1)
        self.scores, self.ids = np.take_along_axis(every, order, axis=1), np.take_along_axis(every_id, order, axis=1)
