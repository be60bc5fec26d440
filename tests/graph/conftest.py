"""The provenance graph, asked in each way: the views of each database, and a copy of them in Neo4j."""

from collections.abc import Iterator
from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.protocol import NodeId
from tests.contract.conftest import client, database, store
from tests.graph.asked import TENANT, Answered, Asked
from tests.graph.tables import Tables
from tests.tools.neo4j.server import Address, open_empty_graph, required, shared_address

__all__ = ["client", "database", "store"]


@pytest.fixture(params=["views", "neo4j"])
def asked(request: pytest.FixtureRequest, database: Database, client: Any) -> Iterator[Asked]:
    """A database to fill, and its graph of each kind."""
    return Asked(database, client, request.param, Tables(client))


@pytest.fixture
def answered(asked: Asked) -> Answered:
    return Answered(asked)


@pytest.fixture
def star(asked: Asked) -> list[NodeId]:
    """A source of twelve atoms; each was used by an answer of its own, the last atom by the first."""
    atoms = asked.tables.atoms(12)
    source = asked.tables.source(*reversed(atoms))
    answers = [asked.tables.inference([atom]) for atom in reversed(atoms)]
    return [source, *atoms, TENANT, *answers]


@pytest.fixture
def address() -> Address:
    return required(shared_address)


@pytest.fixture
def graph(address: Address) -> Iterator[Neo4jGraph]:
    """An empty graph on the server."""
    graph = open_empty_graph()
    graph.counts(None)
    yield graph
    graph.close()
