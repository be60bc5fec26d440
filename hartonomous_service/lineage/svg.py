"""Draws a lineage as SVG: origins on the left, what was made from them to the right. No script, no font, nothing to load."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from hartonomous_core.vocabulary import EDGE_KINDS, EdgeType
from hartonomous_service.lineage.colours import EDGE_COLOURS, FILL, STROKE
from hartonomous_service.lineage.layout import lay_out
from hartonomous_service.lineage.node_text import (
    node_detail,
    node_title,
    nodes_with_edge_ends,
    shorten,
    text_width,
)
from hartonomous_service.printable import printable

_BOX_WIDTH, _BOX_HEIGHT, _BOX_SPACE, _LANE = 216, 42, 16, 12
_COLUMN_SPACE = 110
_MARGIN, _HEADER, _FOOTER = 24, 34, 26
_COLUMNS_OF_TEXT = 31
"""Characters of the smaller type that fit into a box."""
_MANY = 12
"""From so many nodes with the same neighbours on, one box stands for all."""


def render_svg(document: Mapping[str, Any]) -> str:
    """Draw a lineage or a path, as `hartonomous_service.lineage.queries` returns it; arrows point at what a node was made from."""
    nodes, edges = _fold(nodes_with_edge_ends(document), document["edges"], document.get("node"))
    layout = lay_out(
        [node["id"] for node in nodes],
        [_right_and_left_end(edge) for edge in edges],
        {_right_and_left_end(edge) for edge in edges if edge["type"] == "SUPERSEDES"},
        _BOX_HEIGHT + _BOX_SPACE,
        _LANE,
    )
    first = min(layout.columns.values(), default=0)

    def at(column: int, height: float) -> tuple[float, float]:
        x = _MARGIN + (column - first) * (_BOX_WIDTH + _COLUMN_SPACE) + _BOX_WIDTH / 2
        return x, _MARGIN + _HEADER + height

    kinds = sorted({edge["type"] for edge in edges})
    legend, legend_width = _draw_legend(kinds)
    columns = max(layout.columns.values(), default=0) - first + 1
    width = max(2 * _MARGIN + columns * (_BOX_WIDTH + _COLUMN_SPACE) - _COLUMN_SPACE, legend_width, 480)
    middles = [height for route in layout.routes.values() for _, height in route] + list(layout.heights.values())
    height = 2 * _MARGIN + _HEADER + _FOOTER + max(middles, default=0) + _BOX_HEIGHT / 2 + _BOX_SPACE / 2
    drawn_edges = [
        _draw_edge(edge, [at(*place) for place in layout.routes[_right_and_left_end(edge)]])
        for edge in edges
        if edge["from"] != edge["to"]
    ]
    drawn_nodes = [
        _draw_node(
            node, *at(layout.columns[node["id"]], layout.heights[node["id"]]), node["id"] == document.get("node")
        )
        for node in nodes
    ]
    body = "\n".join([*legend, *drawn_edges, *drawn_nodes, _draw_footer(document, height - _MARGIN / 2)])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="system-ui, sans-serif">\n'
        f"<title>Lineage</title>\n<defs>{''.join(map(_draw_arrowhead, kinds))}</defs>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )


def _fold(
    nodes: Sequence[Mapping[str, Any]], edges: Sequence[Mapping[str, Any]], asked_for: str | None
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Replace many nodes that have the same neighbours by the same edges, as the atoms of a source have, by one box."""
    joined: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for edge in edges:
        joined[edge["from"]].add((edge["type"], "to", edge["to"]))
        joined[edge["to"]].add((edge["type"], "from", edge["from"]))
    alike: dict[object, list[str]] = defaultdict(list)
    for node in nodes:
        if node["id"] != asked_for:
            alike[node["label"], frozenset(joined[node["id"]])].append(node["id"])
    many = {ids[0]: ids for ids in alike.values() if len(ids) >= _MANY}
    hidden = {name for ids in many.values() for name in ids[1:]}
    return (
        [{**node, "alike": many.get(node["id"], ())} for node in nodes if node["id"] not in hidden],
        [edge for edge in edges if not hidden & {edge["from"], edge["to"]}],
    )


def _right_and_left_end(edge: Mapping[str, Any]) -> tuple[str, str]:
    """Return the right and the left end of an edge: an origin is left of what was made from it, an inference left of what it produced."""
    ends = edge["from"], edge["to"]
    return ends if EDGE_KINDS[edge["type"]].is_followed_upstream else ends[::-1]


