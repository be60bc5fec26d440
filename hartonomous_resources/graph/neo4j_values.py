"""Converts properties to what Neo4j can hold, and back."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from hartonomous_core.clock import time_text
from hartonomous_resources.graph.protocol import Node

# A node's own, beside the properties it was given. Neo4j holds no null and no map, and drops the first silently: what it cannot
# hold, and what is called like one of these, is JSON text in the last.
_TENANT, _KEY, _TENANT_ADDED, _OTHER = "tenantId", "key", "tenantIdAdded", "otherProperties"
_OWN = frozenset((_TENANT, _KEY, _TENANT_ADDED, _OTHER))
_SCALARS = {str, bool, int, float}
_LONGEST_KEY = 4000

_TIMES = frozenset(("createdAt", "receivedAt", "since", "startedAt"))
"""Properties that are datetimes in Neo4j, as the .NET worker's were, so that Cypher compares and subtracts them."""


def node_row(node: Node) -> tuple[int, str, dict[str, Any]]:
    """Make a row of `merge_nodes`.

    Raises ValueError for a key that no index takes, and TypeError for a property that is no JSON.
    """
    if len(node.key.encode()) > _LONGEST_KEY:
        raise ValueError(
            f"the key of {node.label} {node.key[:40]}… is longer than {_LONGEST_KEY} bytes, the most that the graph takes"
        )
    given = dict(node.properties)
    has_tenant = type(given.get(_TENANT)) is int and given[_TENANT] == node.tenant_id
    if has_tenant:
        del given[_TENANT]
    properties = to_neo4j(given)
    properties |= {_TENANT: node.tenant_id, _KEY: node.key}
    if not has_tenant:
        properties[_TENANT_ADDED] = True
    return node.tenant_id, node.key, properties


def node_properties(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that a node was written with, from those that Neo4j holds of it."""
    added = {_KEY, "number", _TENANT_ADDED, *([_TENANT] if properties.get(_TENANT_ADDED) else [])}
    return from_neo4j({name: value for name, value in properties.items() if name not in added})


def to_neo4j(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Convert properties of a node or edge to the form that Neo4j holds.

    Raises TypeError for a property that is no JSON.
    """
    if _are_names(tuple(properties)) and all(map(_fits, properties.values())):
        return {name: as_time(value) if name in _TIMES else value for name, value in properties.items()}
    plain = {
        name: as_time(value) if name in _TIMES else value
        for name, value in properties.items()
        if _are_names((name,)) and _fits(value)
    }
    other = {name: value for name, value in properties.items() if name not in plain}
    return plain | {_OTHER: json.dumps(other, ensure_ascii=False)}


def held(properties: Mapping[str, object]) -> dict[str, object]:
    """Convert properties of a view's row to the form that Neo4j holds: times as datetimes, and nothing for what is None."""
    return {
        name: as_time(value) if name in _TIMES else value for name, value in properties.items() if value is not None
    }


def from_neo4j(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Convert properties back to what `to_neo4j` was given, in order of their names."""
    from neo4j.time import DateTime

    found = {
        name: time_text(value.to_native()) if isinstance(value, DateTime) else value
        for name, value in properties.items()
    }
    if other := found.pop(_OTHER, None):
        found |= json.loads(other)
    return dict(sorted(found.items()))


def as_time(value: Any) -> Any:
    """Convert a stored time to what Neo4j compares with its datetimes; return anything else as it is."""
    return _moment(value) if type(value) is str else value


@lru_cache(maxsize=10_000)
def _moment(text: str) -> datetime | str:
    """Parse a stored time. Cached, because the atoms of a source came to be at a few moments."""
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo and time_text(moment) == text else text
    except (ValueError, OverflowError):
        return text


@lru_cache(maxsize=1000)
def _are_names(names: tuple[str, ...]) -> bool:
    """Return whether they can be names of properties and none of them is ours. Cached: nodes and edges of a kind all have the same."""
    return _OWN.isdisjoint(names) and all(name and "\0" not in name for name in names)


def _fits(value: object) -> bool:
    """Return whether Neo4j holds a value as it is: numbers, text and truth, and lists of one kind of them."""
    if type(value) is str:
        return True
    if isinstance(value, list):
        kinds = {type(element) for element in value}
        return len(kinds) == 1 and kinds <= _SCALARS and all(_fits(element) for element in value)
    if type(value) is int:
        return -(2**63) <= value < 2**63
    return type(value) in _SCALARS
