"""What is Neo4j's own: Cypher text and its plans, properties that it cannot hold, its schema, and others' data beside ours."""

import logging
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_any
from hypothesis import strategies as st

from hartonomous_core.clock import time_text
from hartonomous_core.vocabulary import EDGE_TYPES, LABELS
from hartonomous_resources.database.graph_views import EDGE_VIEWS, EdgeView, row_properties
from hartonomous_resources.database.migrations import read_migrations
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.graph import neo4j_migrations
from hartonomous_resources.graph.materialized import Gone, GraphChange, Replaced
from hartonomous_resources.graph.neo4j_digests import digest_statements
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.neo4j_statements import statement
from hartonomous_resources.graph.neo4j_values import from_neo4j
from hartonomous_resources.graph.neo4j_writing import OF_EACH_EDGE, OF_MANY_EDGES, statements_of_change
from hartonomous_resources.graph.protocol import GraphUnavailable, Node
from hartonomous_resources.project_files import project_file
from hartonomous_resources.settings import Settings
from tests.backends import rows
from tests.graph.changes import EMBEDDED, INGESTED, MOMENT, USED, edge, node
from tests.graph.tables import Tables, copy_of_views
from tests.tools.neo4j.server import Address, open_empty_graph, required, run_cypher, shared_address

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
    """Each named statement with each label and type, and each view of edges, that it is asked with."""
    of_digests = {"node_digest", "node_digest_of_hour", "edge_digest_by_start", "edge_digest_by_end"}
    for name, text in load_statements(NEO4J / "statements").items():
        if name in of_digests:
            continue  # each is asked about some views only: below
        if "__START__" in text:
            named = [{"start": view.start, "type": view.type, "end": view.end} for view in EDGE_VIEWS]
        elif "__LABEL__" in text:
            named = [{"label": label} for label in LABELS]
        else:
            named = [{"type": kind} for kind in EDGE_TYPES] if "__TYPE__" in text else [{}]
        yield from ((name, statement(name, **names)) for names in named)
    for of_hour in (True, False):
        yield from digest_statements(of_hour=of_hour).items()


def test_no_place_for_a_name_is_left_open_in_any_statement() -> None:
    texts = [text for _, text in every_statement()]

    assert len(texts) > 4 * len(EDGE_VIEWS) + 4 * len(LABELS)
    assert [text for text in texts if "__" in text] == []


@pytest.mark.parametrize("name", ["", "Nobody", "Atom) DETACH DELETE n //", "Atom`", "INGESTED_FROM"])
def test_a_label_that_is_none_of_ours_never_gets_into_a_statement(name: str) -> None:
    with pytest.raises(ValueError, match="the graph has no label"):
        statement("write_nodes", label=name)
    with pytest.raises(ValueError, match="the graph has no"):
        statement("write_edges", start="Atom", type=name if name != "INGESTED_FROM" else "Atom", end="Source")


# A value for every parameter that a statement may ask for.
LISTS = (
    "rows",
    "times",
    "shared",
    "hashes",
    "labels",
    "upstream",
    "downstream",
    "page",
    "found",
    "frontier",
    "nodes",
    "among",
)
TEXTS = ("hour", "id", "a", "b", "name", "sha256", "applied_at", "owner")
NUMBERS = ("tenant_id", "number", "end", "n", "version", "seconds")
PARAMETERS: dict[str, object] = {
    **{name: [] for name in LISTS},
    **dict.fromkeys(TEXTS, ""),
    **dict.fromkeys(NUMBERS, 1),
    **dict.fromkeys(("as_of", "after", "until")),
}


@pytest.mark.parametrize("size", [0, 2, 3000])
def test_no_statement_scans_a_label_or_holds_all_its_rows(graph: Neo4jGraph, address: Address, size: int) -> None:
    """However few nodes there are when its plan is made, which is kept."""
    atoms = [node("Atom", n, key=f"{n:064x}") for n in range(size)]
    hubs = [node("Source", 1), node("Source", 2), node("Model", 1)]
    edges = [edge(view, atom.number, 1) for atom in atoms for view in (INGESTED, EMBEDDED)]
    graph.write(GraphChange([*atoms, *hubs] if size else [], edges))
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
            slow = SLOW | {"Expand(All)"} if name in ("write_edges", "remove_edges") else SLOW  # both ends are given
            if bad := operators & slow - EXPECTED.get(name, set()):
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

NAMES = st.from_regex(r"[a-z][A-Za-z]{0,20}", fullmatch=True) | st.sampled_from(["createdAt", "startedAt"])
VALUES = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text() | st.datetimes(timezones=st.just(UTC)).map(time_text)


