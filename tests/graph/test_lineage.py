"""What lineage answers: the same from the views and from a copy of them, in the same order; each tenant's alone."""

import pytest

from hartonomous_resources.graph.protocol import Direction, Graph, NodeId
from tests.graph.asked import EVERYTHING, TENANT, Answered, Asked, chain_of
from tests.graph.parts import ids, triples
from tests.graph.tables import NOON, ONE, TWO, Tables

# ---- what is there


def test_nodes_and_edges_say_what_their_views_say(asked: Asked) -> None:
    tables = asked.tables
    held = tables.atom("held")
    source = tables.source(tables.atom(), held, held, uri="file:///ä𝄞", at=ONE)
    tables.embedded("small", held, at=TWO)

    found = asked.graph().lineage(0, held, 1, 10)

    assert ids(found.nodes) == [held, tables.named("Model", "small"), source]
    atom, model, of_source = (dict(node.properties) for node in found.nodes)
    digest = atom.pop("digest")
    assert isinstance(digest, int) and atom == {
        "atomHash": found.nodes[0].key,
        "atomId": held[1],
        "contentType": "text/sentence",
        "createdAt": NOON,
        "ingestHour": "2026-11-23-09:00",
        "modality": "text",
        "since": NOON,
        "subtype": "sentence",
        "tenantId": 0,
    }
    assert list(atom) == sorted(atom)
    assert (model["name"], model["kind"], model["dimension"]) == ("small", "embedding", 1)
    assert {"projectionModelId", "since", "ingestHour"}.isdisjoint(model)  # NULL in the view
    assert (of_source["sourceUri"], of_source["since"]) == ("file:///ä𝄞", ONE)
    assert {"supersededBy", "number", "key"}.isdisjoint(of_source)
    embedded, ingested = (dict(edge.properties) for edge in found.edges)
    assert embedded.pop("digest") and embedded == {"ingestHour": "2026-11-23-09:00", "since": TWO}
    assert ingested.pop("digest")
    assert ingested == {"count": 2, "firstOrdinal": 1, "ingestHour": "2026-11-23-09:00", "since": ONE}


def test_what_is_not_announced_is_not_there(asked: Asked) -> None:
    tables = asked.tables
    shared, gap, unfinished = tables.atom(), tables.atom(gap=True), tables.atom()
    source = tables.source(shared, gap)
    half_written = tables.source(shared, unfinished, status="Atomizing")
    graph = asked.graph()

    assert ids(graph.lineage(0, source, 9, EVERYTHING).nodes) == [source, shared, TENANT]
    assert graph.impact(0, source, 9).only_here == 1
    for absent in (half_written, unfinished, gap):
        with pytest.raises(KeyError) as error:
            graph.lineage(0, absent, 1, 1)
        assert error.value.args == (absent,)


def test_an_edge_without_an_end_is_not_there(asked: Asked) -> None:
    """Which the invariant edges_have_ends refuses: a source cannot hold an atom of another tenant."""
    strange = Tables(asked.client, 1).atom(by_hand=True)
    own = asked.tables.atom()
    source = asked.tables.source(own, strange)

    found = asked.graph(0, 1).lineage(0, source, 9, EVERYTHING)

    assert ids(found.nodes) == [source, own, TENANT]
    assert sorted(e.type for e in found.edges) == ["BELONGS_TO", "INGESTED_FROM"]


def test_counts_are_of_one_tenant_or_of_all(asked: Asked) -> None:
    for tenant in (1, 2):
        tables = Tables(asked.client, tenant)
        tables.source(*tables.atoms(tenant), runs=["run"])
    graph = asked.graph(1, 2)

    of_one = ({"Atom": 1, "Source": 1, "Run": 1, "Tenant": 1}, {"INGESTED_FROM": 1, "GENERATED_BY": 2, "BELONGS_TO": 1})
    of_two = ({"Atom": 2, "Source": 1, "Run": 1, "Tenant": 1}, {"INGESTED_FROM": 2, "GENERATED_BY": 3, "BELONGS_TO": 1})
    assert (graph.counts(1), graph.counts(2), graph.counts(3)) == (of_one, of_two, ({}, {}))
    nodes, edges = graph.counts(None)
    assert nodes == {"Atom": 3, "Source": 2, "Run": 2, "Tenant": 2}
    assert edges == {"INGESTED_FROM": 3, "GENERATED_BY": 5, "BELONGS_TO": 2}


# ---- directions and order


@pytest.mark.parametrize("direction", ["upstream", "downstream", "both"])
def test_nodes_come_by_distance_then_label_then_number(answered: Answered, direction: Direction) -> None:
    expected = {
        "upstream": [answered.a, answered.run, answered.source, answered.other, TENANT],
        "downstream": [answered.a, answered.inference, answered.c],
        "both": [answered.a, answered.inference, answered.run, answered.source, answered.other, answered.c, TENANT],
    }

    found = answered.graph.lineage(0, answered.a, 10, EVERYTHING, direction=direction)

    assert ids(found.nodes) == expected[direction]
    assert found.next is None


