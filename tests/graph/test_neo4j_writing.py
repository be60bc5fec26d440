"""Changes of the graph in a real Neo4j: what is written, replaced and removed, by numbers, and what the graph then says it holds."""

from collections.abc import Iterator
from typing import Any

import pytest

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS, WITHOUT_HOUR
from hartonomous_resources.graph.materialized import Gone, GraphChange, Replaced
from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
from hartonomous_resources.graph.protocol import Digest
from tests.graph.changes import EMBEDDED, GENERATED, HOUR, INGESTED, MOMENT, edge, node
from tests.tools.neo4j.server import Address, open_empty_graph, run_cypher

OTHER_HOUR = "2026-11-23-10:00"


@pytest.fixture
def graph(address: Address) -> Iterator[Neo4jGraph]:
    """An empty graph on the server."""
    graph = open_empty_graph()
    yield graph
    graph.close()


def edges_of(address: Address) -> list[tuple[int, str, int]]:
    """All relationships, by the numbers of their ends."""
    found = run_cypher(address, "MATCH (a)-[r]->(b) RETURN a.number AS a, type(r) AS type, b.number AS b")
    return sorted((row["a"], row["type"], row["b"]) for row in found)


def held(address: Address) -> list[Any]:
    """All that the graph holds, in no special order."""
    nodes = run_cypher(address, "MATCH (n) WHERE n.tenantId IS NOT NULL RETURN labels(n) AS l, properties(n) AS p")
    edges = run_cypher(
        address,
        "MATCH (a)-[r]->(b) RETURN a.tenantId AS t, a.number AS a, type(r) AS y, properties(r) AS p, b.number AS b",
    )
    return sorted(str(sorted(row.items())) for row in [*nodes, *edges])


ATOMS = [node("Atom", 1), node("Atom", 2)]
HUBS = [node("Source", 7), node("Source", 8), node("Run", 3), node("Model", 4), node("Model", 5)]


# ---- written


def test_a_node_has_its_tenant_number_and_key_and_what_is_none_is_left_out(graph: Neo4jGraph, address: Address) -> None:
    graph.write(GraphChange([node("Atom", 1, tenant=6, subtype="sentence", contentType=None, createdAt=MOMENT)]))

    [row] = run_cypher(
        address,
        "MATCH (a:Atom) RETURN a{.*, createdAt: a.createdAt = datetime('2026-11-23T09:44:16.123Z')} AS held",
    )
    assert row["held"] == {
        "tenantId": 6,
        "number": 1,
        "key": "Atom-1",
        "ingestHour": HOUR,
        "digest": 1,
        "subtype": "sentence",
        "createdAt": True,
    }


def test_what_is_written_again_is_as_the_rows_are_now_and_twice_is_as_once(graph: Neo4jGraph, address: Address) -> None:
    graph.write(GraphChange([node("Atom", 1, subtype="word"), *HUBS], [edge(INGESTED, 1, 7, count=1)]))
    changed = GraphChange(ATOMS, [edge(INGESTED, 1, 7, firstOrdinal=2), edge(INGESTED, 2, 7)])
    graph.write(changed)
    once = held(address)
    graph.write(changed)

    assert held(address) == once
    assert run_cypher(
        address,
        "MATCH (a:Atom {number: 1})-[r]->() RETURN a.subtype AS subtype, r.count AS count, r.firstOrdinal AS o",
    ) == [{"subtype": None, "count": None, "o": 2}]


def test_what_a_change_gives_twice_is_there_once_as_it_was_given_last(graph: Neo4jGraph, address: Address) -> None:
    nodes = [node("Atom", 1, subtype="word"), *HUBS, node("Atom", 1, subtype="sentence")]
    graph.write(GraphChange(nodes, [edge(INGESTED, 1, 7, count=1), edge(INGESTED, 1, 7, count=2)]))

    found = run_cypher(address, "MATCH (a:Atom)-[r]->() RETURN a.subtype AS subtype, r.count AS count")
    assert found == [{"subtype": "sentence", "count": 2}]


def test_an_edge_whose_end_is_missing_is_written_by_the_change_that_brings_it(
    graph: Neo4jGraph, address: Address
) -> None:
    graph.write(GraphChange(ATOMS, [edge(INGESTED, 1, 7)]))
    assert edges_of(address) == []

    graph.write(GraphChange(HUBS, [edge(INGESTED, 1, 7)]))
    assert edges_of(address) == [(1, "INGESTED_FROM", 7)]


