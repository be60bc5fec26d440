"""Asks SQLite for nodes and edges of the graph.

Numbers are bound as a list, `IN (?, ?, …)`: only such a term gets into a view that groups its rows, where an index then finds them. A join with
json_each would make SQLite compute the whole view (1.0 s at a million edges against 0.2 ms). What is asked about more numbers than a
statement binds well is asked in parts. Values are bound by their places: SQLite looks through all names for each one that it is asked for.
"""

import re
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import NODE_VIEWS, EdgeView, Way
from hartonomous_resources.database.protocol import Row

_SIZES = (1, 8, 32, 128, 512)
"""How many numbers a statement binds, so that few different statements are prepared; a part that has fewer repeats its last."""


def graph_ends(
    connection: sqlite3.Connection,
    statements: Mapping[str, str],
    tenant_id: int,
    view: EdgeView,
    way: Way,
    numbers: Collection[int],
    bounds: Mapping[str, object],
    limit: int | None,
) -> list[int]:
    """See `UnitOfWork.graph_ends`."""
    found: set[int] = set()
    for part in _parts(numbers):
        text = edge_statement(statements["graph_ends"], view, way, len(part))
        given = {"tenant_id": tenant_id, **bounds, "n": -1 if limit is None else limit, **_named(part)}
        found.update(row[0] for row in _ask(connection, text, given))
    return sorted(found)[:limit]


def graph_edges(
    connection: sqlite3.Connection,
    statements: Mapping[str, str],
    tenant_id: int,
    view: EdgeView,
    way: Way,
    numbers: Collection[int],
    bounds: Mapping[str, object],
) -> list[Row]:
    """See `UnitOfWork.graph_edges`."""
    found: list[Row] = []
    for part in _parts(numbers):
        text = edge_statement(statements["graph_edges"], view, way, len(part))
        found += _rows(_ask(connection, text, {"tenant_id": tenant_id, **bounds, **_named(part)}))
    return found


def graph_nodes(
    connection: sqlite3.Connection,
    statements: Mapping[str, str],
    tenant_id: int,
    label: Label,
    numbers: Collection[int],
) -> list[Row]:
    """See `UnitOfWork.graph_nodes`."""
    found: list[Row] = []
    for part in _parts(numbers):
        text = node_statement(statements["graph_nodes"], label, len(part))
        found += _rows(_ask(connection, text, {"tenant_id": tenant_id, **_named(part)}))
    return found


@cache
def edge_statement(template: str, view: EdgeView, way: Way, count: int) -> str:
    """Return a statement about so many numbers of one end of a view."""
    here, there = ("FromNumber", "ToNumber") if way == "upstream" else ("ToNumber", "FromNumber")
    return template.format(view=view.name, here=here, there=there, numbers=_places(count))


@cache
def node_statement(template: str, label: Label, count: int) -> str:
    """Return a statement about so many numbers of a label."""
    return template.format(view=NODE_VIEWS[label], numbers=_places(count))


def _ask(connection: sqlite3.Connection, text: str, given: Mapping[str, object]) -> sqlite3.Cursor:
    by_place, names = _by_place(text)
    return connection.execute(by_place, [given[name] for name in names])


@cache
def _by_place(text: str) -> tuple[str, list[str]]:
    return re.sub(r":\w+", "?", text), re.findall(r":(\w+)", text)


def _rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    """Yield rows as dictionaries. Names are taken once for all: dict() looks up each column of each sqlite3.Row by its name."""
    names = [column[0] for column in cursor.description]
    return (dict(zip(names, row, strict=True)) for row in cursor)


def _places(count: int) -> str:
    return ", ".join(f":n{place}" for place in range(count))


def _named(part: Sequence[int]) -> dict[str, int]:
    return {f"n{place}": number for place, number in enumerate(part)}


def _parts(numbers: Collection[int]) -> Iterator[Sequence[int]]:
    """Yield numbers in order, in parts of one of the sizes."""
    in_order = sorted(set(numbers))
    for first in range(0, len(in_order), _SIZES[-1]):
        part = in_order[first : first + _SIZES[-1]]
        size = next(size for size in _SIZES if size >= len(part))
        yield part + part[-1:] * (size - len(part))
