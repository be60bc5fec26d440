"""Makes one segment of all vectors of a model as they are in the database now, and measures it before it comes into force."""

import time
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTOR_TENANTS, VectorTenant
from hartonomous_resources.vectors.filling import (
    SpaceNow,
    VectorBlock,
    agrees,
    read_vectors,
    read_vectors_by_id,
    sample_vectors,
)
from hartonomous_resources.vectors.graphs import Graph
from hartonomous_resources.vectors.protocol import LEAST_RECALL, Merge, RecallTooLow
from hartonomous_resources.vectors.quantized import QuantizedRows, highest_scores
from hartonomous_resources.vectors.ranking import FIRST_ROWS
from hartonomous_resources.vectors.segment_files import SegmentFiles
from hartonomous_resources.vectors.segments import Segment, SegmentWriter, Space, Span

_QUESTIONS = 64
_NEAREST = 10
_SAME_SCORE = 1e-5


class Merging:
    """The merge of a space, in a transaction that reads. A tenant that has `graph_rows` gets a graph."""

    def __init__(self, unit_of_work: UnitOfWork, files: SegmentFiles, now: SpaceNow, graph_rows: int) -> None:
        self._unit_of_work = unit_of_work
        self._files = files
        self._now = now
        self._tenants = unit_of_work.query(VECTOR_TENANTS, model_id=now.space.model_id, after=0)
        self._is_empty = not any(row["firstId"] <= now.settled for row in self._tenants)
        self._with_graph = {row["tenantId"] for row in self._tenants if row["vectorCount"] >= graph_rows}

    def is_done(self) -> bool:
        """Whether one segment, which was measured, holds as many rows as the database, the latest among them."""
        segments = self._in_force()
        if self._is_empty or not segments:
            return self._is_empty and not segments
        return (
            len(segments) == 1
            and segments[0].recall is not None
            and len(segments[0].rows) == sum(row["vectorCount"] for row in self._tenants)
            and segments[0].span.through >= max(row["lastId"] for row in self._tenants)
            and segments[0].graphs.keys() == self._with_graph
        )

    def run(self) -> Merge:
        """Make one segment of all rows, unless it is there. What was in others of rows that have been deleted goes. Raises RecallTooLow."""
        started = time.monotonic()
        with self._files.writing(wait=True):
            changed = not self.is_done()
            if changed and not self._is_empty:
                self._files.publish(Span(0, self._now.settled), self._write)
            in_force = [] if self._is_empty else self._in_force()
            self._files.remove_others(in_force)
        return Merge(
            rows=sum(len(segment.rows) for segment in in_force),
            graphs=sum(len(segment.graphs) for segment in in_force),
            byte_length=sum(segment.byte_length for segment in in_force),
            recall=min((segment.recall for segment in in_force if segment.recall is not None), default=1.0),
            seconds=time.monotonic() - started,
            changed=changed,
        )

    def _in_force(self) -> list[Segment]:
        return self._files.chain(self._now.highest, partial(agrees, self._unit_of_work))

    def _write(self, file: IO[bytes]) -> None:
        writer = SegmentWriter(file, self._now.space, Span(0, self._now.settled))
        largest = max(self._tenants, key=lambda row: row["vectorCount"], default=None)
        recall = 1.0
        for tenant in sorted(self._tenants, key=lambda row: row["tenantId"]):
            graph = Graph(self._now.space.dimension) if tenant["tenantId"] in self._with_graph else None
            sample = None
            if graph is not None or tenant is largest:
                sample = _Sample(self._unit_of_work, self._now.space, tenant)
            for block in read_vectors(
                self._unit_of_work, self._now.space, tenant["tenantId"], after=0, through=self._now.settled
            ):
                rows = block.quantized()
                writer.add(tenant["tenantId"], rows)
                if graph is not None:
                    graph.add(rows)
                if sample is not None:
                    sample.add(block, rows)
            if graph is not None:
                writer.add_graph(tenant["tenantId"], graph.save())
            if sample is not None:
                recall = min(recall, sample.recall(graph))
        if recall < LEAST_RECALL:
            raise RecallTooLow(recall)
        writer.finish(recall)


class _Sample:
    """Some rows of a tenant as questions: how many of the nearest are among the rows that a search looks at first.

    A row as near as the last of the nearest counts as one of them: many vectors may be alike.
    """

    def __init__(self, unit_of_work: UnitOfWork, space: Space, tenant: VectorTenant) -> None:
        self._unit_of_work = unit_of_work
        self._space = space
        self._tenant_id = tenant["tenantId"]
        self._questions = sample_vectors(unit_of_work, space, tenant, _QUESTIONS)
        self._nearest = _Best(len(self._questions), _NEAREST)
        self._looked_at = _Best(len(self._questions), FIRST_ROWS * _NEAREST)

    def add(self, block: VectorBlock, rows: QuantizedRows) -> None:
        if len(rows):
            self._nearest.add(block.embedding_ids, self._questions @ block.vectors.T)
            bounds = np.array([highest_scores(rows, question) for question in self._questions])
            self._looked_at.add(block.embedding_ids, bounds)

    def recall(self, graph: Graph | None) -> float:
        found = wanted = 0
        for question, nearest, looked_at in zip(
            self._questions, self._nearest.scores, self._looked_at.ids, strict=True
        ):
            ids = looked_at if graph is None else graph.nearest(question, FIRST_ROWS * _NEAREST)
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
        best = np.argsort(-every, axis=1, kind="stable")[:, : self._count]
        self.scores = np.take_along_axis(every, best, axis=1)
        self.ids = np.take_along_axis(np.hstack([self.ids, np.broadcast_to(ids, scores.shape)]), best, axis=1)
