"""The provenance graph, asked in each way: the views of each database, and a copy of them in Neo4j."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.protocol import Graph
from hartonomous_resources.graph.table_graph import TableGraph
from tests.contract.conftest import client, database, store
from tests.graph.tables import Tables, copy_of_views
from tests.tools.neo4j.server import open_empty_graph

__all__ = ["client", "database", "store"]


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


@pytest.fixture(params=["views", "neo4j"])
def asked(request: pytest.FixtureRequest, database: Database, client: Any) -> Iterator[Asked]:
    """A database to fill, and its graph of each kind."""
    return Asked(database, client, request.param, Tables(client))
