"""Colours of nodes and edges in pictures of a lineage."""

from hartonomous_core.vocabulary import EdgeType, Label

FILL: dict[Label, str] = {
    "Tenant": "#f3e8ff",
    "Run": "#e5e7eb",
    "Model": "#fae8d4",
    "Source": "#dbeafe",
    "Atom": "#dcfce7",
    "Inference": "#fef9c3",
}
STROKE: dict[Label, str] = {
    "Tenant": "#9333ea",
    "Run": "#6b7280",
    "Model": "#c2620a",
    "Source": "#2563eb",
    "Atom": "#16a34a",
    "Inference": "#a16207",
}
EDGE_COLOURS: dict[EdgeType, str] = {
    "INGESTED_FROM": "#2563eb",
    "DERIVED_FROM": "#16a34a",
    "GENERATED_BY": "#9ca3af",
    "EMBEDDED_BY": "#d9a066",
    "PROJECTED_BY": "#84cc16",
    "USED_ATOM": "#a16207",
    "PRODUCED_ATOM": "#dc2626",
    "USED_MODEL": "#c2620a",
    "BELONGS_TO": "#9333ea",
    "SUPERSEDES": "#0e7490",
}
