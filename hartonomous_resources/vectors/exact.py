"""The index that finds the nearest exactly: a matrix of rounded vectors in files, and what is younger from the database."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTOR_TENANTS
from hartonomous_resources.database.searchable_atoms import NO_FILTER, AtomFilter
from hartonomous_resources.vectors.filling import SpaceNow, agrees, read_vectors, space_now
from hartonomous_resources.vectors.merging import Merging
from hartonomous_resources.vectors.protocol import Hit, Merge
from hartonomous_resources.vectors.quantized import QuantizedRows
from hartonomous_resources.vectors.ranking import FIRST_ROWS, Question, nearest_of
from hartonomous_resources.vectors.segment_files import SegmentFiles
from hartonomous_resources.vectors.segments import Segment, SegmentWriter, Space, Span

MOST_YOUNG_ROWS = 2048
"""With more of a tenant that are in no segment, a question makes one: reading them takes longer than the rest of it."""

_MOST_BY_GRAPH = 1024
"""Rows that are taken from a graph at the most; where so many are not enough, comparing with all rows takes no longer."""


class ExactVectors:
    """Compares the question with all vectors of the tenant, a byte a component, and with the best of them anew as they are in the database."""

    def __init__(self, root: Path, graph_rows: int, most_young_rows: int = MOST_YOUNG_ROWS) -> None:
        self._root = root
        self._graph_rows = graph_rows
        self._most_young_rows = most_young_rows
        self._files: dict[Space, SegmentFiles] = {}

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
        now = space_now(unit_of_work, model_id)
        if now is None or now.space.dimension != len(query):
            return []
        segments, young = self._rows(unit_of_work, now, tenant_id)
        question = Question(now.space, tenant_id, query, k, atom_filter)
        if atom_filter == NO_FILTER and any(segment.graph_of(tenant_id) for segment in segments):
            count = FIRST_ROWS * k
            while count <= _MOST_BY_GRAPH:
                near = [_near(segment, tenant_id, query, count) for segment in segments]
                hits = nearest_of(unit_of_work, question, [*near, *young])
                if len(hits) == k:
                    return hits
                count *= 4
        return nearest_of(unit_of_work, question, [*(segment.of_tenant(tenant_id) for segment in segments), *young])

    def is_merged(self, unit_of_work: UnitOfWork, model_id: int) -> bool:
        return self._merging(unit_of_work, model_id).is_done()

    def merge(self, unit_of_work: UnitOfWork, model_id: int) -> Merge:
        return self._merging(unit_of_work, model_id).run()

    def byte_length(self, unit_of_work: UnitOfWork, model_id: int) -> int:
        now = space_now(unit_of_work, model_id)
        return self._files_of(now.space).byte_length() if now else 0

    def forget(self, unit_of_work: UnitOfWork, model_id: int) -> None:
        now = space_now(unit_of_work, model_id)
        if now:
            self._files_of(now.space).delete()
            del self._files[now.space]

    def _merging(self, unit_of_work: UnitOfWork, model_id: int) -> Merging:
        now = space_now(unit_of_work, model_id)
        if now is None:
            raise ValueError(f"there is no embedding model {model_id}")
        return Merging(unit_of_work, self._files_of(now.space), now, self._graph_rows)

    def _files_of(self, space: Space) -> SegmentFiles:
        if space not in self._files:
            self._files.setdefault(space, SegmentFiles(self._root, space))
        return self._files[space]

    def _rows(
        self, unit_of_work: UnitOfWork, now: SpaceNow, tenant_id: int, may_extend: bool = True
    ) -> tuple[list[Segment], list[QuantizedRows]]:
        """The segments in force, and the rows of a tenant that are in none yet."""
        files = self._files_of(now.space)
        segments = files.chain(now.highest, partial(agrees, unit_of_work))
        young: list[QuantizedRows] = []
        for block in read_vectors(unit_of_work, now.space, tenant_id, _reached(segments)):
            young.append(block.quantized())
            if may_extend and sum(map(len, young)) > self._most_young_rows:
                if _extend(unit_of_work, files, now):
                    return self._rows(unit_of_work, now, tenant_id, may_extend=False)
                may_extend = False
        return segments, young


def _extend(unit_of_work: UnitOfWork, files: SegmentFiles, now: SpaceNow) -> bool:
    """Make a segment of the rows that are in none; False where another process is writing, or there is nothing to write yet.

    Those at the end of the chain that have no graph and not twice as many rows become part of it: so there are few, and each row is copied a
    few times.
    """
    with files.writing(wait=False) as is_ours:
        if not is_ours:
            return False
        segments = files.chain(now.highest, partial(agrees, unit_of_work))
        reached = _reached(segments)
        if reached >= now.settled:
            return False
        tenants = unit_of_work.query(VECTOR_TENANTS, model_id=now.space.model_id, after=reached)
        count = sum(row["vectorCount"] for row in tenants)
        absorbed: list[Segment] = []
        while segments and not segments[-1].graphs and len(segments[-1].rows) < 2 * count:
            absorbed.insert(0, segments.pop())
            count += len(absorbed[0].rows)
        span = Span(_reached(segments), now.settled)

        def parts() -> Iterator[tuple[int, QuantizedRows]]:
            for tenant_id in sorted({row["tenantId"] for row in tenants}.union(*(each.tenants for each in absorbed))):
                for segment in absorbed:
                    yield tenant_id, segment.of_tenant(tenant_id)
                for block in read_vectors(unit_of_work, now.space, tenant_id, reached, now.settled):
                    yield tenant_id, block.quantized()

        def write(file: IO[bytes]) -> None:
            writer = SegmentWriter(file, now.space, span)
            for tenant_id, rows in parts():
                writer.add(tenant_id, rows)
            writer.finish()

        files.publish(span, write)
        files.remove_others(files.chain(now.highest, partial(agrees, unit_of_work)))
        return True


def _near(segment: Segment, tenant_id: int, query: NDArray[np.float32], count: int) -> QuantizedRows:
    """The rows of a tenant among which its graph finds the nearest; all rows where there is none."""
    rows, graph = segment.of_tenant(tenant_id), segment.graph_of(tenant_id)
    if graph is None:
        return rows
    ids = np.sort(graph.nearest(query, count))
    places = np.searchsorted(rows.embedding_ids, ids).clip(max=len(rows) - 1)
    return rows[places[rows.embedding_ids[places] == ids]]  # a row that went may have a place in the graph


def _reached(segments: list[Segment]) -> int:
    return segments[-1].span.through if segments else 0
