"""Properties as Neo4j is sent them and holds them: text and numbers as they are, times as datetimes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from hartonomous_core.clock import time_text

TIMES = ("createdAt", "receivedAt", "since", "startedAt")
"""Properties that are datetimes in Neo4j, as the .NET worker's were, so that Cypher compares and subtracts them."""


class Rows(list[Any]):
    """Rows of a statement. The driver puts every parameter into a line of its debug log, written or not: this is all it gets."""

    def __repr__(self) -> str:
        return f"<{len(self)} rows>"


class Shared:
    """Properties in which the rows of a statement are mostly alike, each set of them sent once.

    So few bytes are sent, and few datetimes, for each of which the driver needs longer than for the rest of a node.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._places: dict[tuple[object, ...], int] = {}

    def place(self, properties: Mapping[str, object]) -> int:
        """Return the place of those of the properties that have these names."""
        return self._places.setdefault(tuple(map(properties.get, self._names)), len(self._places))

    def in_order(self) -> Rows:
        """Return the sets by their places, as Neo4j holds them: what is None is left out."""
        return Rows(
            {name: _held(name, value) for name, value in zip(self._names, values, strict=True) if value is not None}
            for values in self._places
        )


def _held(name: str, value: object) -> object:
    return as_time(value) if name in TIMES else value


def from_neo4j(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Convert properties that Neo4j holds to those of a view, in order of their names."""
    from neo4j.time import DateTime

    return {
        name: time_text(value.to_native()) if isinstance(value, DateTime) else value
        for name, value in sorted(properties.items())
    }


def as_time(value: object) -> object:
    """Convert a stored time to what Neo4j compares with its datetimes; return anything else as it is."""
    return _moment(value) if type(value) is str else value


@lru_cache(maxsize=10_000)
def _moment(text: str) -> datetime | str:
    """Parse a stored time. Cached, because the atoms of a source came to be at a few moments."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo and time_text(moment) == text else text
    except (ValueError, OverflowError):
        return text
