"""Lays out the nodes of a lineage: in columns, origins left of what was made from them, in an order with few crossings.

The layered drawing after Sugiyama: columns by the longest way to an origin, a place in every column for the edges that pass through
it, the order by the mean of the neighbours, and heights as near to that mean as the order allows.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

_ORDER_SWEEPS = 4
_HEIGHT_SWEEPS = 6

Edge = tuple[str, str]
"""From what was made to what it was made from."""
_Place = tuple[str, ...]
"""A node, as (id,); or where an edge passes through a column, as (from, to, column)."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Column of every node and height of its middle, and the same for every place through which an edge passes."""

    columns: Mapping[str, int]
    heights: Mapping[str, float]
    routes: Mapping[Edge, Sequence[tuple[int, float]]]


def lay_out(nodes: Sequence[str], edges: Sequence[Edge], level: Collection[Edge], box: float, lane: float) -> Layout:
    """Place nodes that are `box` high and edges that need a `lane`, space included. Heights begin at 0.

    Edges that are `level` need not lead from one column to another.
    """
    edges = [(start, end) for start, end in dict.fromkeys(edges) if start != end]
    columns = assign_columns(nodes, [edge for edge in edges if edge not in level])
    routes = {edge: _route(edge, columns) for edge in edges}
    rows: dict[int, list[_Place]] = defaultdict(list)
    column_of: dict[_Place, int] = {(node,): column for node, column in columns.items()}
    neighbours: dict[_Place, list[_Place]] = defaultdict(list)
    for route in routes.values():
        column_of |= {place: int(place[2]) for place in route[1:-1]}
        for a, b in pairwise(route):
            neighbours[a].append(b)
            neighbours[b].append(a)
    for place, column in column_of.items():
        rows[column].append(place)
    _order(rows, neighbours)
    heights = _heights(rows, neighbours, box, lane)
    return Layout(
        columns,
        {node: heights[node,] for node in nodes},
        {edge: [(column_of[place], heights[place]) for place in route] for edge, route in routes.items()},
    )


def assign_columns(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """Put each node right of everything it was made from, and an origin directly left of the first node made from it. Circles are cut."""
    origins: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        origins[start].append(end)
    columns: dict[str, int] = {}
    for root in nodes:
        stack = [(root, iter(origins[root]))]
        entered = {root}
        while stack and root not in columns:
            node, remaining = stack[-1]
            if deeper := next((o for o in remaining if o not in columns and o not in entered), None):
                entered.add(deeper)
                stack.append((deeper, iter(origins[deeper])))
            else:
                columns[node] = 1 + max((columns[o] for o in origins[node] if o in columns), default=-1)
                stack.pop()
    made_first: dict[str, int] = {}
    for start, end in edges:
        made_first[end] = min(columns[start], made_first.get(end, columns[start]))
    return columns | {end: column - 1 for end, column in made_first.items() if not origins[end]}


def _route(edge: Edge, columns: Mapping[str, int]) -> list[_Place]:
    """Return the ends of an edge and the places where it passes the columns between them."""
    first, last = columns[edge[0]], columns[edge[1]]
    step = 1 if last > first else -1
    between: list[_Place] = [(*edge, str(column)) for column in range(first + step, last, step)]
    return [(edge[0],), *between, (edge[1],)]


def _order(rows: dict[int, list[_Place]], neighbours: Mapping[_Place, Sequence[_Place]]) -> None:
    """Sort every column by the mean position of the neighbours in the columns beside it, forwards and backwards in turn."""
    position = {place: index for row in rows.values() for index, place in enumerate(row)}
    for sweep in range(_ORDER_SWEEPS):
        for column in sorted(rows, reverse=sweep % 2 == 1):
            rows[column].sort(key=lambda place: _mean([position[n] for n in neighbours[place]], position[place]))
            position |= {place: index for index, place in enumerate(rows[column])}


def _heights(
    rows: Mapping[int, Sequence[_Place]], neighbours: Mapping[_Place, Sequence[_Place]], box: float, lane: float
) -> dict[_Place, float]:
    """Choose heights near the mean of the neighbours, as far apart in a column as boxes and lanes need."""
    size = {place: box if len(place) == 1 else lane for row in rows.values() for place in row}
    heights: dict[_Place, float] = {}
    for row in rows.values():
        heights |= dict(zip(row, _spread([0.0] * len(row), [size[place] for place in row]), strict=True))
    for sweep in range(_HEIGHT_SWEEPS):
        for column in sorted(rows, reverse=sweep % 2 == 1):
            row = rows[column]
            wanted = [_mean([heights[n] for n in neighbours[place]], heights[place]) for place in row]
            heights |= dict(zip(row, _spread(wanted, [size[place] for place in row]), strict=True))
    top = min((heights[place] - size[place] / 2 for place in heights), default=0.0)
    return {place: height - top for place, height in heights.items()}


def _spread(wanted: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Return heights in this order and without overlap, nearest to the wanted ones by least squares (pool adjacent violators)."""
    offsets = [0.0]
    for above, below in pairwise(sizes):
        offsets.append(offsets[-1] + (above + below) / 2)
    pools: list[tuple[float, int]] = []  # mean of the heights wanted, less the offsets, and how many stand together
    for height, offset in zip(wanted, offsets, strict=False):
        mean, n = height - offset, 1
        while pools and pools[-1][0] > mean:
            before, m = pools.pop()
            mean, n = (before * m + mean * n) / (m + n), m + n
        pools.append((mean, n))
    means = [mean for mean, n in pools for _ in range(n)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=False)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
