"""Names and parts of which the graphs of these tests are made."""

from collections.abc import Sequence

from hartonomous_resources.graph.protocol import Edge, Node

Name = tuple[str, str]

A, B, C = ("Atom", "a" * 64), ("Atom", "b" * 64), ("Atom", "c" * 64)
SOURCE, RUN, MODEL, INFERENCE = ("Source", "1"), ("Run", "run-1"), ("Model", "model-1"), ("Inference", "answer-1")


def nodes(*names: Name, tenant: int = 0, **properties: object) -> list[Node]:
    return [Node(tenant, label, key, properties) for label, key in names]


def edge(start: Name, kind: str, end: Name, tenant: int = 0, **properties: object) -> Edge:
    return Edge(tenant, start, kind, end, properties)


def ordered(found: Sequence[Node]) -> list[Name]:
    return [(node.label, node.key) for node in found]


def names(found: Sequence[Node]) -> set[Name]:
    return set(ordered(found))


def triples(found: Sequence[Edge]) -> set[tuple[Name, str, Name]]:
    return {(e.start, e.type, e.end) for e in found}
