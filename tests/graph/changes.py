"""Rows of the graph's views, as tests write them to a copy."""

from hartonomous_core.vocabulary import Label
from hartonomous_resources.database.graph_views import WITHOUT_HOUR, EdgeView
from hartonomous_resources.graph.materialized import EdgeRow
from hartonomous_resources.graph.protocol import Node

HOUR = "2026-11-23-09:00"
MOMENT = "2026-11-23T09:44:16.123Z"
INGESTED = EdgeView("Atom", "INGESTED_FROM", "Source")
GENERATED = EdgeView("Atom", "GENERATED_BY", "Run")
EMBEDDED = EdgeView("Atom", "EMBEDDED_BY", "Model")
USED = EdgeView("Inference", "USED_ATOM", "Atom")


def node(label: Label, number: int, tenant: int = 0, **properties: object) -> Node:
    """A row of a node view; its digest is its number."""
    hour = {} if label in WITHOUT_HOUR else {"ingestHour": HOUR}
    return Node(tenant, label, number, f"{label}-{number}", {**hour, "digest": number, **properties})


def edge(view: EdgeView, start: int, end: int, tenant: int = 0, **properties: object) -> EdgeRow:
    """A row of an edge view; its digest is 100 times its start and its end."""
    return EdgeRow(tenant, view, start, end, {"since": MOMENT, "digest": 100 * start + end, **properties})
