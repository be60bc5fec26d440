"""Keeps the segments of a model few and true to the database, and measures each that it writes before it comes into force.

A merge writes what is new, together with the segments before it that have fewer rows than what follows them: so a row is written again only
where it is then among twice as many. A segment of which rows were deleted is written anew without them; its graph is not made anew for a few.
"""

import time
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import VECTOR_TENANTS, VectorTenant
from hartonomous_resources.vectors.filling import SpaceNow, agrees, read_vectors
from hartonomous_resources.vectors.graphs import Graph, digests_of, keep_only, places_in
from hartonomous_resources.vectors.protocol import LEAST_RECALL, Merge, RecallTooLow
from hartonomous_resources.vectors.recall import Sample
from hartonomous_resources.vectors.segment_files import SegmentFiles
from hartonomous_resources.vectors.segments import Measured, Segment, SegmentWriter, Span

LEAST_PART = 8
"""A tenant that has a graph has one in each segment with this part of `graph_rows`: comparing a question with fewer takes no longer. A segment
that is smaller is written again whenever another follows it."""

_MOST_PLACES = 1.1
"""A graph that has so many places, for each row that is left, is made anew."""

Tenants = Mapping[int, VectorTenant]


class _Part(NamedTuple):
    """A span that is to be written, the tenants with vectors in it, and of some of them a segment whose graph can be added to."""

    span: Span
    tenants: Tenants
    bases: dict[int, Segment]


