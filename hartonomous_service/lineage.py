"""Lineage: where an atom or a source came from, and what came of it."""

from typing import Any

from hartonomous_resources.graph.protocol import Edge, GraphUnavailable, Node
from hartonomous_resources.messages import PROVENANCE_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import CommandError


def lineage(resources: Resources, name: str, *, tenant: int = 0, depth: int = 4, limit: int = 1000) -> dict[str, Any]:
    """Nodes and edges upstream (sources, models, runs) and downstream (inferences) of an atom's hash or a source's id.

    Node ids are `label:key`. `truncated` says that `limit` cut something off.

    Raises CommandError when the tenant has no such atom or source, or the graph cannot be reached.
    """
    if len(name) == 64:
        label, key = "Atom", name.lower()
    elif name.isdigit():
        label, key = "Source", name
    else:
        raise CommandError(f"{name!r} is neither the SHA-256 of an atom (64 hex digits) nor a source id (a number)")
    try:
        found = resources.graph.lineage(tenant, label, key, depth, limit)
    except KeyError as error:
        with resources.database.read() as unit_of_work:
            waiting = unit_of_work.query("queue_has_message", queue=PROVENANCE_QUEUE)
        hint = "; events are still waiting to be synced, try again after the next run" if waiting else ""
        raise CommandError(f"no {label.lower()} {key} in the graph of tenant {tenant}{hint}") from error
    except GraphUnavailable as error:
        raise CommandError(f"{resources.graph.name} cannot be reached: {error}") from error
    return {
        "nodes": [_node(node) for node in found.nodes],
        "edges": [_edge(edge) for edge in found.edges],
        "truncated": found.truncated,
    }


def _node(node: Node) -> dict[str, Any]:
    return {"id": f"{node.label}:{node.key}", "label": node.label, **node.properties}


def _edge(edge: Edge) -> dict[str, Any]:
    return {"from": ":".join(edge.start), "to": ":".join(edge.end), "type": edge.type, **edge.properties}
