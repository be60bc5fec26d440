"""Queries the provenance graph: where a node came from, what was made from it, what depends on it, and what joins two nodes."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field

from hartonomous_core.clock import time_text
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.transactions import query
from hartonomous_resources.graph.protocol import Direction, Edge, Graph, GraphUnavailable, Impact, Name, Node, Subgraph
from hartonomous_resources.resources import Resources
from hartonomous_service.arguments import Skip, Tenant, Text, checked, validate
from hartonomous_service.errors import Invalid, NotFound, Unavailable

_LABELS_IN_LOWER_CASE = {label.lower(): label for label in LABELS}
_SHORTENED = {"Atom": 64, "Model": 64, "Run": 36}
"""Labels whose keys people see shortened, with the length of a whole key."""
_SHORTEST = 8

MAX_DEPTH = 20
MAX_NODES = 100_000
_Answer = TypeVar("_Answer")


Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH)]
Limit = Annotated[int, Field(ge=1, le=MAX_NODES)]


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """The arguments of `find_lineage`.

    `name` is the SHA-256 of an atom, a source id, or `label:key`, as the `id` of every node; a hash or run id may be shortened.
    `depth` edges are followed in each direction; at most `limit` nodes are returned, after the nearest `skip`. `as_of` is an ISO 8601
    time, UTC unless it says otherwise, and then one as the tables hold it: what came later is left out.

    Raises Invalid.
    """

    name: Text
    tenant: Tenant = 0
    depth: Depth = 4
    limit: Limit = 1000
    direction: Direction = "both"
    as_of: Text | None = None
    skip: Skip = 0

    def __post_init__(self) -> None:
        validate(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        parse_name(self.name)
        object.__setattr__(self, "as_of", parse_time(self.as_of))


@checked
def find_lineage(resources: Resources, query: LineageQuery) -> dict[str, Any]:
    """Find the nodes and edges upstream (sources, models, runs) and downstream (what was made from it) of a node, the nearest first.

    `truncated` says that the limit cut something off; the next page then begins at `next`.

    Raises NotFound when the tenant has no such node, Invalid when a shortened name fits several, Unavailable when the graph cannot be
    reached.
    """

    def ask(graph: Graph) -> tuple[Name, Subgraph]:
        node = _complete_name(graph, query.tenant, parse_name(query.name))
        page = graph.lineage(
            query.tenant,
            *node,
            query.depth,
            query.limit,
            direction=query.direction,
            as_of=query.as_of,
            skip=query.skip,
        )
        return node, page

    node, found = _ask(resources, query.as_of, ask)
    return {
        "tenant": query.tenant,
        "node": ":".join(node),
        **_document(found),
        "truncated": found.truncated,
        "next": query.skip + query.limit if found.truncated else None,
    }


@checked
def find_path(
    resources: Resources,
    start: Text,
    end: Text,
    *,
    tenant: Tenant = 0,
    depth: Depth = MAX_DEPTH,
    as_of: Text | None = None,
) -> dict[str, Any]:
    """Find a shortest path of at most `depth` edges between two nodes; returns its nodes in order, none where there is no path.

    Raises what `LineageQuery` and `find_lineage` raise.
    """
    time = parse_time(as_of)

    def ask(graph: Graph) -> Subgraph:
        first, last = (_complete_name(graph, tenant, parse_name(name)) for name in (start, end))
        return graph.path(tenant, first, last, depth, as_of=time)

    return {"tenant": tenant, **_document(_ask(resources, time, ask)), "truncated": False}


@checked
def find_impact(resources: Resources, name: Text, *, tenant: Tenant = 0, limit: Limit = 1000) -> dict[str, Any]:
    """Find everything that depends on a node, at any distance: what its removal or replacement would affect.

    `counts` are of all of it, by label; `nodes` are the first `limit`, the nearest first. `onlyHere` counts the atoms of a source
    that no other source holds.

    Raises what `LineageQuery` and `find_lineage` raise.
    """

    def ask(graph: Graph) -> tuple[Name, Impact]:
        node = _complete_name(graph, tenant, parse_name(name))
        return node, graph.impact(tenant, *node, limit)

    node, found = _ask(resources, None, ask)
    return {
        "tenant": tenant,
        "node": ":".join(node),
        "counts": dict(found.counts),
        "onlyHere": found.only_here,
        "nodes": [_node(node) for node in found.nodes],
        "truncated": found.truncated,
    }


def parse_name(name: str) -> Name:
    """Read a name as label and key: the SHA-256 of an atom or its first 8 digits or more, a source id, or `label:key`.

    Raises Invalid.
    """
    if name.isascii() and name.isdigit() and len(name) < 64:
        return "Source", str(int(name))
    if len(name) == 64 and ":" not in name:
        return "Atom", name.lower()
    if _SHORTEST <= len(name) < 64 and set(name.lower()) <= set("0123456789abcdef"):
        return "Atom", name.lower()
    before, _, key = name.partition(":")
    label = _LABELS_IN_LOWER_CASE.get(before.lower())
    if not (label and key):
        raise Invalid(
            f"{name!r} is neither the SHA-256 of an atom (64 hex digits, or the first 8 or more) nor a source id (a number) nor label:key "
            f"with one of the labels {', '.join(LABELS)}"
        )
    if label == "Source" and key.isascii() and key.isdigit():
        return "Source", str(int(key))
    return label, key.lower() if label == "Atom" else key


def _complete_name(graph: Graph, tenant: int, name: Name) -> Name:
    """Complete a shortened name: return the name of the only node whose key begins so, else the name itself.

    Raises Invalid when several keys begin so.
    """
    label, key = name
    if not _SHORTEST <= len(key) < _SHORTENED.get(label, 0):
        return name
    try:
        graph.lineage(tenant, label, key, 0, 1)  # a model may be called like the beginning of another
        return name
    except KeyError:
        begin_so = [longer for longer in graph.keys(tenant, label, key, 2) if longer.startswith(key)]
    if len(begin_so) > 1:
        raise Invalid(f"the keys of several {label} nodes begin with {key}: give more of it")
    return (label, begin_so[0]) if begin_so else name


def parse_time(text: str | None) -> str | None:
    """Convert ISO 8601 text, with or without a zone, to a time as the tables hold it.

    Raises Invalid.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
        return time_text(time if time.tzinfo else time.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise Invalid(
            f"{text!r} is no time: give ISO 8601, as in 2026-11-23T09:44:16Z; without a zone it is UTC"
        ) from error


def _ask(resources: Resources, as_of: str | None, question: Callable[[Graph], _Answer]) -> _Answer:
    try:
        return question(resources.graph)
    except KeyError as error:
        waiting = query(resources.database, "queue_has_message", queue=PROVENANCE_QUEUE)
        hint = "; events are still waiting to be synced, try again after the next run" if waiting else ""
        then = f" as of {as_of}" if as_of else ""
        raise NotFound(f"{error.args[0]} of the provenance graph{then}{hint}") from error
    except GraphUnavailable as error:
        raise Unavailable(str(error)) from error


def _document(found: Subgraph) -> dict[str, Any]:
    return {"nodes": [_node(node) for node in found.nodes], "edges": [_edge(edge) for edge in found.edges]}


def _node(node: Node) -> dict[str, Any]:
    return {"id": f"{node.label}:{node.key}", "label": node.label, **node.properties}


def _edge(edge: Edge) -> dict[str, Any]:
    return {"from": ":".join(edge.start), "to": ":".join(edge.end), "type": edge.type, **edge.properties}
