"""Ranks atoms by how near their embeddings lie to a point in 3-D, exactly, by ranges of the Hilbert curve.

A value of the curve says where a point lies to within a millionth. So the index of these values alone shows which may be the nearest, and the
coordinates of only these are read.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.spatial.hilbert import encode
from hartonomous_core.spatial.hilbert_ranges import ERROR, Region, places_of, ranges_in
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.place_rows import (
    PLACES_BESIDE,
    PLACES_IN_RANGES,
    POSITIONS,
    POSITIONS_OF_ATOMS,
    PlaceOnCurve,
    Position,
)
from hartonomous_resources.database.searchable_atoms import AtomFilter, best_searchable, few_wanted_ids
from hartonomous_resources.database.statements import RowT, Statement

MOST_RANGES = 64
"""Ranges that one statement looks into: a seek each."""
_BLOCK_ROWS = 65_536
"""Rows that one statement returns, at the most."""
_NO_LIMIT = 2**62
_READ_AT_ONCE = 4096
_BESIDE = 2
"""Of the neighbours on either side of a value of the curve, so many times what is asked for are looked at: among more, the k-th is hardly nearer."""


class Near(NamedTuple):
    """An atom, where its embedding lies, and how far that is from what was asked for."""

    atom_id: int
    distance: float
    position: tuple[float, float, float]


class _Candidates(NamedTuple):
    """What may be in a region: AtomEmbeddingIds, how far each is from the centre to within ERROR, and whether it is in the box for sure."""

    ids: NDArray[np.int64]
    distances: NDArray[np.float64]
    sure: NDArray[np.bool_]

    def nearest(self, count: int) -> "_Candidates":
        """Return those that may be among the `count` nearest."""
        near = self.distances <= self.farthest(count) + 2 * ERROR
        return _Candidates(self.ids[near], self.distances[near], self.sure[near])

    def farthest(self, count: int) -> float:
        """Return within what distance there are `count` for sure, to within ERROR; infinite where they are fewer."""
        distances = self.distances[self.sure]
        return float(np.partition(distances, count - 1)[count - 1]) if len(distances) >= count else np.inf


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a tenant's embeddings by one model and one projection of it, in a transaction."""

    unit_of_work: UnitOfWork
    tenant_id: int
    model_id: int
    projection_model_id: int

    def nearest(self, region: Region, k: int, atom_filter: AtomFilter) -> list[Near]:
        """Return the k atoms of a region that a search may show which lie nearest to its centre; equally near ones by id."""
        found: dict[int, Near] = {}
        wanted = few_wanted_ids(self.unit_of_work, self.tenant_id, atom_filter)
        of_wanted: list[Near] = []
        if wanted is not None:
            rows = self._ask(POSITIONS_OF_ATOMS, atom_ids=json.dumps(sorted(wanted)))
            of_wanted = _nearest_first(rows, region)

        def rank(count: int) -> Sequence[tuple[int, float]]:
            nearest = self._nearest_of_all(region, count) if wanted is None else of_wanted[:count]
            found.update((each.atom_id, each) for each in nearest)
            return [(each.atom_id, each.distance) for each in nearest]

        ranked = best_searchable(self.unit_of_work, rank, k, self.tenant_id, atom_filter)
        return [found[atom_id] for atom_id, _ in ranked]

    def _nearest_of_all(self, region: Region, count: int) -> list[Near]:
        """Return the `count` nearest of a region, whatever a search may show.

        What lies beside the centre on the curve says within which distance there are so many, and the ball of that radius holds the nearest. Where a
        box leaves too few of these, the ball is widened until the farthest of the nearest lies in it, or it holds all of the region.
        """
        rows, distances, are_all = self._beside(region, _BESIDE * count)
        beside = _candidates(rows, region)
        if are_all:
            return self._exactly(beside, region, count)
        whole = min(region.radius, region.reach())
        radius = beside.farthest(count)
        radius = (radius if np.isfinite(radius) else float(np.median(distances))) + 2 * ERROR
        while True:
            radius = min(radius, whole)
            near = self._exactly(self._in_ball(replace(region, radius=radius), count), region, count)
            if radius == whole or (len(near) == count and near[-1].distance <= radius):
                return near
            radius *= 2

    def _beside(self, region: Region, count: int) -> tuple[list[PlaceOnCurve], NDArray[np.float64], bool]:
        """Return `count` on either side of the centre on the curve (of the point of the box that is nearest to it), their distances from it, and
        whether these are all that there are.
        """
        centre = np.clip(region.centre, region.low, region.high)
        value = int(encode(centre[None])[0])
        rows = self._ask(PLACES_BESIDE, value=value, n=count)
        after = sum(row["hilbertValue"] >= value for row in rows)
        distances = _distances(_places(rows), region)
        return rows, distances, after < count and len(rows) - after < count

    def _in_ball(self, region: Region, count: int) -> _Candidates:
        """Return what may be among the `count` nearest of a region."""
        found = _candidates([], region)
        for rows in self._on_ranges(ranges_in(region, MOST_RANGES).tolist()):
            more = _candidates(rows, region)
            joined = (np.concatenate(columns) for columns in zip(found, more, strict=True))
            found = _Candidates(*joined).nearest(count)
        return found

    def _on_ranges(self, ranges: list[list[int]]) -> Iterator[list[PlaceOnCurve]]:
        """Read what lies on ranges of the curve; where that is more than a block, each half by itself. What lies on one value is not parted."""
        if not ranges:
            return
        first, last = ranges[0][0], ranges[-1][1]
        limit = _BLOCK_ROWS if first < last else _NO_LIMIT
        rows = self._ask(PLACES_IN_RANGES, ranges=json.dumps(ranges), n=limit)
        if len(rows) < limit:
            yield rows
        elif len(ranges) > 1:
            yield from self._on_ranges(ranges[: len(ranges) // 2])
            yield from self._on_ranges(ranges[len(ranges) // 2 :])
        else:
            middle = (first + last) // 2
            yield from self._on_ranges([[first, middle]])
            yield from self._on_ranges([[middle + 1, last]])

    def _exactly(self, candidates: _Candidates, region: Region, count: int) -> list[Near]:
        """Return the `count` nearest of a region by their coordinates."""
        ids = candidates.nearest(count).ids.tolist()
        nearest: list[Near] = []
        for start in range(0, len(ids), _READ_AT_ONCE):
            rows = self._ask(POSITIONS, embedding_ids=json.dumps(ids[start : start + _READ_AT_ONCE]))
            nearest = sorted([*nearest, *_nearest_first(rows, region)], key=_by_distance)[:count]
        return nearest

    def _ask(self, statement: Statement[RowT], **parameters: object) -> list[RowT]:
        space = {"model_id": self.model_id, "projection_model_id": self.projection_model_id}
        return self.unit_of_work.query(statement, tenant_id=self.tenant_id, **space, **parameters)


def _candidates(rows: Sequence[PlaceOnCurve], region: Region) -> _Candidates:
    """Return what of these may be in a region."""
    ids = np.array([row["atomEmbeddingId"] for row in rows], dtype=np.int64)
    places = _places(rows)
    distances = _distances(places, region)
    inside = (places >= region.low - ERROR) & (places <= region.high + ERROR)
    may_be: NDArray[np.bool_] = inside.all(axis=1) & (distances <= region.radius + ERROR)
    # Beyond the border of the cube there is nothing that a place could be mistaken for.
    above: NDArray[np.bool_] = (places >= region.low + ERROR) | (region.low <= -1)
    below: NDArray[np.bool_] = (places <= region.high - ERROR) | (region.high >= 1)
    return _Candidates(ids[may_be], distances[may_be], np.asarray((above & below).all(axis=1))[may_be])


def _places(rows: Sequence[PlaceOnCurve]) -> NDArray[np.float64]:
    return places_of(np.array([row["hilbertValue"] for row in rows], dtype=np.int64))


def _distances(points: NDArray[np.float64], region: Region) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.sqrt(((points - region.centre) ** 2).sum(axis=1))
    return distances


def _nearest_first(rows: Sequence[Position], region: Region) -> list[Near]:
    """Return those of a region by their coordinates, the nearest to its centre first."""
    points = np.array([(row["x"], row["y"], row["z"]) for row in rows], dtype=np.float64).reshape(-1, 3)
    distances = _distances(points, region)
    inside = ((points >= region.low) & (points <= region.high)).all(axis=1) & (distances <= region.radius)
    found = [
        Near(row["atomId"], distance, (row["x"], row["y"], row["z"]))
        for row, distance, is_inside in zip(rows, distances.tolist(), inside.tolist(), strict=True)
        if is_inside
    ]
    return sorted(found, key=_by_distance)


def _by_distance(near: Near) -> tuple[float, int]:
    return near.distance, near.atom_id
