"""An atom that somebody replaces: SQLite alone has INSERT OR REPLACE, of which no trigger of DELETE hears."""

from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.builders import open_home
from tests.contract.graph_events import BEES, SEA, events, hash_of, sync
from tests.held_graph import HeldGraph, content_of_views


@pytest.mark.parametrize(
    ("column", "values"),
    [("ContentType", "(?, 'text', ?, ?, 'text/plain')"), ("AtomId", "(?, 'text', ?, ?, 1)")],
    ids=["by hash", "by id"],
)
def test_an_atom_that_somebody_replaces_goes_with_its_number_and_tenant(
    tmp_path: Path, column: str, values: str
) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    home, graph, client = open_home(tmp_path, database), HeldGraph(), database.connection()
    insert = "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText) VALUES (?, 'text', ?, ?)"
    sea, bees = (bytes.fromhex(hash_of(text)) for text in (SEA, BEES))
    client.execute(insert, (7, sea, SEA))
    sync(home, graph, *events(database))
    assert graph.keys_of("Atom", 7) == [hash_of(SEA)]

    new = (7, sea, SEA) if column == "ContentType" else (0, bees, BEES)
    client.execute(  # as a plain client, which has no recursive_triggers
        f"INSERT OR REPLACE INTO Atom (TenantId, Modality, ContentHash, CanonicalText, {column}) VALUES {values}", new
    )

    sync(home, graph, *events(database))
    assert len(graph.keys_of("Atom", 0) + graph.keys_of("Atom", 7)) == 1
    assert graph.content() == content_of_views(client)
