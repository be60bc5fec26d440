"""What is Neo4j's own: changes that fail, its driver's log, others' data beside ours, addresses, and times."""

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.settings import Settings
from tests.backends import rows
from tests.graph.changes import INGESTED, MOMENT, USED, edge, node
from tests.graph.tables import Tables, copy_of_views
from tests.tools.neo4j.server import Address, run_cypher

# ---- writing


def test_a_change_of_several_statements_that_fails_in_the_last_leaves_nothing_behind(graph: Neo4jGraph) -> None:
    from neo4j.exceptions import DatabaseError

    atoms = [node("Atom", number) for number in range(10_001)]
    unwritable = node("Source", 1, sourceId="x" * 10_000)  # no index takes it

    with pytest.raises(DatabaseError, match="too large to index"):
        graph.write(GraphChange([*atoms, unwritable]))
    assert graph.counts(None) == ({}, {})

    graph.write(GraphChange(atoms))
    assert graph.counts(None) == ({"Atom": 10_001}, {})


def test_a_graph_is_used_again_after_it_was_closed(graph: Neo4jGraph) -> None:
    graph.write(GraphChange([node("Atom", 1)]))
    graph.close()

    assert graph.counts(0) == ({"Atom": 1}, {})


def test_no_line_of_the_drivers_log_has_a_text_of_ours(graph: Neo4jGraph, caplog: pytest.LogCaptureFixture) -> None:
    graph.counts(0)  # opens the connection, which silences the driver for others
    caplog.set_level(logging.DEBUG, "neo4j")

    graph.write(GraphChange([node("Source", 1, sourceUri="file:///private")]))

    assert "RUN" in caplog.text
    assert "private" not in caplog.text


# ---- others in the same database


WORKERS_QUERY = """MATCH (a:Atom {atomHash: $hash})-[:INGESTED_FROM]->(s:Source {sourceId: $sourceId})
    WHERE a.createdAt = datetime($createdAt) RETURN a.atomId AS id, a.contentType AS contentType"""


WORKERS_MERGE = """MERGE (a:Atom {atomHash: $hash})
    ON CREATE SET
      a.atomId = $id,
      a.contentType = $contentType,
      a.createdAt = datetime($createdAt)
    MERGE (s:Source {sourceId: $sourceId})
    MERGE (a)-[:INGESTED_FROM]->(s)"""


def test_the_cypher_of_the_net_worker_answers_as_written_and_finds_what_is_there(
    graph: Neo4jGraph, address: Address, tmp_path: Path
) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    with closing(sqlite3.connect(tmp_path / "hartonomous.db")) as client:
        tables = Tables(client)
        _, source_id = tables.source(*tables.atoms(2))
        graph.write(copy_of_views(database, client, 0))
        atoms = rows(client, "SELECT AtomId, lower(hex(ContentHash)) AS Hash, ContentType, CreatedAt FROM Atom")
    database.close()
    before = graph.counts(None)

    for atom in atoms:
        asked = {"hash": atom["Hash"], "sourceId": source_id, "createdAt": atom["CreatedAt"]}
        found = [{"id": atom["AtomId"], "contentType": atom["ContentType"]}]
        assert run_cypher(address, WORKERS_QUERY, **asked) == found
        run_cypher(address, WORKERS_MERGE, **asked, id=0, contentType="other")
        assert run_cypher(address, WORKERS_QUERY, **asked) == found
        assert run_cypher(address, WORKERS_QUERY, **asked | {"hash": "f" * 64}) == []
    assert (
        graph.counts(None) == before == ({"Atom": 2, "Source": 1, "Tenant": 1}, {"INGESTED_FROM": 2, "BELONGS_TO": 1})
    )


def test_nodes_and_relationships_of_others_are_not_ours(graph: Neo4jGraph, address: Address) -> None:
    graph.write(GraphChange([node("Atom", 1), node("Source", 7)], [edge(INGESTED, 1, 7)]))
    run_cypher(
        address,
        "MATCH (a:Atom), (s:Source) SET a:Important CREATE (t:Topic {tenantId: 0, key: 'x'}), (a)-[:ABOUT]->(t), "
        "(:Atom {atomHash: a.key})-[:INGESTED_FROM]->(s), (a)-[:LIKES]->(s)",
    )

    found = graph.lineage(0, ("Source", 7), depth=5, limit=10)

    assert [(node.label, node.number) for node in found.nodes] == [("Source", 7), ("Atom", 1)]
    assert [edge.type for edge in found.edges] == ["INGESTED_FROM"]
    assert [edge.type for edge in graph.path(0, ("Atom", 1), ("Source", 7), 5).edges] == ["INGESTED_FROM"]
    assert graph.counts(0) == ({"Atom": 1, "Source": 1}, {"INGESTED_FROM": 1})
    assert graph.numbers(0, "Atom", 0, 10) == graph.starts(0, INGESTED, 7, 0, 10) == [1]