def test_upstream_of_an_answer_are_the_sources_behind_it(answered: Answered) -> None:
    a = answered

    found = a.graph.lineage(0, a.c, 10, EVERYTHING, direction="upstream")

    assert ids(found.nodes) == [a.c, a.inference, a.a, a.b, a.model, a.run, a.source, a.other, TENANT]
    assert triples(found.edges) == a.edges(
        (a.c, "GENERATED_BY", a.inference),
        (a.inference, "PRODUCED_ATOM", a.c),
        (a.inference, "USED_ATOM", a.a),
        (a.inference, "USED_ATOM", a.b),
        (a.inference, "USED_MODEL", a.model),
        *((atom, "GENERATED_BY", a.run) for atom in (a.a, a.b)),
        *((atom, "INGESTED_FROM", a.source) for atom in (a.a, a.b)),
        (a.a, "INGESTED_FROM", a.other),
        (a.source, "GENERATED_BY", a.run),
        *((source, "BELONGS_TO", TENANT) for source in (a.source, a.other)),
    )


def test_numbers_are_in_the_order_of_numbers(asked: Asked) -> None:
    """And not of their texts, in which 10 comes before 9."""
    atoms = asked.tables.atoms(12)
    source = asked.tables.source(*atoms)

    found = asked.graph().lineage(0, source, 1, EVERYTHING, direction="downstream")

    assert ids(found.nodes)[1:] == atoms == sorted(atoms)


def test_a_node_reached_both_ways_counts_with_the_nearer(asked: Asked) -> None:
    one, two, three = (asked.tables.atom(by_hand=True) for _ in range(3))
    source = asked.tables.source()
    for derived, origin in ((two, three), (three, one), (one, two)):
        asked.tables.derived(source, derived, origin)

    found = asked.graph().lineage(0, two, 1, EVERYTHING)

    assert ids(found.nodes) == [two, one, three]
    assert len(triples(found.edges)) == len(found.edges) == 3


def test_upstream_is_not_followed_down_again(answered: Answered) -> None:
    found = answered.graph.lineage(0, answered.a, 10, EVERYTHING, direction="upstream")

    assert answered.b not in ids(found.nodes)


@pytest.mark.parametrize(("depth", "reached"), [(0, 0), (1, 1), (3, 3)])
def test_lineage_goes_at_most_so_many_edges_up_and_so_many_down(asked: Asked, depth: int, reached: int) -> None:
    line = chain_of(asked.tables, 11)

    found = asked.graph().lineage(0, line[5], depth, EVERYTHING)

    assert sorted(ids(found.nodes)) == line[5 - reached : 5 + reached + 1]
    assert len(found.edges) == 2 * reached


# ---- tenants, and what is not there


def test_tenants_with_the_same_content_are_never_linked(asked: Asked) -> None:
    made = {}
    for tenant in (1, 2):
        tables = Tables(asked.client, tenant)
        atom = tables.atom("the same")
        made[tenant] = (tables.source(atom, runs=["run"], uri="file:///same"), atom)
    answer = Tables(asked.client, 2).inference([made[2][1]])
    graph = asked.graph(1, 2)

    for tenant, (source, atom) in made.items():
        found = graph.lineage(tenant, ("Tenant", tenant), 10, EVERYTHING)
        assert ids(found.nodes) == [("Tenant", tenant), source, atom, *([answer] if tenant == 2 else [])]
        assert {thing.tenant_id for thing in (*found.nodes, *found.edges)} == {tenant}
        of_run = graph.lineage(tenant, asked.tables.named("Run", "run"), 10, EVERYTHING, direction="downstream")
        assert set(ids(of_run.nodes)[1:]) <= {source, atom, answer}
    assert [dict(graph.impact(tenant, made[tenant][0], 10).counts) for tenant in (1, 2)] == [
        {"Atom": 1},
        {"Atom": 1, "Inference": 1},
    ]
    with pytest.raises(KeyError):
        graph.path(1, made[1][0], answer, 10)


@pytest.mark.parametrize(
    ("tenant", "node"), [(0, ("Atom", 999)), (1, None), (0, ("Source", 999))], ids=["number", "tenant", "label"]
)
def test_an_unknown_node_is_a_key_error(answered: Answered, tenant: int, node: NodeId | None) -> None:
    graph, unknown = answered.graph, node or answered.a
    with pytest.raises(KeyError):
        graph.lineage(tenant, unknown, 1, 10)
    with pytest.raises(KeyError):
        graph.impact(tenant, unknown, 10)
    for start, end in ((unknown, answered.a), (answered.a, unknown)):
        with pytest.raises(KeyError):
            graph.path(tenant, start, end, 10)


def test_a_graph_in_which_nothing_is_answers(asked: Asked) -> None:
    graph: Graph = asked.graph()

    assert graph.counts(None) == graph.counts(0) == ({}, {})
