"""The provenance graph as tests ask it, and what they often ask about: an answer and what it was made of, a line of atoms."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.protocol import Graph, NodeId
from hartonomous_resources.graph.table_graph import TableGraph
from tests.graph.tables import Tables, copy_of_views
from tests.tools.neo4j.server import open_empty_graph

TENANT = ("Tenant", 0)
EVERYTHING = 10_000


@dataclass(slots=True)
class Asked:
    """Tables, and the graph that they make."""

    database: Database
    client: Any
    kind: Literal["views", "neo4j"]
    tables: Tables

    def graph(self, *tenants: int) -> Graph:
        """The graph of what the tables hold now, of these tenants or of the first one."""
        if self.kind == "views":
            return TableGraph(self.database)
        return self.copied(open_empty_graph(), *(tenants or (self.tables.tenant,)))

    def copied(self, copy: Neo4jGraph, *tenants: int) -> Neo4jGraph:
        """The copy, with what the tables hold now of these tenants."""
        for tenant in tenants:
            copy.write(copy_of_views(self.database, self.client, tenant))
        return copy


class Answered:
    """C was answered out of A and B by a model; A came from two sources, B from one of them, by a run."""

    def __init__(self, asked: Asked) -> None:
        tables = asked.tables
        self.a, self.b = tables.atoms(2)
        self.c = tables.atom("the answer", by_hand=True)
        self.source = tables.source(self.a, self.b, self.a, runs=["run"], uri="file:///one")
        self.other = tables.source(self.a, uri="file:///two")
        self.inference = tables.inference([self.a, self.b], [self.c], name="answer", task="answering")
        self.run, self.model = tables.named("Run", "run"), tables.named("Model", "writer")
        self.graph = asked.graph()

    def names(self, *nodes: NodeId) -> list[tuple[str, str]]:
        found = [self.graph.lineage(0, node, 0, 1).nodes[0] for node in nodes]
        return [(node.label, node.key) for node in found]

    def edges(self, *edges: tuple[NodeId, str, NodeId]) -> set[tuple[tuple[str, str], str, tuple[str, str]]]:
        return {(*self.names(start), kind, *self.names(end)) for start, kind, end in edges}


def chain_of(tables: Tables, length: int) -> list[NodeId]:
    """Atoms each derived from the one before it; the first is the origin."""
    line = [tables.atom(by_hand=True) for _ in range(length)]
    source = tables.source()
    for origin, derived in pairwise(line):
        tables.derived(source, derived, origin)
    return line