# ---- settings


@pytest.mark.parametrize("uri", ["", "nonsense", "http://host", "bolt://", "bolt://neo4j:secret@host:7687"])
def test_what_is_no_address_is_refused_without_what_may_be_a_password(uri: str) -> None:
    graph = Neo4jGraph(Settings(neo4j_uri=uri))

    with pytest.raises(GraphUnavailable, match="give HARTONOMOUS_NEO4J_URI as bolt://host:7687") as refused:
        graph.counts(0)
    assert "secret" not in str(refused.value) + graph.name


def test_an_operators_constraint_that_two_tenants_cannot_meet_is_named(graph: Neo4jGraph, address: Address) -> None:
    graph.write(GraphChange([node("Atom", 1, atomHash="a" * 64)]))
    run_cypher(address, "DROP INDEX hartonomous_atom_hash")
    run_cypher(address, "CREATE CONSTRAINT of_somebody FOR (n:Atom) REQUIRE n.atomHash IS UNIQUE")
    try:
        with pytest.raises(GraphUnavailable, match=r"cutover\.md .*already exists"):
            graph.write(GraphChange([node("Atom", 2, tenant=1, atomHash="a" * 64)]))
    finally:
        run_cypher(address, "DROP CONSTRAINT of_somebody")
        run_cypher(address, "CREATE INDEX hartonomous_atom_hash FOR (n:Atom) ON (n.atomHash)")


# ---- times


LATER = "2026-11-23T10:00:00.000Z"


def test_times_are_datetimes_as_the_net_worker_wrote_them(graph: Neo4jGraph, address: Address) -> None:
    nodes = [
        node("Atom", 1, createdAt=MOMENT, since=MOMENT),
        node("Source", 7, receivedAt=MOMENT, since=MOMENT),
        node("Inference", 5, startedAt=MOMENT, createdAt=LATER, since=MOMENT),
    ]
    graph.write(GraphChange(nodes, [edge(INGESTED, 1, 7), edge(USED, 5, 1, since=LATER)]))

    asked = """MATCH (i:Inference)-[u]->(a:Atom)-[r:INGESTED_FROM]->(s:Source)
        WHERE a.createdAt = datetime('2026-11-23T09:44:16.123Z') AND a.createdAt < datetime('2026-11-23T10:00:00Z')
        AND s.receivedAt = a.createdAt AND i.startedAt = a.createdAt AND r.since = a.since AND s.since = i.since
        AND i.createdAt = u.since AND u.since = datetime('2026-11-23T10:00:00Z')
        RETURN duration.between(a.createdAt, datetime('2026-11-23T09:45:16.123Z')).seconds AS seconds"""
    assert run_cypher(address, asked) == [{"seconds": 60}]
    found = graph.lineage(0, ("Inference", 5), 3, 10)
    for expected, given in zip([nodes[2], nodes[0], nodes[1]], found.nodes, strict=True):
        assert given.properties == {**expected.properties, "tenantId": 0}
    assert [edge.properties["since"] for edge in found.edges] == [MOMENT, LATER]


@pytest.mark.parametrize("as_of", [None, MOMENT, LATER])
def test_what_is_there_is_there_as_of_its_time(graph: Neo4jGraph, as_of: str | None) -> None:
    graph.write(GraphChange([node("Atom", 1, since=MOMENT)]))

    assert len(graph.lineage(0, ("Atom", 1), 2, 10, as_of=as_of).nodes) == 1
    with pytest.raises(KeyError):
        graph.lineage(0, ("Atom", 1), 2, 10, as_of="2026-11-23T09:44:16.122Z")


TIMES = [MOMENT, "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]


OTHER_TEXTS = ["", "yesterday", "2026-11-23", "2026-11-23T09:44:16Z", "2026-11-23T09:44:16.123+01:00", "2026-02-30T00:00:00.000Z",
               "2026-11-23T09:44:16.123456Z", "2026-11-23T09:44:16.123"]  # fmt: skip


def test_a_text_comes_back_as_it_was_given_time_or_not(graph: Neo4jGraph, address: Address) -> None:
    """All in one statement, so that each finds its own."""
    texts = [*TIMES, *OTHER_TEXTS]
    graph.write(GraphChange([node("Atom", n, createdAt=text, name=text) for n, text in enumerate(texts)]))

    for n, text in enumerate(texts):
        [found] = graph.lineage(0, ("Atom", n), 1, 1).nodes
        assert (found.properties["createdAt"], found.properties["name"]) == (text, text)
    kept = run_cypher(
        address, "MATCH (a:Atom) RETURN a.createdAt =~ '.*' AS isText, a.name =~ '.*' AS nameIsText ORDER BY a.number"
    )
    assert kept == [{"isText": None if text in TIMES else True, "nameIsText": True} for text in texts]
