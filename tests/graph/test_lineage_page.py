"""The Cypher of docs/lineage.md is asked as it is written; its SQL is by tests/unit/test_docs.py."""

from typing import Any

import pytest

from hartonomous_resources.database.protocol import Database
from tests.graph.tables import Tables, copy_of_views
from tests.tools.neo4j.server import open_empty_graph, run_cypher, shared_address
from tests.unit.test_docs import LINEAGE, blocks


@pytest.mark.parametrize("text", blocks(LINEAGE, "cypher"))
def test_the_cypher_of_the_page_finds_what_it_asks_for(database: Database, client: Any, text: str) -> None:
    tables = Tables(client)
    moon, _ = tables.atom("The moon makes the sea rise."), tables.atom("It falls.")
    tables.source(moon, uri="file:///moon.txt")
    open_empty_graph().write(copy_of_views(database, client, 0))

    assert [list(row.values()) for row in run_cypher(shared_address(), text)] == [["file:///moon.txt", 1, 0, 1]]
