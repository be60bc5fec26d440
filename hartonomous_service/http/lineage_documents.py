"""What the calls about the graph answer, for OpenAPI."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from hartonomous_core.vocabulary import EdgeType, Label
from hartonomous_service.http.documents import Document


class GraphNode(BaseModel):
    """A node, with the properties of its label."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="label:key", examples=["Source:12"])
    label: Label


class GraphEdge(BaseModel):
    """An edge, from what was made to what it was made from, with the properties of its type."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    start: str = Field(alias="from")
    end: str = Field(alias="to")
    type: EdgeType


class Lineage(Document):
    """The nodes and edges around a node, the nearest first."""

    tenant: int
    node: str
    start: GraphNode
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    truncated: bool
    next: str | None = Field(description="The `after` of the page after this one.")


class Impact(Document):
    """What depends on a node: all of it counted by label, the nearest nodes listed."""

    tenant: int
    node: str
    counts: dict[Label, int]
    onlyHere: int | None = Field(description="Atoms of a source that no other source holds.")
    nodes: list[GraphNode]
    truncated: bool
