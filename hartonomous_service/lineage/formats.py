"""Writes a lineage in formats that other programs draw or read: Mermaid, Graphviz DOT, W3C PROV-JSON.

Names and uris come from whoever sent the files: nothing in them may end a string, a line or an element of a format.
"""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from hartonomous_service.arguments import checked
from hartonomous_service.errors import Unavailable
from hartonomous_service.lineage.colours import FILL, STROKE
from hartonomous_service.lineage.node_text import node_name, nodes_with_edge_ends
from hartonomous_service.lineage.svg import render_svg
from hartonomous_service.printable import printable

if TYPE_CHECKING:
    from prov.identifier import Namespace
    from prov.model import ProvDocument

DocumentFormat = Literal["json", "mermaid", "dot", "prov-json", "svg"]
Document = Mapping[str, Any]

_NAME_LENGTH = 80
_MERMAID_SAFE = frozenset(" .,:/-")


@checked
def render(document: Document, how: DocumentFormat) -> str:
    """Write a lineage or a path, as `hartonomous_service.lineage.queries` returns it, in a format.

    Raises Unavailable when the library of a format is not installed.
    """
    renderers = {
        "json": _render_json,
        "mermaid": render_mermaid,
        "dot": render_dot,
        "prov-json": render_prov_json,
        "svg": render_svg,
    }
    return renderers[how](document)


def _render_json(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def render_mermaid(document: Document) -> str:
    """Write a Mermaid flowchart: what was made points at its origin, which is left of it."""
    nodes = nodes_with_edge_ends(document)
    ids = {node["id"]: f"n{number}" for number, node in enumerate(nodes)}
    lines = ["flowchart RL"]
    lines += [
        f'  {ids[node["id"]]}["{_mermaid_text(node_name(node, _NAME_LENGTH))}"]:::{node["label"]}' for node in nodes
    ]
    lines += [f"  {ids[edge['from']]} -->|{edge['type']}| {ids[edge['to']]}" for edge in document["edges"]]
    lines += [f"  classDef {label} fill:{FILL[label]},stroke:{STROKE[label]},color:#111827" for label in FILL]
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    """Escape a text for Mermaid: letters and digits stay, other characters become numeric entities."""
    return "".join(c if c.isalnum() or c in _MERMAID_SAFE else f"#{ord(c)};" for c in text)


def render_dot(document: Document) -> str:
    """Write a Graphviz digraph: what was made points at its origin, which is left of it."""
    nodes = nodes_with_edge_ends(document)
    ids = {node["id"]: f"n{number}" for number, node in enumerate(nodes)}
    lines = [
        "digraph lineage {",
        "  rankdir=RL;",
        '  node [shape=box, style="rounded,filled", fontname="sans-serif"];',
        '  edge [fontname="sans-serif", fontsize=9, color="#6b7280"];',
    ]
    lines += [
        f"  {ids[node['id']]} [label={_dot_text(node_name(node, _NAME_LENGTH))}, tooltip={_dot_text(printable(node['id']))}, "
        f'fillcolor="{FILL[node["label"]]}", color="{STROKE[node["label"]]}"];'
        for node in nodes
    ]
    lines += [f'  {ids[edge["from"]]} -> {ids[edge["to"]]} [label="{edge["type"]}"];' for edge in document["edges"]]
    return "\n".join([*lines, "}"]) + "\n"


def _dot_text(text: str) -> str:
    """Quote a string for Graphviz, which reads HTML entities in it, so & becomes one."""
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'


def render_prov_json(document: Document) -> str:
    """Write W3C PROV-JSON: atoms, sources and models are entities, runs and inferences activities, tenants agents."""
    try:
        from prov.model import ProvDocument
    except ImportError as error:
        raise Unavailable("prov-json needs the library prov: pip install 'hartonomous[prov]'") from error
    prov = ProvDocument()
    # A tenant's names are its own: the same bytes of two tenants are two entities.
    ours = prov.add_namespace("hartonomous", f"urn:hartonomous:tenant:{document['tenant']}:")
    for node in document["nodes"]:
        _add_node(prov, ours, node)
    for edge in document["edges"]:
        _add_edge(prov, ours, edge)
    return str(prov.serialize(format="json", indent=2)) + "\n"


def _add_node(prov: "ProvDocument", ours: "Namespace", node: Mapping[str, Any]) -> None:
    identifier = ours[_local_name(node["id"])]
    attributes = _to_attributes(ours, node, "id", "label")
    attributes += [("prov:label", node_name(node)), ("prov:type", ours[node["label"]])]
    if node["label"] == "Inference":
        started = _parse_time(node.get("startedAt"))
        took = timedelta(milliseconds=node.get("durationMs") or 0)
        prov.activity(identifier, started, started + took if started else None, attributes)
    elif node["label"] == "Run":
        prov.activity(identifier, other_attributes=attributes)
    elif node["label"] == "Tenant":
        prov.agent(identifier, attributes)
    else:
        prov.entity(identifier, attributes)


def _add_edge(prov: "ProvDocument", ours: "Namespace", edge: Mapping[str, Any]) -> None:
    start, end = ours[_local_name(edge["from"])], ours[_local_name(edge["to"])]
    since = _parse_time(edge.get("since"))
    attributes = _to_attributes(ours, edge, "from", "to", "type", "since")
    attributes.append((ours["relation"], edge["type"]))
    match edge["type"]:
        case "INGESTED_FROM" | "DERIVED_FROM":
            prov.wasDerivedFrom(start, end, other_attributes=attributes)
        case "SUPERSEDES":
            prov.wasRevisionOf(start, end, other_attributes=attributes)
        case "GENERATED_BY":
            prov.wasGeneratedBy(start, end, since, other_attributes=attributes)
        case "PRODUCED_ATOM":
            prov.wasGeneratedBy(end, start, since, other_attributes=attributes)
        case "USED_ATOM" | "USED_MODEL":
            prov.used(start, end, since, other_attributes=attributes)
        case "BELONGS_TO":
            prov.wasAttributedTo(start, end, other_attributes=attributes)
        case _:  # EMBEDDED_BY, PROJECTED_BY: the model had a part in what is known of the atom; neither made the other
            prov.wasInfluencedBy(start, end, other_attributes=attributes)


def _local_name(node_id: str) -> str:
    label, _, key = node_id.partition(":")
    return f"{label}/{quote(key, safe='')}"


def _to_attributes(ours: "Namespace", thing: Mapping[str, Any], *but: str) -> list[tuple[Any, Any]]:
    """Return properties as attributes of our namespace; what is neither a number nor a text is written as JSON."""
    return [
        (ours[name], held if isinstance(held, str | int | float) else json.dumps(held, ensure_ascii=False))
        for name, held in thing.items()
        if held is not None and name not in but
    ]


def _parse_time(text: object) -> datetime | None:
    """Parse a time; None where the sender of an inference wrote something else."""
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