def test_two_tenants_with_equal_numbers_have_nothing_to_do_with_each_other(graph: Neo4jGraph, address: Address) -> None:
    for tenant in (0, 1):
        nodes = [node("Atom", 1, tenant), node("Source", 7, tenant)]
        graph.write(GraphChange(nodes, [edge(INGESTED, 1, 7, tenant)]))
    other = {"GraphAtom": Digest(1, 1), "GraphSource": Digest(1, 7), INGESTED.name: Digest(1, 107)}
    crossing = run_cypher(address, "MATCH (a)-[]->(b) WHERE a.tenantId <> b.tenantId RETURN count(*) AS n")
    assert crossing == [{"n": 0}]

    graph.write(GraphChange(replaced=[Replaced(0, INGESTED, [1])]))
    assert graph.digests(1, HOUR) == other
    assert graph.digests(0, HOUR) == {"GraphAtom": Digest(1, 1), "GraphSource": Digest(1, 7)}

    graph.write(GraphChange(gone=[Gone(0, "Atom", [1]), Gone(0, "Source", [7])]))
    assert graph.digests(1, HOUR) == other
    assert graph.digests(0, HOUR) == {}
    assert graph.numbers(0, "Atom", 0, 9) == graph.starts(0, INGESTED, 7, 0, 9) == []
    assert graph.numbers(1, "Atom", 0, 9) == graph.starts(1, INGESTED, 7, 0, 9) == [1]


# ---- replaced and gone


def joined(graph: Neo4jGraph) -> None:
    """Two atoms in two sources, made by a run and embedded by two models."""
    edges = [edge(view, atom, end) for atom in (1, 2) for view, ends in ENDS.items() for end in ends]
    graph.write(GraphChange([*ATOMS, *HUBS], edges))


ENDS = {INGESTED: (7, 8), GENERATED: (3,), EMBEDDED: (4, 5)}


def test_edges_that_a_view_no_longer_has_go_and_no_others(graph: Neo4jGraph, address: Address) -> None:
    joined(graph)
    before = edges_of(address)

    graph.write(GraphChange(edges=[edge(EMBEDDED, 1, 5)], replaced=[Replaced(0, EMBEDDED, [1])]))

    assert edges_of(address) == [each for each in before if each != (1, "EMBEDDED_BY", 4)]


def test_edges_to_given_ends_are_replaced_and_those_to_others_stay(graph: Neo4jGraph, address: Address) -> None:
    joined(graph)
    before = edges_of(address)

    graph.write(GraphChange(edges=[edge(INGESTED, 2, 7)], replaced=[Replaced(0, INGESTED, [1, 2], [7])]))

    assert edges_of(address) == [each for each in before if each != (1, "INGESTED_FROM", 7)]


def test_what_others_wrote_stays_where_edges_are_replaced(graph: Neo4jGraph, address: Address) -> None:
    joined(graph)
    run_cypher(address, "MATCH (a:Atom {number: 1}) CREATE (a)-[:EMBEDDED_BY]->(:Model), (a)-[:LIKES]->(:Model)")

    graph.write(GraphChange(replaced=[Replaced(0, EMBEDDED, [1, 2])]))

    kinds = "MATCH (:Atom)-[r]->(m:Model) RETURN type(r) AS type, m.number AS number ORDER BY type"
    assert run_cypher(address, kinds) == [{"type": kind, "number": None} for kind in ("EMBEDDED_BY", "LIKES")]


def test_nodes_that_the_views_no_longer_have_go_with_their_edges(graph: Neo4jGraph, address: Address) -> None:
    joined(graph)
    gone = GraphChange(gone=[Gone(0, "Atom", [1, 99]), Gone(0, "Source", [8])])

    for _ in range(2):
        graph.write(gone)
        kept = [(2, "EMBEDDED_BY", 4), (2, "EMBEDDED_BY", 5), (2, "GENERATED_BY", 3), (2, "INGESTED_FROM", 7)]
        assert edges_of(address) == kept
        assert graph.counts(None)[0] == {"Atom": 1, "Source": 1, "Run": 1, "Model": 2}


