"""Shows what stands before and after a hit in its sources."""

import json
from collections.abc import Sequence
from typing import Any

from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.search_rows import TEXTS_AROUND, TextAround
from hartonomous_service.search.places import show_bytes

MAX_NEIGHBOURS = 10
MAX_HITS = 100
"""With so many hits at the most, neighbours are shown: there are up to 20 times as many texts for each."""

_REACH = 3
"""Rows that are looked at for each neighbour: between two texts there may be a gap, which is no text, or several."""

Place = tuple[int, str, int]
"""SourceId, Role, Ordinal."""


def read_neighbours(
    unit_of_work: UnitOfWork, places: Sequence[Place], tenant: int, count: int
) -> list[dict[str, list[dict[str, Any]]]]:
    """Read the `count` texts before and after each of these places, in the order of the source."""
    around: list[list[TextAround]] = [[] for _ in places]
    for row in unit_of_work.query(TEXTS_AROUND, places=json.dumps(places), reach=_REACH * count, tenant_id=tenant):
        around[row["place"]].append(row)
    return [_nearest(sorted(rows, key=lambda row: row["distance"]), count) for rows in around]


def _nearest(rows: Sequence[TextAround], count: int) -> dict[str, list[dict[str, Any]]]:
    before = [row for row in rows if row["distance"] < 0][-count:]
    after = [row for row in rows if row["distance"] > 0][:count]
    return {"before": [_show(row) for row in before], "after": [_show(row) for row in after]}


def _show(row: TextAround) -> dict[str, Any]:
    return {"text": row["text"], **show_bytes(row)}
