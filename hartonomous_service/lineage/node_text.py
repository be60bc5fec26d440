"""Names the nodes of a lineage for people."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from hartonomous_service.printable import printable

_HASH = re.compile("[0-9a-f]{64}")


def nodes_with_edge_ends(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the nodes of a page and the nodes of earlier pages to which its edges lead: but for the start with their names alone."""
    nodes: dict[str, Mapping[str, Any]] = {node["id"]: node for node in document["nodes"]}
    start = document.get("start", {"id": None})
    for edge in document["edges"]:
        for end in (edge["from"], edge["to"]):
            nodes.setdefault(end, start if end == start["id"] else {"id": end, "label": end.split(":", 1)[0]})
    return list(nodes.values())


def node_title(node: Mapping[str, Any]) -> str:
    """Return label and key, the key shortened."""
    key = node["id"].split(":", 1)[1]
    length = 12 if _HASH.fullmatch(key) else 8 if node["label"] == "Run" else 36
    return printable(f"{node['label']} {key[:length]}")


def node_detail(node: Mapping[str, Any]) -> str:
    """Return what a node is, in a word or by its uri; empty when the title already says it."""
    names = {"Atom": ("subtype", "modality"), "Source": ("sourceUri",), "Model": ("name",), "Inference": ("task",)}
    values = (node.get(name) for name in names.get(node["label"], ()))
    detail = str(next((held for held in values if held), ""))
    if node.get("precision"):  # tells apart the spaces of one model
        detail = f"{detail} {node['precision']}"
    return printable(detail) if node["id"] != f"{node['label']}:{detail}" else ""


def node_name(node: Mapping[str, Any], width: int | None = None) -> str:
    """Return title and detail in one line, between them what took the place of an old version."""
    superseded = f" (superseded by {newer})" if (newer := node.get("supersededBy")) else ""
    name = f"{node_title(node)}{superseded} {node_detail(node)}".rstrip()
    return name if width is None else shorten(name, width)


def shorten(text: str, width: int, *, keep_end: bool = False) -> str:
    """Cut a text to at most `width` columns; wide characters count as two."""
    if text_width(text) <= width:
        return text
    kept, left = "", width - 1
    for c in reversed(text) if keep_end else text:
        left -= text_width(c)
        if left < 0:
            break
        kept += c
    return f"…{kept[::-1]}" if keep_end else f"{kept}…"


def text_width(text: str) -> int:
    """Count the columns that a text takes on a terminal."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
