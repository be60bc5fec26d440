"""What is Neo4j's own: Cypher text and its plans, properties that it cannot hold, its schema, and others' data beside ours."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hartonomous_resources.work.provenance_parts import describe_atoms
from hypothesis import given as for_any
from hypothesis import strategies as st

from hartonomous_core.vocabulary import EDGE_TYPES, LABELS
from hartonomous_resources.database.graph_views import EDGE_VIEWS
from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.graph import neo4j_migrations
from hartonomous_resources.graph.materialized import GraphChange, NodeRow
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import from_neo4j, node_properties, node_row, to_neo4j
from hartonomous_resources.graph.neo4j_writing import digest_statements
from hartonomous_resources.graph.protocol import Edge, GraphUnavailable, Node
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings
from tests.builders import write
from tests.tools.neo4j.server import Address, open_empty_graph, required, run_cypher, shared_address

A, SOURCE = ("Atom", "a" * 64), ("Source", "1")
SLOW = {"Eager", "AllNodesScan", "NodeByLabelScan", "DirectedAllRelationshipsScan", "UndirectedAllRelationshipsScan"}
EXPECTED = {
    # What a batch deletes is found first. It is at most the edges of 10,000 nodes.
    **{name: {"Eager"} for name in ("remove_edges", "keep_edges", "remove_nodes")},
    # Asked once, while the index of keys is there.
    "is_of_older_layout": {"NodeByLabelScan"},
}
NEO4J = project_file("sql") / "neo4j"


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


# ---- statements


def every_statement() -> Iterator[tuple[str, str]]:
    """Each named statement with each label and type, and each pair of labels, that it is asked with."""
    for name, text in load_statements(NEO4J / "statements").items():
        if name in ("write_edges", "remove_edges", "keep_edges", "starts"):
            named = [{"start": view.start, "type": view.type, "end": view.end} for view in EDGE_VIEWS]
        elif "digest" in name and "digests" not in name:
            continue  # below
        elif "__START__" in text:
            named = [{"start": start, "type": EDGE_TYPES[0], "end": end} for start in LABELS for end in LABELS]
            named += [{"start": "Atom", "type": kind, "end": "Source"} for kind in EDGE_TYPES]
        elif "__LABEL__" in text:
            named = [
                {"label": label}
                for label in (("Atom", "Source", "Inference") if name == "digests_of_nodes" else LABELS)
            ]
        else:
            named = [{"type": kind} for kind in EDGE_TYPES] if "__TYPE__" in text else [{}]
        yield from ((name, statement(name, **names)) for names in named)
    for of_hour in (True, False):
        yield from digest_statements(of_hour=of_hour).items()


def test_no_place_for_a_name_is_left_open_in_any_statement() -> None:
    texts = [text for _, text in every_statement()]

    assert len(texts) > len(LABELS) ** 2 + len(EDGE_TYPES)
    assert [text for text in texts if "__" in text] == []


@pytest.mark.parametrize("name", ["", "Nobody", "Atom) DETACH DELETE n //", "Atom`", "INGESTED_FROM"])
def test_a_label_that_is_none_of_ours_never_gets_into_a_statement(name: str) -> None:
    with pytest.raises(ValueError, match="the graph has no label"):
        statement("merge_nodes", label=name)
    with pytest.raises(ValueError, match="the graph has no"):
        statement("merge_edges", start="Atom", type=name if name != "INGESTED_FROM" else "Atom", end="Source")


# A value for every parameter that a statement may ask for.
LISTS = (
    "hashes",
    "keys",
    "ids",
    "frontier",
    "walked",
    "others",
    "upstream",
    "downstream",
    "found",
    "page",
    "rows",
    "labels",
)
TEXTS = ("key", "after", "hour", "id", "a", "b", "name", "sha256", "applied_at")
NUMBERS = ("end", "tenant_id", "n", "version", "seconds")
PARAMETERS = {
    **{name: [] for name in LISTS},
    **dict.fromkeys(TEXTS, ""),
    **dict.fromkeys(NUMBERS, 1),
    "as_of": None,
    "of_walked": True,
}


@pytest.mark.parametrize("filled", [False, True], ids=["empty graph", "filled graph"])
def test_no_statement_scans_a_label_or_holds_all_its_rows(graph: Neo4jGraph, address: Address, filled: bool) -> None:
    if filled:
        atoms = [Node(0, "Atom", f"{n:064x}", {"ingestHour": "h"}) for n in range(3000)]
        sources = [Node(0, "Source", str(n), {"ingestHour": "h"}) for n in range(20)]
        graph.merge(atoms + sources, [Edge(0, ("Atom", a.key), "INGESTED_FROM", SOURCE) for a in atoms])
        run_cypher(address, "CALL db.resampleOutdatedIndexes()")
        run_cypher(address, "CALL db.clearQueryCaches()")

    from neo4j import GraphDatabase

    found = {}
    with (
        GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver,
        driver.session() as session,
    ):
        for name, text in every_statement():
            operators = set(plan_operators(session.run(f"EXPLAIN {text}", PARAMETERS).consume().plan))
            if bad := operators & SLOW - EXPECTED.get(name, set()):
                found[name] = bad
    assert found == {}


def plan_operators(plan: Any) -> Iterator[str]:
    yield plan["operatorType"].partition("@")[0]
    for child in plan.get("children", []):
        yield from plan_operators(child)


def test_the_module_is_imported_without_the_driver() -> None:
    program = "import sys, hartonomous_resources.graph.neo4j_graph; sys.exit('neo4j' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# ---- properties

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALARS, lambda values: st.lists(values) | st.dictionaries(st.text(), values), max_leaves=5)
NAMES = st.text() | st.sampled_from(["tenantId", "key", "otherProperties", "tenantIdAdded"])


@for_any(st.dictionaries(NAMES, JSON))
def test_any_properties_come_back_from_what_neo4j_holds_of_them(properties: dict[str, Any]) -> None:
    held = to_neo4j(properties)

    assert same(from_neo4j(held), properties)
    for name, value in held.items():
        assert name
        assert "\0" not in name
        assert value is not None
        assert not isinstance(value, dict)


@for_any(st.integers(0, 9), st.dictionaries(NAMES, JSON))
def test_a_node_keeps_its_properties_whatever_they_are_called(tenant: int, properties: dict[str, Any]) -> None:
    _, _, held = node_row(Node(tenant, "Atom", "key", properties))

    assert (held["tenantId"], held["key"]) == (tenant, "key")
    assert same(node_properties(held), properties)


def same(found: object, given: object) -> bool:
    """Equal, and 1 is neither True nor 1.0."""
    return json.dumps(found, sort_keys=True) == json.dumps(given, sort_keys=True)


HOSTILE = [
    "'}) DETACH DELETE n //",
    '"}) MATCH (m) DETACH DELETE m //',
    "`) DETACH DELETE n //",
    "$rows",
    "\\u0027}) DETACH DELETE n //",
    "'; MATCH (n) DETACH DELETE n; //",
    "x\0y",
    "\uffff and 𝄞",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_would_be_cypher_is_text(graph: Neo4jGraph, text: str) -> None:
    graph.merge([Node(0, *A), Node(0, *SOURCE)], [Edge(0, A, "INGESTED_FROM", SOURCE)])
    name = ("Inference", text)

    properties = {"value": text, text: "value", "nested": {text: [text]}}
    graph.merge([Node(0, *name, properties)], [Edge(0, name, "USED_ATOM", A, properties)])

    found = graph.lineage(0, *name, depth=3, limit=10, as_of=text)
    assert [(node.label, node.key) for node in found.nodes] == [name, A, SOURCE]
    assert dict(found.nodes[0].properties) == dict(found.edges[1].properties) == properties
    assert len(graph.path(0, name, SOURCE, 3, as_of=text).nodes) == 3
    assert graph.impact(0, *A, limit=5).counts == {"Inference": 1}
    assert graph.keys(0, "Inference", "", 5) == [text]
    assert graph.digests(0, text)["atoms"].count == 0
    graph.delete([Node(0, *name)])
    assert graph.counts(0) == ({"Atom": 1, "Source": 1}, {"INGESTED_FROM": 1})


@pytest.mark.parametrize("name", ["Atom) DETACH DELETE n //", "Atom:Source", ""])
def test_names_that_are_none_of_ours_are_refused_before_anything_is_written(graph: Neo4jGraph, name: str) -> None:
    kept = Node(0, *A)
    for nodes, edges in (
        ([kept, Node(0, name, "x")], []),
        ([kept], [Edge(0, A, name, SOURCE)]),
        ([kept], [Edge(0, A, "INGESTED_FROM", (name, "1"))]),
    ):
        with pytest.raises(ValueError, match="the graph has no"):
            graph.merge(nodes, edges)
    with pytest.raises(ValueError, match="the graph has no label"):
        graph.delete([Node(0, name, "x")])
    with pytest.raises(KeyError):
        graph.lineage(0, name, "x", 1, 1)
    assert graph.counts(0) == ({}, {})


def test_a_key_that_no_index_takes_is_refused_by_name(graph: Neo4jGraph) -> None:
    graph.merge([Node(0, "Inference", "k" * 4000)], [])

    with pytest.raises(ValueError, match=r"key of Inference kkkk.*longer than 4000 bytes"):
        graph.merge([Node(0, "Inference", "k" * 4001)], [])


def test_keys_are_in_the_order_of_their_code_points(graph: Neo4jGraph) -> None:
    keys = ["", "A", "Z", "a", "ä", "\uffff", "𝄞"]
    graph.merge([Node(0, "Inference", key) for key in reversed(keys)], [])

    assert graph.keys(0, "Inference", "", 10) == keys[1:]
    assert graph.keys(0, "Inference", "a", 2) == ["ä", "\uffff"]


# ---- writing


def test_a_batch_of_several_statements_that_fails_in_the_last_leaves_nothing_behind(graph: Neo4jGraph) -> None:
    from neo4j.exceptions import DatabaseError

    atoms = [Node(0, "Atom", f"{n:064x}") for n in range(10_001)]
    unwritable = Node(0, "Source", "1", {"sourceId": "x" * 10_000})  # no index takes it

    with pytest.raises(DatabaseError, match="too large to index"):
        graph.merge([*atoms, unwritable], [])
    assert graph.counts(None) == ({}, {})

    graph.merge(atoms, [])
    assert graph.counts(None) == ({"Atom": 10_001}, {})


def test_a_graph_is_used_again_after_it_was_closed(graph: Neo4jGraph) -> None:
    graph.merge([Node(0, *A)], [])
    graph.close()

    assert graph.counts(0) == ({"Atom": 1}, {})


# ---- others in the same database


def test_the_query_of_the_net_worker_answers_as_written(graph: Neo4jGraph, address: Address, tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    source_id = write(database, "one", "two")
    database.connection().execute("UPDATE Source SET Status = 'Atomized', ContentHash = zeroblob(32)")
    with database.unit_of_work() as unit_of_work:
        rows = unit_of_work.query("graph_atoms", tenant_id=0, atom_ids="[1, 2]")
        graph.merge(*describe_atoms(unit_of_work, 0, [1, 2]))
    database.close()
    query = "MATCH (a:Atom {atomHash: $hash})-[:INGESTED_FROM]->(s:Source {sourceId: $source}) RETURN a.atomId AS id"

    for row in rows:
        assert run_cypher(address, query, hash=row["atomHash"], source=source_id) == [{"id": row["atomId"]}]
    assert run_cypher(address, query, hash="f" * 64, source=source_id) == []


def test_nodes_and_relationships_of_others_are_not_ours(graph: Neo4jGraph, address: Address) -> None:
    graph.merge([Node(0, *A), Node(0, *SOURCE)], [Edge(0, A, "INGESTED_FROM", SOURCE)])
    run_cypher(
        address,
        "MATCH (a:Atom), (s:Source) SET a:Important CREATE (t:Topic {tenantId: 0, key: 'x'}), (a)-[:ABOUT]->(t), "
        "(:Atom {atomHash: a.key})-[:INGESTED_FROM]->(s), (a)-[:LIKES]->(s)",
    )

    found = graph.lineage(0, *SOURCE, depth=5, limit=10)

    assert [(node.label, node.key) for node in found.nodes] == [SOURCE, A]
    assert [edge.type for edge in found.edges] == ["INGESTED_FROM"]
    assert [edge.type for edge in graph.path(0, A, SOURCE, 5).edges] == ["INGESTED_FROM"]
    assert graph.counts(0) == ({"Atom": 1, "Source": 1}, {"INGESTED_FROM": 1})
    assert graph.keys(0, "Atom", "", 10) == [A[1]]


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
    of_keys = [row["labels"][0] for row in unique if row["properties"] == ["tenantId", "key"]]
    assert sorted(of_keys) == sorted(LABELS)


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
    change = GraphChange([NodeRow(0, "Tenant", 0, "0", {})])

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


# ---- settings


@pytest.mark.parametrize("uri", ["", "nonsense", "http://host", "bolt://", "bolt://neo4j:secret@host:7687"])
def test_what_is_no_address_is_refused_without_what_may_be_a_password(uri: str) -> None:
    graph = Neo4jGraph(Settings(neo4j_uri=uri))

    with pytest.raises(GraphUnavailable, match="give HARTONOMOUS_NEO4J_URI as bolt://host:7687") as refused:
        graph.counts(0)
    assert "secret" not in str(refused.value) + graph.name


def test_an_operators_constraint_that_two_tenants_cannot_meet_is_named(graph: Neo4jGraph, address: Address) -> None:
    graph.merge([Node(0, *A, {"atomHash": A[1]})], [])
    run_cypher(address, "DROP INDEX hartonomous_atom_hash")
    run_cypher(address, "CREATE CONSTRAINT of_somebody FOR (n:Atom) REQUIRE n.atomHash IS UNIQUE")
    try:
        with pytest.raises(GraphUnavailable, match=r"cutover\.md .*already exists"):
            graph.merge([Node(1, *A, {"atomHash": A[1]})], [])
    finally:
        run_cypher(address, "DROP CONSTRAINT of_somebody")
        run_cypher(address, "CREATE INDEX hartonomous_atom_hash FOR (n:Atom) ON (n.atomHash)")


# ---- times


MOMENT, LATER = "2026-11-23T09:44:16.123Z", "2026-11-23T10:00:00.000Z"


def test_times_are_datetimes_as_the_net_worker_wrote_them(graph: Neo4jGraph, address: Address) -> None:
    node = Node(0, *A, {"atomHash": A[1], "createdAt": MOMENT, "since": MOMENT})
    source = Node(0, *SOURCE, {"receivedAt": MOMENT, "since": MOMENT})
    answer = Node(0, "Inference", "42", {"startedAt": MOMENT, "since": MOMENT})
    graph.merge([node, source, answer], [Edge(0, A, "INGESTED_FROM", SOURCE, {"since": MOMENT})])

    asked = """MATCH (a:Atom)-[r:INGESTED_FROM]->(s:Source), (i:Inference)
        WHERE a.createdAt = datetime('2026-11-23T09:44:16.123Z') AND a.createdAt < datetime('2026-11-23T10:00:00Z')
        AND s.receivedAt = a.createdAt AND i.startedAt = a.createdAt AND r.since = a.since AND s.since = i.since
        RETURN duration.between(a.createdAt, datetime('2026-11-23T09:45:16.123Z')).seconds AS seconds"""
    assert run_cypher(address, asked) == [{"seconds": 60}]
    found = graph.lineage(0, *A, 2, 10)
    assert {
        name: value for n in found.nodes for name, value in n.properties.items() if name in ("createdAt", "receivedAt")
    } == {
        "createdAt": MOMENT,
        "receivedAt": MOMENT,
    }
    assert [edge.properties for edge in found.edges] == [{"since": MOMENT}]


@pytest.mark.parametrize("as_of", [None, MOMENT, LATER])
def test_what_the_net_worker_wrote_is_there_as_of_its_time(
    graph: Neo4jGraph, address: Address, as_of: str | None
) -> None:
    run_cypher(
        address,
        "CREATE (:Atom {tenantId: 0, key: $key, since: datetime('2026-11-23T09:44:16.123000Z')})",
        key=A[1],
    )

    assert len(graph.lineage(0, *A, 2, 10, as_of=as_of).nodes) == 1
    with pytest.raises(KeyError):
        graph.lineage(0, *A, 2, 10, as_of="2026-11-23T09:44:16.122Z")


TIMES = [MOMENT, "0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"]
OTHER_TEXTS = ["", "yesterday", "2026-11-23", "2026-11-23T09:44:16Z", "2026-11-23T09:44:16.123+01:00", "2026-02-30T00:00:00.000Z",
               "2026-11-23T09:44:16.123456Z", "2026-11-23T09:44:16.123"]  # fmt: skip


@pytest.mark.parametrize("text", [*TIMES, *OTHER_TEXTS])
def test_a_text_comes_back_as_it_was_given_time_or_not(graph: Neo4jGraph, address: Address, text: str) -> None:
    graph.merge([Node(0, *A, {"createdAt": text, "startedAt": text, "name": text})], [])

    [node] = graph.lineage(0, *A, 1, 1).nodes
    assert node.properties == {"createdAt": text, "name": text, "startedAt": text}
    [kept] = run_cypher(address, "MATCH (a:Atom) RETURN a.createdAt =~ '.*' AS isText, a.name =~ '.*' AS nameIsText")
    assert kept == {"isText": None if text in TIMES else True, "nameIsText": True}