@for_any(st.dictionaries(NAMES, VALUES))
def test_properties_come_back_from_what_is_sent_but_those_that_are_none(properties: dict[str, Any]) -> None:
    [(_, sent)] = statements_of_change(GraphChange([Node(7, "Atom", 1, "one", properties)]))
    [(_, _, others, place)] = sent["rows"]
    held: dict[str, Any] = {**others, **sent["times"][place]}

    expected = {name: value for name, value in properties.items() if value is not None}
    assert from_neo4j({name: as_held(value) for name, value in held.items()}) == {
        **expected,
        "tenantId": 7,
        "number": 1,
        "key": "one",
    }
    assert None not in held.values()
    assert not any(isinstance(value, datetime) for value in others.values())


def test_an_edge_is_written_with_every_column_that_a_view_of_edges_has(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    with closing(sqlite3.connect(tmp_path / "hartonomous.db")) as client:
        of_views = [rows(client, "SELECT name FROM pragma_table_info(?)", view.name) for view in EDGE_VIEWS]
    database.close()

    columns = {name for of_view in of_views for name in row_properties({row["name"]: 0 for row in of_view})}
    assert columns == {*OF_MANY_EDGES, *OF_EACH_EDGE}
    text = statement("write_edges", start="Atom", type="GENERATED_BY", end="Run")
    assert re.findall(r"[$]shared.edge.1...(\w+)", text) == [*OF_MANY_EDGES] * 2
    assert (
        re.findall(r"(?!number)\b(\w+): edge\[(\d)", text)
        == [(name, str(at)) for at, name in enumerate(OF_EACH_EDGE, 2)] * 2
    )


def as_held(value: object) -> object:
    from neo4j.time import DateTime

    return DateTime.from_native(value) if isinstance(value, datetime) else value


HOSTILE = [
    "'}) DETACH DELETE n //",
    '"}) MATCH (m) DETACH DELETE m //',
    "`) DETACH DELETE n //",
    "$rows",
    "\\u0027}) DETACH DELETE n //",
    "'; MATCH (n) DETACH DELETE n; //",
    "x\0y",
    "\uffff and 𝄞",
    "long" * 10_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_that_would_be_cypher_is_text(graph: Neo4jGraph, text: str) -> None:
    graph.write(GraphChange([node("Atom", 1), node("Source", 7)], [edge(INGESTED, 1, 7, since=None)]))
    answer = Node(0, "Inference", 5, text, {"model": text, "task": text})
    graph.write(GraphChange([answer], [edge(USED, 5, 1, since=None, runId=text)]))

    found = graph.lineage(0, ("Inference", 5), depth=3, limit=10, as_of=text)
    assert [(node.label, node.key) for node in found.nodes] == [("Inference", text), *KEYS]
    assert found.nodes[0].properties == {"tenantId": 0, "model": text, "task": text}
    assert [edge.properties.get("runId") for edge in found.edges] == [None, text]
    assert len(graph.path(0, ("Inference", 5), ("Source", 7), 3, as_of=text).nodes) == 3
    assert graph.digests(0, text) == {}
    assert graph.atoms_by_hash(0, [text]) == []
    assert graph.counts(0) == ({"Atom": 1, "Source": 1, "Inference": 1}, {"INGESTED_FROM": 1, "USED_ATOM": 1})


KEYS = [("Atom", "Atom-1"), ("Source", "Source-7")]


@pytest.mark.parametrize("name", ["Atom) DETACH DELETE n //", "Atom:Source", ""])
def test_names_that_are_none_of_ours_are_refused_before_anything_is_written(graph: Neo4jGraph, name: Any) -> None:
    kept = node("Atom", 1)
    for change in (
        GraphChange([kept, node(name, 1)]),
        GraphChange([kept], [edge(EdgeView("Atom", name, "Source"), 1, 7)]),
        GraphChange([kept], [edge(EdgeView("Atom", "INGESTED_FROM", name), 1, 7)]),
        GraphChange([kept], replaced=[Replaced(0, EdgeView(name, "INGESTED_FROM", "Source"), [1])]),
        GraphChange([kept], gone=[Gone(0, name, [1])]),
    ):
        with pytest.raises(ValueError, match="the graph has no"):
            graph.write(change)
    with pytest.raises(ValueError, match="the graph has no label"):
        graph.numbers(0, name, 0, 1)
    assert graph.counts(0) == ({}, {})


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
