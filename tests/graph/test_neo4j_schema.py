"""Neo4j's schema: made at first use, brought up to date, refused where it is of another layout or release."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.graph import neo4j_migrations
from hartonomous_resources.graph.materialized import GraphChange
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.project_files import project_file
from tests.graph.changes import MOMENT
from tests.tools.neo4j.server import Address, run_cypher

NEO4J = project_file("sql") / "neo4j"


# ---- schema


@pytest.fixture
def fresh_schema(graph: Neo4jGraph, address: Address) -> Iterator[None]:
    """A database that never held our schema; it is mended afterwards."""
    forget_schema(address)
    yield
    forget_schema(address)


def forget_schema(address: Address) -> None:
    for kind, several in (("CONSTRAINT", "CONSTRAINTS"), ("INDEX", "INDEXES")):
        for row in run_cypher(address, f"SHOW {several} YIELD name WHERE name STARTS WITH 'hartonomous_' RETURN name"):
            run_cypher(address, f"DROP {kind} {row['name']}")
    run_cypher(address, "MATCH (v:SchemaVersion) DELETE v")


def journal(address: Address) -> list[dict[str, Any]]:
    return run_cypher(
        address,
        "MATCH (v:SchemaVersion) RETURN v.version AS version, v.name AS name, v.sha256 AS sha256 ORDER BY version",
    )


def test_the_schema_is_made_at_first_use_and_its_journal_says_so(fresh_schema: None, address: Address) -> None:
    for _ in range(2):
        Neo4jGraph(address.settings()).counts(0)

    shipped = read_migrations(NEO4J / "migrations")
    assert journal(address) == [{"version": m.version, "name": m.name, "sha256": m.sha256} for m in shipped]
    unique = run_cypher(address, "SHOW CONSTRAINTS YIELD name, labelsOrTypes AS labels, properties")
    ours = [(row["labels"], row["properties"]) for row in unique if row["name"].startswith("hartonomous_")]
    expected = [([label], ["tenantId", "number"]) for label in LABELS]
    assert sorted(ours) == sorted([*expected, (["SchemaVersion"], ["version"])])


def test_a_migration_that_was_interrupted_runs_again(fresh_schema: None, address: Address) -> None:
    first = read_migrations(NEO4J / "migrations")[0]
    run_cypher(address, neo4j_migrations.statements_of(first.text)[1])

    Neo4jGraph(address.settings()).counts(0)

    assert len(journal(address)) == len(read_migrations(NEO4J / "migrations"))


def make_older_layout(address: Address, content: str) -> None:
    """The schema of release 0.1.0, its journal, and some content."""
    first = read_migrations(NEO4J / "migrations")[0]
    for text in neo4j_migrations.statements_of(first.text):
        run_cypher(address, text)
    entry = {"version": 1, "name": first.name, "sha256": first.sha256, "applied_at": MOMENT}
    run_cypher(address, statement("record_migration"), **entry)
    run_cypher(address, content)


@pytest.mark.parametrize("label", LABELS)
def test_a_graph_of_an_older_layout_is_refused_untouched_until_it_is_emptied_as_docs_say(
    fresh_schema: None, address: Address, label: str
) -> None:
    make_older_layout(address, f"CREATE (:{label} {{tenantId: 0, key: 'x'}})")
    run_cypher(address, statement("claim"), owner="2026-11-23T09:44:16.123Z")
    everything = "MATCH (n) RETURN labels(n) AS labels, properties(n) AS properties ORDER BY labels, n.version"
    before = [run_cypher(address, text) for text in (everything, "SHOW INDEXES YIELD name")]
    change = GraphChange([Node(0, "Tenant", 0, "0", {})])

    uses: list[Callable[[Neo4jGraph], object]] = [
        lambda graph: graph.counts(None),
        lambda graph: graph.claim("another"),
        lambda graph: graph.write(change),
    ]
    for use in uses:
        with pytest.raises(GraphUnavailable, match=r"older layout.*operations\.md.*verify --graph --repair") as refused:
            use(Neo4jGraph(address.settings()))
        assert str(refused.value).startswith(f"Neo4j at {address.uri} holds")
    assert [run_cypher(address, text) for text in (everything, "SHOW INDEXES YIELD name")] == before

    operations = Path(__file__).parents[2].joinpath("docs", "operations.md").read_text(encoding="utf-8")
    [emptying] = re.findall(r"^MATCH \(n\) CALL .*(?=;$)", operations, re.MULTILINE)
    run_cypher(address, emptying)
    run_cypher(address, "MERGE (:HartonomousTest)")
    Neo4jGraph(address.settings()).write(change)
    assert run_cypher(address, "MATCH (t:Tenant) RETURN t.number AS number") == [{"number": 0}]


def test_a_graph_of_the_older_schema_that_holds_nothing_of_ours_is_brought_up_to_date(
    fresh_schema: None, address: Address
) -> None:
    make_older_layout(address, "CREATE (:Atom {atomHash: 'A'})-[:INGESTED_FROM]->(:Source {sourceId: 1})")

    Neo4jGraph(address.settings()).counts(0)

    assert len(journal(address)) == len(read_migrations(NEO4J / "migrations"))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("MATCH (v:SchemaVersion {version: 1}) SET v.sha256 = 'other'", "migration 0001_keys ran with other text"),
        ("CREATE (:SchemaVersion {version: 99, sha256: 'x'})", "schema version 99.*upgrade hartonomous"),
    ],
    ids=["changed", "newer"],
)
def test_a_graph_of_another_release_is_refused(
    fresh_schema: None, address: Address, change: str, complaint: str
) -> None:
    Neo4jGraph(address.settings()).counts(0)
    run_cypher(address, change)

    with pytest.raises(GraphUnavailable, match=complaint) as refused:
        Neo4jGraph(address.settings()).counts(0)
    assert str(refused.value).startswith(f"Neo4j at {address.uri}")
