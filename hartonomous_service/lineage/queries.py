"""Queries the provenance graph: where a node came from, what was made from it, what depends on it, and what joins two nodes."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field

from hartonomous_core.clock import time_text
from hartonomous_core.messages import PROVENANCE_QUEUE
from hartonomous_core.vocabulary import LABELS, Label
from hartonomous_resources.database.graph_views import row_properties
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.graph_rows import GRAPH_KEYS_BEGINNING, GRAPH_NODE_BY_KEY
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.graph.protocol import (
    Direction,
    Edge,
    Graph,
    GraphUnavailable,
    Name,
    Node,
    NodeId,
    Position,
    Subgraph,
)
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import REPAIR
from hartonomous_service.arguments import Tenant, Text, checked, validate
from hartonomous_service.errors import Invalid, NotFound, Unavailable

_LABELS_IN_LOWER_CASE = {label.lower(): label for label in LABELS}
_SHORTENED = {"Atom": 64, "Model": 64, "Run": 36, "Inference": 200}
"""Labels whose keys people see shortened, with the length of a whole key, or of the longest."""
_SHORTEST = 8
_POSITION = re.compile(rf"([0-9]{{1,2}})-({'|'.join(LABELS)})-([0-9]{{1,18}})", re.ASCII)

WRITE_GRAPH = f"`{REPAIR}` writes it"
"""What to do about a copy of the graph that lacks something."""

MAX_DEPTH = 20
MAX_NODES = 100_000
_Answer = TypeVar("_Answer")


Depth = Annotated[int, Field(ge=1, le=MAX_DEPTH)]
Limit = Annotated[int, Field(ge=1, le=MAX_NODES)]


@dataclass(frozen=True, slots=True)
class LineageQuery:
    """The arguments of `find_lineage`.

    `name` is the SHA-256 of an atom, a source id, or `label:key`, as the `id` of every node; a hash or the id of a run or of an inference
    may be shortened.
    `depth` edges are followed in each direction; at most `limit` nodes are returned, the nearest, or those after the page whose `next` is
    `after`. `as_of` is an ISO 8601 time, UTC unless it says otherwise, and then one as the tables hold it: what came later is left out.

    Raises Invalid.
    """

    name: Text
    tenant: Tenant = 0
    depth: Depth = 4
    limit: Limit = 1000
    direction: Direction = "both"
    as_of: Text | None = None
    after: Text | None = None

    def __post_init__(self) -> None:
        validate(type(self), {field.name: getattr(self, field.name) for field in fields(self)})
        parse_name(self.name)
        parse_position(self.after)
        object.__setattr__(self, "as_of", parse_time(self.as_of))


@checked
def find_lineage(resources: Resources, query: LineageQuery) -> dict[str, Any]:
    """Find the nodes and edges upstream (sources, models, runs) and downstream (what was made from it) of a node, the nearest first.

    `truncated` says that the limit cut something off; the next page is that after `next`. `start` is the node that was asked for, which
    only the first page has among its nodes.

    Raises NotFound when the tenant has no such node, Invalid when a shortened name fits several, Unavailable when the graph cannot be
    reached.
    """
    [(node, name)] = _resolve(resources, query.tenant, [query.name])
    found = _ask(
        resources,
        query.tenant,
        {node: name},
        query.as_of,
        lambda graph: graph.lineage(
            query.tenant,
            node,
            query.depth,
            query.limit,
            direction=query.direction,
            as_of=query.as_of,
            after=parse_position(query.after),
        ),
    )
    return {
        "tenant": query.tenant,
        "node": ":".join(name),
        "start": _node(_read_start(resources, query.tenant, node, name) if query.after else found.nodes[0]),
        **_document(found),
        "truncated": found.next is not None,
        "next": found.next and "-".join(map(str, found.next)),
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
    ends = _resolve(resources, tenant, [start, end])
    (first, _), (last, _) = ends
    found = _ask(resources, tenant, dict(ends), time, lambda graph: graph.path(tenant, first, last, depth, as_of=time))
    return {"tenant": tenant, **_document(found), "truncated": False}


@checked
def find_impact(resources: Resources, name: Text, *, tenant: Tenant = 0, limit: Limit = 1000) -> dict[str, Any]:
    """Find everything that depends on a node, at any distance: what its removal or replacement would affect.

    `counts` are of all of it, by label; `nodes` are the first `limit`, the nearest first. `onlyHere` counts the atoms of a source
    that no other source holds.

    Raises what `LineageQuery` and `find_lineage` raise.
    """
    [(node, whole)] = _resolve(resources, tenant, [name])
    found = _ask(resources, tenant, {node: whole}, None, lambda graph: graph.impact(tenant, node, limit))
    return {
        "tenant": tenant,
        "node": ":".join(whole),
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
            f"with one of the labels {', '.join(LABELS)}",
            argument="name",
        )
    if label == "Source" and key.isascii() and key.isdigit():
        return "Source", str(int(key))
    return label, key.lower() if label == "Atom" else key


def parse_position(text: str | None) -> Position | None:
    """Read what an earlier page said as its `next`.

    Raises Invalid.
    """
    if text is None:
        return None
    if not (found := _POSITION.fullmatch(text)):
        raise Invalid(
            f"{text!r} is no place in a lineage: give what the page before this one says as its next", argument="after"
        )
    distance, label, number = found.groups()
    return Position(int(distance), _LABELS_IN_LOWER_CASE[label.lower()], int(number))


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
            f"{text!r} is no time: give ISO 8601, as in 2026-11-23T09:44:16Z; without a zone it is UTC",
            argument="as_of",
        ) from error


def _resolve(resources: Resources, tenant: int, names: list[str]) -> list[tuple[NodeId, Name]]:
    """Find the nodes of names, with their whole names: a key may be shortened where only one begins so.

    Raises NotFound, or Invalid when several keys begin so.
    """

    parsed = [parse_name(name) for name in names]

    def read(unit_of_work: UnitOfWork) -> list[tuple[NodeId, Name]]:
        return [_resolve_one(unit_of_work, tenant, *name) for name in parsed]

    try:
        return ask(resources.database, read)
    except KeyError as error:
        raise _not_found(resources, tenant, error.args[0], None, dict(zip(parsed, names, strict=True))) from error


def _resolve_one(unit_of_work: UnitOfWork, tenant: int, label: Label, key: str) -> tuple[NodeId, Name]:
    of_tenant: dict[str, object] = {"tenant_id": tenant, "label": label}
    if named := unit_of_work.query(GRAPH_NODE_BY_KEY, **of_tenant, key=key):
        return (label, named[0]["number"]), (label, key)  # a model may be called like the beginning of another
    is_shortened = _SHORTEST <= len(key) < _SHORTENED.get(label, 0)
    begin_so = unit_of_work.query(GRAPH_KEYS_BEGINNING, **of_tenant, prefix=key, n=2) if is_shortened else []
    if len(begin_so) > 1:
        raise Invalid(f"the keys of several {label} nodes begin with {key}: give more of it")
    if not begin_so:
        raise KeyError((label, key))
    return (label, begin_so[0]["number"]), (label, begin_so[0]["key"])


def _ask(
    resources: Resources,
    tenant: int,
    names: dict[NodeId, Name],
    as_of: str | None,
    question: Callable[[Graph], _Answer],
) -> _Answer:
    try:
        return question(resources.graph)
    except KeyError as error:
        raise _not_found(resources, tenant, names[error.args[0]], as_of, views_have_it=True) from error
    except GraphUnavailable as error:
        raise Unavailable(str(error)) from error


def _not_found(
    resources: Resources,
    tenant: int,
    name: Name,
    as_of: str | None,
    given: Mapping[Name, str] | None = None,
    *,
    views_have_it: bool = False,
) -> NotFound:
    then = f" as of {as_of}" if as_of else ""
    is_lacking = views_have_it and as_of is None and resources.graph_copy is not None
    hint = _hint(resources, name, (given or {}).get(name, ""), is_lacking=is_lacking)
    return NotFound(f"no {name[0]} {name[1]} in tenant {tenant} of the provenance graph{then}{hint}")


def _hint(resources: Resources, name: Name, given: str, *, is_lacking: bool) -> str:
    """Say why a node may not be found, where something may be said; `is_lacking` says that the views have it, and a copy of them not."""
    if given.isdigit() and _SHORTEST <= len(given) < _SHORTENED["Atom"]:
        return f"; an atom whose hash begins with these digits is Atom:{given}"
    # An event may bring what a copy of the graph lacks, and an inference that somebody put on the queue.
    if (resources.graph_copy is None and name[0] != "Inference") or not query(
        resources.database, "queue_has_message", queue=PROVENANCE_QUEUE
    ):
        return f"; the database has it and {resources.graph.name} lacks it: {WRITE_GRAPH}" if is_lacking else ""
    if resources.graph_copy is None:
        return "; one that was put on ProvenanceQueue is recorded by the next run"
    return "; events are still waiting to be synced, try again after the next run"


def _read_start(resources: Resources, tenant: int, start: NodeId, name: Name) -> Node:
    """Read a node that was found a moment ago. Raises NotFound when it went since."""
    label, number = start
    rows = ask(resources.database, lambda unit_of_work: unit_of_work.graph_nodes(tenant, label, [number]))
    if not rows:
        raise _not_found(resources, tenant, name, None)
    return Node(tenant, label, number, rows[0]["Key"], row_properties(rows[0]))


def _document(found: Subgraph) -> dict[str, Any]:
    return {"nodes": [_node(node) for node in found.nodes], "edges": [_edge(edge) for edge in found.edges]}


def _node(node: Node) -> dict[str, Any]:
    return {"id": f"{node.label}:{node.key}", "label": node.label, **node.properties}


def _edge(edge: Edge) -> dict[str, Any]:
    return {"from": ":".join(edge.start), "to": ":".join(edge.end), "type": edge.type, **edge.properties}