def test_more_rows_than_a_statement_takes_are_written_replaced_and_removed(graph: Neo4jGraph) -> None:
    n = 20_001
    atoms = [node("Atom", number) for number in range(n)]
    edges = [edge(view, number, end) for number in range(n) for view, end in ((INGESTED, 7), (EMBEDDED, 4))]
    graph.write(GraphChange([*atoms, *HUBS], edges))
    assert graph.counts(0)[1] == {"INGESTED_FROM": n, "EMBEDDED_BY": n}
    assert graph.starts(0, INGESTED, 7, 10_000, n) == list(range(10_001, n))

    kept = [edge(view, number, end) for number in range(3) for view, end in ((INGESTED, 7), (EMBEDDED, 4))]
    graph.write(
        GraphChange(edges=kept, replaced=[Replaced(0, INGESTED, range(n), [7]), Replaced(0, EMBEDDED, range(n))])
    )
    assert graph.counts(0)[1] == {"INGESTED_FROM": 3, "EMBEDDED_BY": 3}

    graph.write(GraphChange(gone=[Gone(0, "Atom", range(1, n))]))
    assert graph.counts(0) == ({"Atom": 1, "Source": 2, "Run": 1, "Model": 2}, {"INGESTED_FROM": 1, "EMBEDDED_BY": 1})


# ---- what the graph holds


def test_every_view_is_digested_by_its_name_with_the_hour_or_with_the_tenant(graph: Neo4jGraph) -> None:
    """Edges have the hour of their start; only INGESTED_FROM has that of its source, which may be another."""
    early = [node(label, 1) for label in LABELS]
    late = [node(label, 2, ingestHour=OTHER_HOUR) for label in LABELS if label not in WITHOUT_HOUR]
    edges = [edge(view, 1, 1) for view in EDGE_VIEWS]
    between = [edge(view, 1, 2) for view in EDGE_VIEWS if view.end not in WITHOUT_HOUR]
    graph.write(GraphChange([*early, *late], [*edges, *between]))

    hours = {NODE_VIEWS[label] for label in LABELS if label not in WITHOUT_HOUR}
    with_both = {view.name for view in EDGE_VIEWS if view.end not in WITHOUT_HOUR and view != INGESTED}
    once = {view.name for view in EDGE_VIEWS} - with_both
    expected = dict.fromkeys(hours, Digest(1, 1)) | dict.fromkeys(once, Digest(1, 101))
    assert graph.digests(0, HOUR) == expected | dict.fromkeys(with_both, Digest(2, 203))
    assert graph.digests(0, OTHER_HOUR) == dict.fromkeys(hours, Digest(1, 2)) | {INGESTED.name: Digest(1, 102)}
    assert graph.digests(0, None) == {NODE_VIEWS[label]: Digest(1, 1) for label in WITHOUT_HOUR}
    assert graph.digests(1, HOUR) == graph.digests(1, None) == {}


def test_what_others_wrote_is_in_no_digest(graph: Neo4jGraph, address: Address) -> None:
    joined(graph)
    before = graph.digests(0, HOUR)
    run_cypher(
        address,
        "MATCH (s:Source {number: 7}), (m:Model {number: 4}), (a:Atom {number: 1}) CREATE (a)-[:EMBEDDED_BY]->(m), "
        "(:Atom {atomHash: 'x'})-[:INGESTED_FROM]->(s), (:Atom {tenantId: 0, ingestHour: $hour})-[:EMBEDDED_BY]->(m)",
        hour=HOUR,
    )

    assert graph.digests(0, HOUR) == before


def test_numbers_are_walked_in_their_order(graph: Neo4jGraph) -> None:
    graph.write(GraphChange([node("Atom", number) for number in (100, 9, 2**40, 10, -1)]))

    assert graph.numbers(0, "Atom", -(2**63), 3) == [-1, 9, 10]
    assert graph.numbers(0, "Atom", 10, 3) == [100, 2**40]
    assert graph.numbers(0, "Source", 0, 3) == []


def test_atoms_are_found_by_their_hashes_in_their_tenant(graph: Neo4jGraph, address: Address) -> None:
    atoms = [node("Atom", number, tenant, atomHash=name) for tenant in (0, 1) for number, name in HASHES.items()]
    graph.write(GraphChange(atoms))
    graph.write(GraphChange(gone=[Gone(0, "Atom", [3])]))
    run_cypher(address, "CREATE (:Atom {tenantId: 0, atomHash: 'aa'})")

    assert graph.atoms_by_hash(0, ["cc", "aa", "bb", "dd"]) == [1, 2]
    assert graph.atoms_by_hash(0, []) == []


HASHES = {2: "aa", 1: "bb", 3: "cc"}
