"""Rows of statements about the views that are the graph."""

from typing import TypedDict

from hartonomous_resources.database.statements import Statement


class FoundNode(TypedDict):
    """A node that a key names, and since when it has been there: None for what has always been."""

    number: int
    since: str | None


class NodeKey(TypedDict):
    """A node and its key."""

    number: int
    key: str


class ViewDigest(TypedDict):
    """How many rows a view has of an hour, and the sum of what digests them."""

    view: str
    n: int
    total: int


class NodeNumber(TypedDict):
    """A node."""

    number: int


class ViewCount(TypedDict):
    """How many rows a view has."""

    view: str
    n: int


GRAPH_NODE_BY_KEY = Statement("graph_node_by_key", FoundNode)
GRAPH_KEYS_BEGINNING = Statement("graph_keys_beginning", NodeKey)
GRAPH_DIGESTS = Statement("graph_digests", ViewDigest)
GRAPH_NUMBERS_OF_HOUR = Statement("graph_numbers_of_hour", NodeNumber)
GRAPH_COUNTS = Statement("graph_counts", ViewCount)
GRAPH_COUNTS_OF_HOUR = Statement("graph_counts_of_hour", ViewCount)
