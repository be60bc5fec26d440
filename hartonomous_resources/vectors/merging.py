"""Makes one segment of all vectors of a model as they are in the database now, and measures it before it comes into force."""

import time
from collections.abc import Sequence
from functools import partial
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTOR_TENANTS, VectorTenant
from hartonomous_resources.vectors.filling import SpaceNow, VectorBlock, agrees, read_vectors, sample_vectors
from hartonomous_resources.vectors.graphs import Graph
from hartonomous_resources.vectors.protocol import LEAST_RECALL, Merge, RecallTooLow
from hartonomous_resources.vectors.quantized import QuantizedRows, highest_scores
from hartonomous_resources.vectors.ranking import FIRST_ROWS
from hartonomous_resources.vectors.segment_files import SegmentFiles
from hartonomous_resources.vectors.segments import Segment, SegmentWriter, Span

_QUESTIONS = 64
_NEAREST = 10


def merge(unit_of_work: UnitOfWork, files: SegmentFiles, now: SpaceNow, graph_rows: int) -> Merge:
    """Make a segment of all rows, with a graph for each tenant that has `graph_rows`; one that is there and lacks nothing stays.

    With it goes what was in other segments of rows that have been deleted. Raises RecallTooLow.
    """
    started = time.monotonic()
    is_true = partial(agrees, unit_of_work)
    with files.writing(wait=True):
        tenants = unit_of_work.query(VECTOR_TENANTS, model_id=now.space.model_id, after=0)
        with_graph = {row["tenantId"] for row in tenants if row["vectorCount"] >= graph_rows}
        changed = not _is_merged(files.chain(now.highest, is_true), tenants, with_graph)
        if changed:
            span = Span(0, now.settled)
            files.publish(span, partial(_write, unit_of_work, now, span, tenants, with_graph))
        in_force = files.chain(now.highest, is_true)
        files.remove_others(in_force)
    return Merge(
        rows=sum(len(segment.rows) for segment in in_force),
        graphs=sum(len(segment.graphs) for segment in in_force),
        byte_length=sum(segment.byte_length for segment in in_force),
        recall=min((segment.recall for segment in in_force if segment.recall is not None), default=1.0),
        seconds=time.monotonic() - started,
        changed=changed,
    )


def _is_merged(segments: Sequence[Segment], tenants: Sequence[VectorTenant], with_graph: set[int]) -> bool:
    if not tenants:
        return not segments
    return (
        len(segments) == 1
        and segments[0].recall is not None
        and len(segments[0].rows) == sum(row["vectorCount"] for row in tenants)
        and segments[0].span.through >= max(row["lastId"] for row in tenants)
        and segments[0].graphs.keys() == with_graph
    )


def _write(
    unit_of_work: UnitOfWork,
    now: SpaceNow,
    span: Span,
    tenants: Sequence[VectorTenant],
    with_graph: set[int],
    file: IO[bytes],
) -> None:
    writer = SegmentWriter(file, now.space, span)
    largest = max(tenants, key=lambda row: row["vectorCount"], default=None)
    recalls = [1.0]
    for tenant in sorted(tenants, key=lambda row: row["tenantId"]):
        tenant_id = tenant["tenantId"]
        graph = Graph(now.space.dimension) if tenant_id in with_graph else None
        sample = None
        if graph is not None or tenant is largest:
            sample = _Sample(sample_vectors(unit_of_work, now.space, tenant, _QUESTIONS))
        for block in read_vectors(unit_of_work, now.space, tenant_id, span.after, span.through):
            rows = block.quantized()
            writer.add(tenant_id, rows)
            if graph is not None:
                graph.add(rows)
            if sample is not None:
                sample.add(block, rows)
        if graph is not None:
            writer.add_graph(tenant_id, graph.save())
        if sample is not None:
            recalls.append(sample.recall(graph))
    if min(recalls) < LEAST_RECALL:
        raise RecallTooLow(min(recalls))
    writer.finish(min(recalls))


class _Sample:
    """Some rows as questions: how many of the nearest by float32 are among the rows that a search looks at first."""

    def __init__(self, questions: NDArray[np.float32]) -> None:
        self._questions = questions
        self._nearest = _Best(len(questions), _NEAREST)
        self._looked_at = _Best(len(questions), FIRST_ROWS * _NEAREST)

    def add(self, block: VectorBlock, rows: QuantizedRows) -> None:
        if len(rows):
            self._nearest.add(block.embedding_ids, self._questions @ block.vectors.T)
            bounds = np.array([highest_scores(rows, question) for question in self._questions])
            self._looked_at.add(block.embedding_ids, bounds)

    def recall(self, graph: Graph | None) -> float:
        looked_at = self._looked_at.ids
        if graph is not None:
            looked_at = [set(graph.nearest(question, FIRST_ROWS * _NEAREST).tolist()) for question in self._questions]
        pairs = list(zip(self._nearest.ids, looked_at, strict=True))
        return sum(len(nearest & looked) for nearest, looked in pairs) / max(
            1, sum(len(nearest) for nearest, _ in pairs)
        )


class _Best:
    """The best rows for each of some questions, while they come in blocks."""

    def __init__(self, questions: int, count: int) -> None:
        self._count = count
        self._scores = np.empty((questions, 0), dtype=np.float32)
        self._ids = np.empty((questions, 0), dtype=np.int64)

    def add(self, ids: NDArray[np.int64], scores: NDArray[np.float32]) -> None:
        self._scores = np.hstack([self._scores, scores])
        self._ids = np.hstack([self._ids, np.broadcast_to(ids, scores.shape)])
        best = np.argsort(-self._scores, axis=1, kind="stable")[:, : self._count]
        self._scores = np.take_along_axis(self._scores, best, axis=1)
        self._ids = np.take_along_axis(self._ids, best, axis=1)

    @property
    def ids(self) -> list[set[int]]:
        return [set(row) for row in self._ids.tolist()]
