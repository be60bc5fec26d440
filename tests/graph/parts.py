"""What is looked at of the graphs of these tests."""

from collections.abc import Sequence

from hartonomous_resources.graph.protocol import Edge, Name, Node, NodeId


def ids(found: Sequence[Node]) -> list[NodeId]:
    return [(node.label, node.number) for node in found]


def triples(found: Sequence[Edge]) -> set[tuple[Name, str, Name]]:
    return {(e.start, e.type, e.end) for e in found}