def _draw_node(node: Mapping[str, Any], x: float, y: float, asked_for: bool) -> str:
    left, top = x - _BOX_WIDTH / 2, y - _BOX_HEIGHT / 2
    title, detail, tooltip = _box_text(node)
    lines = [f'<text x="{left + 10:.1f}" y="{y - 4 if detail else y + 5:.1f}" {_TITLE_STYLE}>{escape(title)}</text>']
    if detail:
        lines.append(f'<text x="{left + 10:.1f}" y="{y + 12:.1f}" {_DETAIL_STYLE}>{escape(detail)}</text>')
    return (
        f"<g><title>{escape(tooltip)}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="7" fill="{FILL[node["label"]]}" '
        f'stroke="{STROKE[node["label"]]}" stroke-width="{3 if asked_for else 1}"/>{"".join(lines)}</g>'
    )


def _box_text(node: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return title, detail and tooltip of a box."""
    if alike := node["alike"]:
        first = alike[0].split(":", 1)[1]
        title, detail = f"{len(alike):,} × {node['label']}", f"joined alike, the first {first}"
        return title, shorten(printable(detail), _COLUMNS_OF_TEXT), "\n".join(map(printable, alike[:_MANY]))
    title, detail = node_title(node), node_detail(node)
    tooltip = [printable(f"{name}: {held}") for name, held in node.items() if held is not None and name != "alike"]
    return (
        shorten(title, _COLUMNS_OF_TEXT - 7),
        shorten(detail, _COLUMNS_OF_TEXT, keep_end=node["label"] == "Source"),
        "\n".join(tooltip),
    )


_TITLE_STYLE = 'font-size="13" font-weight="600" fill="#111827"'
_DETAIL_STYLE = 'font-size="11" fill="#4b5563"'


def _draw_edge(edge: Mapping[str, Any], route: Sequence[tuple[float, float]]) -> str:
    """Draw a smooth line from box to box, level where it passes through a column; left of both boxes where they are in one column."""
    if edge["type"] == "PRODUCED_ATOM":
        route = route[::-1]
    half = _BOX_WIDTH / 2
    direction = (route[-1][0] > route[0][0]) - (route[-1][0] < route[0][0])
    leave, arrive = (direction, -direction) if direction else (-1, -1)
    stops = [(route[0][0] + leave * half, route[0][1])]
    for x, y in route[1:-1]:
        stops += [(x - direction * half, y), (x + direction * half, y)]
    stops.append((route[-1][0] + arrive * (half + 5), route[-1][1]))  # the arrowhead takes the rest
    line = f"M{stops[0][0]:.1f} {stops[0][1]:.1f}"
    for (x1, y1), (x2, y2) in pairwise(stops):
        bend = (x1 + x2) / 2 if direction else x1 - _COLUMN_SPACE / 3
        line += f"C{bend:.1f} {y1:.1f} {bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
    kind = edge["type"]
    tooltip = printable(f"{edge['from']} {kind} {edge['to']}")
    return (
        f'<path d="{line}" fill="none" stroke="{EDGE_COLOURS[kind]}" stroke-width="1.4" stroke-opacity="0.8" '
        f'marker-end="url(#{kind})"><title>{escape(tooltip)}</title></path>'
    )


def _draw_arrowhead(kind: EdgeType) -> str:
    return (
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="3" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{EDGE_COLOURS[kind]}"/></marker>'
    )


def _draw_legend(kinds: Sequence[EdgeType]) -> tuple[list[str], float]:
    """Draw a line and the name of every kind of edge; returns them and the x where they end."""
    x, y = float(_MARGIN), _MARGIN + 4
    drawn = []
    for kind in kinds:
        name = kind.lower().replace("_", " ")
        drawn.append(
            f'<path d="M{x + 22:.1f} {y}H{x + 5:.1f}" stroke="{EDGE_COLOURS[kind]}" stroke-width="2" marker-end="url(#{kind})"/>'
            f'<text x="{x + 28:.1f}" y="{y + 4}" {_DETAIL_STYLE}>{name}</text>'
        )
        x += 52 + 6.2 * text_width(name)
    return drawn, x


def _draw_footer(document: Mapping[str, Any], y: float) -> str:
    says = "nothing to show" if not document["nodes"] else ""
    if document["truncated"]:
        says = f"the first {len(document['nodes']):,} nodes; more lies beyond"
    return f'<text x="{_MARGIN}" y="{y:.1f}" {_DETAIL_STYLE}>{says}</text>' if says else ""