class Merging:
    """The merge of a space, in a transaction that reads. A tenant that has `graph_rows` gets graphs."""

    def __init__(self, unit_of_work: UnitOfWork, files: SegmentFiles, now: SpaceNow, graph_rows: int) -> None:
        self._unit_of_work = unit_of_work
        self._files = files
        self._now = now
        self._least = graph_rows // LEAST_PART
        self._all = self._above(0)
        self._with_graph = {tenant_id for tenant_id, row in self._all.items() if row["vectorCount"] >= graph_rows}

    def is_done(self) -> bool:
        """Whether the segments are as a merge would leave them."""
        parts, superfluous, _ = self._plan()
        return not parts and not superfluous

    def run(self) -> Merge:
        """Write what is to be written. What was in segments of rows that have been deleted goes. Raises RecallTooLow."""
        started = time.monotonic()
        with self._files.writing(wait=True):
            parts, superfluous, reach = self._plan()
            for part in parts:
                try:
                    self._files.publish(part.span, partial(self._write, part))
                except RecallTooLow:
                    if not part.bases:
                        raise
                    self._files.publish(part.span, partial(self._write, part._replace(bases={})))
            in_force = [segment for segment in self._in_force() if segment.span.through <= reach]
            self._files.remove_others(in_force)
        return Merge(
            rows=sum(len(segment.rows) for segment in in_force),
            segments=len(in_force),
            graphs=sum(len(segment.graphs) for segment in in_force),
            byte_length=sum(segment.byte_length for segment in in_force),
            recall=min((segment.measured.recall for segment in in_force if segment.measured), default=1.0),
            seconds=time.monotonic() - started,
            changed=bool(parts) or superfluous,
        )

    def _in_force(self) -> list[Segment]:
        return self._files.chain(self._now.highest, partial(agrees, self._unit_of_work))

    def _above(self, embedding_id: int) -> Tenants:
        rows = self._unit_of_work.query(VECTOR_TENANTS, model_id=self._now.space.model_id, after=embedding_id)
        return {row["tenantId"]: row for row in rows}

    def _plan(self) -> tuple[list[_Part], bool, int]:
        """What is to be written; whether segments at the end hold nothing any more; and the id up to which they reach then."""
        segments = self._in_force()
        ends = [segment.span.through for segment in segments]
        bounds = [0, *ends, max(self._now.settled, *ends, 0)]
        above = [self._all, *map(self._above, bounds[1:])]
        there = [_between(*tenants, end) for tenants, end in zip(pairwise(above), bounds[1:], strict=True)]
        sizes = [sum(_counts(tenants).values()) for tenants in there]
        first = len(segments)
        for place, segment in reversed([*enumerate(segments)]):
            following = sum(sizes[place + 1 :])
            is_small = following > 0 and sizes[place] < max(following, self._least)
            if segment.measured is None or not sizes[place] or is_small:
                first = place
        parts = [
            _Part(segment.span, tenants, _bases([segment], [tenants]))
            for segment, tenants in zip(segments[:first], there, strict=False)
            if not self._is_true(segment, tenants)
        ]
        if not any(sizes[first:]):
            return parts, first < len(segments), bounds[first]
        tenants = _between(above[first], above[-1], bounds[-1])
        last = _Part(Span(bounds[first], bounds[-1]), tenants, _bases(segments[first:], there[first:]))
        return [*parts, last], False, bounds[-1]

    def _is_true(self, segment: Segment, tenants: Tenants) -> bool:
        """Whether a segment holds the rows that the database has in its span, and graphs of those whose it is."""
        graphs = {tenant_id for tenant_id in tenants if self._wants_graph(tenants[tenant_id])}
        return (
            segment.measured is not None and segment.measured.found == _counts(tenants) and graphs <= {*segment.graphs}
        )

    def _wants_graph(self, tenant: VectorTenant) -> bool:
        return tenant["tenantId"] in self._with_graph and tenant["vectorCount"] >= self._least

    def _write(self, part: _Part, file: IO[bytes]) -> None:
        writer = SegmentWriter(file, self._now.space, part.span)
        dimension = self._now.space.dimension
        found = _counts(part.tenants)
        largest = max(found.values())
        recall = 1.0
        for tenant_id, tenant in sorted(part.tenants.items()):
            base, graph, sample = part.bases.get(tenant_id), None, None
            kept: list[NDArray[np.uint64]] = []
            if base or self._wants_graph(tenant):
                graph = Graph.copied(base.graphs[tenant_id].data, dimension) if base else Graph(dimension)
            if graph is not None or tenant["vectorCount"] == largest:
                sample = Sample(self._unit_of_work, self._now.space, tenant, with_bounds=graph is None)
            for block in read_vectors(self._unit_of_work, self._now.space, tenant_id, *part.span):
                rows = block.quantized()
                writer.add(tenant_id, rows)
                if graph is not None:
                    graph.add(rows[~base.span.holds(rows.embedding_ids)] if base else rows)
                    kept.append(digests_of(rows.components))
                if sample is not None:
                    sample.add(block, rows)
            if graph is not None and sample is not None:
                data, graph = graph.save(), None  # the memory of one of them is enough
                if base:
                    keep_only(data, np.concatenate(kept))
                stored, found_by_graph = sample.try_breadths(data)
                writer.add_graph(tenant_id, stored)
                recall = min(recall, found_by_graph)
            elif sample is not None:
                recall = min(recall, sample.recall(sample.looked_at.ids))
        if recall < LEAST_RECALL:
            raise RecallTooLow(recall)
        writer.finish(Measured(recall, found))


def _between(above: Tenants, beyond: Tenants, end: int) -> Tenants:
    """The tenants of a span, of those above its beginning and those beyond its end."""
    here: dict[int, VectorTenant] = {}
    for tenant_id, row in above.items():
        count = row["vectorCount"] - (beyond[tenant_id]["vectorCount"] if tenant_id in beyond else 0)
        if count > 0:
            here[tenant_id] = {**row, "vectorCount": count, "lastId": min(row["lastId"], end)}
    return here


def _counts(tenants: Tenants) -> dict[int, int]:
    return {tenant_id: row["vectorCount"] for tenant_id, row in tenants.items()}


def _bases(segments: list[Segment], there: list[Tenants]) -> dict[int, Segment]:
    """Of each tenant the segment with its largest graph, of those of which few rows were deleted."""
    bases: dict[int, Segment] = {}
    for segment, tenants in zip(segments, there, strict=False):
        for tenant_id in segment.graphs.keys() & tenants.keys():
            count = tenants[tenant_id]["vectorCount"]
            is_larger = tenant_id not in bases or count > len(bases[tenant_id].of_tenant(tenant_id))
            if is_larger and places_in(segment.graphs[tenant_id].data) <= _MOST_PLACES * count:
                bases[tenant_id] = segment
    return bases
