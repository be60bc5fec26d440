"""The provenance graph: merged and never doubled, each tenant alone, lineage both ways within limits."""

from itertools import pairwise

import pytest

from hartonomous_resources.graph.protocol import Digest, Graph, GraphUnavailable, Node
from tests.builders import HOUR
from tests.graph.parts import INFERENCE, MODEL, RUN, SOURCE, A, B, C, edge, names, nodes, triples


@pytest.fixture
def answered(graph: Graph) -> Graph:
    """An inference that used A and produced C; A and B came from one source, made by one run."""
    graph.merge(
        nodes(A, B, C, SOURCE, RUN, MODEL, INFERENCE),
        [
            edge(A, "INGESTED_FROM", SOURCE, firstOrdinal=0, count=2),
            edge(B, "INGESTED_FROM", SOURCE, firstOrdinal=1, count=1),
            edge(SOURCE, "GENERATED_BY", RUN),
            edge(INFERENCE, "USED_ATOM", A),
            edge(INFERENCE, "PRODUCED_ATOM", C),
            edge(INFERENCE, "USED_MODEL", MODEL),
        ],
    )
    return graph


def chain_of(graph: Graph, length: int) -> list[tuple[str, str]]:
    """Atoms each derived from the next; the last is the origin."""
    line = [("Atom", f"{n:064x}") for n in range(length)]
    graph.merge(nodes(*line), [edge(derived, "DERIVED_FROM", origin) for derived, origin in pairwise(line)])
    return line


def test_merging_the_same_again_changes_nothing(graph: Graph) -> None:
    for _ in range(3):
        graph.merge(nodes(A, SOURCE), [edge(A, "INGESTED_FROM", SOURCE, count=2)])

    assert graph.counts(0) == ({"Atom": 1, "Source": 1}, {"INGESTED_FROM": 1})


def test_the_same_node_and_edge_twice_in_one_batch_are_one(graph: Graph) -> None:
    graph.merge(nodes(A, SOURCE, A), [edge(A, "INGESTED_FROM", SOURCE)] * 2)

    assert graph.counts(0) == ({"Atom": 1, "Source": 1}, {"INGESTED_FROM": 1})


def test_merging_nothing_is_no_error(graph: Graph) -> None:
    graph.merge([], [])

    assert graph.counts(None) == ({}, {})


def test_properties_of_nodes_and_edges_are_those_of_the_last_merge(graph: Graph) -> None:
    graph.merge(nodes(A, SOURCE, name="old", old=True), [edge(A, "INGESTED_FROM", SOURCE, count=1)])
    graph.merge(nodes(A, SOURCE, name="new"), [edge(A, "INGESTED_FROM", SOURCE, count=2)])

    found = graph.lineage(0, *A, depth=1, limit=10)

    assert [dict(node.properties) for node in found.nodes] == [{"name": "new"}] * 2
    assert [dict(e.properties) for e in found.edges] == [{"count": 2}]


def test_properties_come_back_as_they_were_given(graph: Graph) -> None:
    given = {"text": 'ä€𝄞 "quoted"\n', "number": 2**53 - 1, "real": 0.25, "yes": True}

    graph.merge(nodes(A, **given), [])

    assert dict(graph.lineage(0, *A, depth=1, limit=1).nodes[0].properties) == given


@pytest.mark.parametrize("present", [[], [A], [SOURCE]], ids=["neither end", "only the start", "only the end"])
def test_an_edge_is_written_only_once_both_its_ends_are_there(graph: Graph, present: list[tuple[str, str]]) -> None:
    ingested = edge(A, "INGESTED_FROM", SOURCE)

    graph.merge(nodes(*present), [ingested])
    assert graph.counts(0)[1] == {}

    graph.merge(nodes(A, SOURCE), [ingested])
    assert graph.counts(0)[1] == {"INGESTED_FROM": 1}


def test_an_edge_does_not_end_at_another_tenants_node(graph: Graph) -> None:
    graph.merge(nodes(A, tenant=1) + nodes(SOURCE, tenant=2), [edge(A, "INGESTED_FROM", SOURCE, tenant=1)])

    assert graph.counts(None) == ({"Atom": 1, "Source": 1}, {})


def test_tenants_with_the_same_atoms_see_only_their_own(graph: Graph) -> None:
    for tenant, source in ((1, ("Source", "11")), (2, ("Source", "22"))):
        graph.merge(nodes(A, source, tenant=tenant), [edge(A, "INGESTED_FROM", source, tenant=tenant)])

    for tenant, source in ((1, ("Source", "11")), (2, ("Source", "22"))):
        found = graph.lineage(tenant, *A, depth=10, limit=100)
        assert names(found.nodes) == {A, source}
        assert {thing.tenant_id for thing in (*found.nodes, *found.edges)} == {tenant}


def test_counts_are_of_one_tenant_or_of_all(graph: Graph) -> None:
    graph.merge(
        nodes(A, B, SOURCE, tenant=1), [edge(A, "INGESTED_FROM", SOURCE, 1), edge(B, "INGESTED_FROM", SOURCE, 1)]
    )
    graph.merge(nodes(A, MODEL, tenant=2), [edge(A, "EMBEDDED_BY", MODEL, 2)])

    assert graph.counts(1) == ({"Atom": 2, "Source": 1}, {"INGESTED_FROM": 2})
    assert graph.counts(2) == ({"Atom": 1, "Model": 1}, {"EMBEDDED_BY": 1})
    assert graph.counts(3) == ({}, {})
    assert graph.counts(None) == ({"Atom": 3, "Source": 1, "Model": 1}, {"INGESTED_FROM": 2, "EMBEDDED_BY": 1})


def test_lineage_of_an_atom_goes_up_to_its_origin_and_down_to_what_used_it(answered: Graph) -> None:
    found = answered.lineage(0, *A, depth=10, limit=100)

    assert names(found.nodes) == {A, SOURCE, RUN, INFERENCE}
    assert triples(found.edges) == {
        (A, "INGESTED_FROM", SOURCE),
        (SOURCE, "GENERATED_BY", RUN),
        (INFERENCE, "USED_ATOM", A),
    }
    assert not found.truncated


def test_lineage_of_a_source_holds_the_atoms_and_what_used_them(answered: Graph) -> None:
    found = answered.lineage(0, *SOURCE, depth=10, limit=100)

    assert names(found.nodes) == {SOURCE, RUN, A, B, INFERENCE}


def test_edges_of_a_lineage_carry_their_properties(answered: Graph) -> None:
    found = answered.lineage(0, *B, depth=1, limit=100)

    assert [dict(e.properties) for e in found.edges] == [{"firstOrdinal": 1, "count": 1}]


@pytest.mark.parametrize(("depth", "reached"), [(0, 0), (1, 1), (3, 3)])
def test_lineage_goes_at_most_so_many_edges_up_and_so_many_down(graph: Graph, depth: int, reached: int) -> None:
    line = chain_of(graph, 11)

    found = graph.lineage(0, *line[5], depth=depth, limit=100)

    assert names(found.nodes) == set(line[5 - reached : 5 + reached + 1])
    assert len(found.edges) == 2 * reached


@pytest.mark.parametrize(("limit", "truncated"), [(1, True), (3, True), (4, False), (5, False)])
def test_lineage_holds_at_most_so_many_nodes_and_says_when_there_are_more(
    graph: Graph, limit: int, truncated: bool
) -> None:
    atoms = [("Atom", f"{n:064x}") for n in range(3)]
    graph.merge(nodes(SOURCE, *atoms), [edge(a, "INGESTED_FROM", SOURCE) for a in atoms])

    found = graph.lineage(0, *SOURCE, depth=5, limit=limit)

    assert len(found.nodes) == min(limit, 4)
    assert found.truncated == truncated
    assert {end for e in found.edges for end in (e.start, e.end)} <= names(found.nodes)


def test_an_edge_between_nodes_of_a_lineage_is_left_out_only_if_it_says_truncated(graph: Graph) -> None:
    kinds = ("USED_ATOM", "PRODUCED_ATOM", "DERIVED_FROM")
    graph.merge(nodes(INFERENCE, A), [edge(INFERENCE, kind, A) for kind in kinds])

    for limit in (2, 3, 10):
        found = graph.lineage(0, *A, depth=5, limit=limit)
        assert names(found.nodes) == {A, INFERENCE}
        assert found.truncated == (len(found.edges) < 3)
    assert not found.truncated


def test_lineage_through_a_circle_ends(graph: Graph) -> None:
    graph.merge(nodes(A, B, C), [edge(x, "DERIVED_FROM", y) for x, y in ((A, B), (B, C), (C, A))])

    found = graph.lineage(0, *A, depth=50, limit=100)

    assert names(found.nodes) == {A, B, C}
    assert len(triples(found.edges)) == len(found.edges) == 3


def test_lineage_is_the_same_in_the_same_order_whatever_came_first(answered: Graph) -> None:
    first = answered.lineage(0, *SOURCE, depth=10, limit=100)
    answered.merge(nodes(B, A, INFERENCE), [edge(B, "INGESTED_FROM", SOURCE, firstOrdinal=1, count=1)])

    again = answered.lineage(0, *SOURCE, depth=10, limit=100)

    assert (list(again.nodes), list(again.edges)) == (list(first.nodes), list(first.edges))


@pytest.mark.parametrize(
    ("tenant", "name"), [(0, ("Atom", "f" * 64)), (1, A), (0, ("Source", A[1]))], ids=["key", "tenant", "label"]
)
def test_lineage_of_an_unknown_node_is_a_key_error(answered: Graph, tenant: int, name: tuple[str, str]) -> None:
    with pytest.raises(KeyError):
        answered.lineage(tenant, *name, depth=1, limit=10)


def test_keys_are_walked_in_text_order_from_one_page_to_the_next(graph: Graph) -> None:
    graph.merge(nodes(*(("Run", key) for key in ("b", "a", "B", "10", "9", "ä"))) + nodes(A) + nodes(RUN, tenant=1), [])

    assert graph.keys(0, "Run", "", 4) == ["10", "9", "B", "a"]
    assert graph.keys(0, "Run", "a", 4) == ["b", "ä"]
    assert graph.keys(0, "Run", "ä", 4) == graph.keys(2, "Run", "", 4) == []


def test_digests_sum_up_an_hour_of_a_tenant(graph: Graph) -> None:
    other_hour = ("Source", "2")
    large = 2**32 - 1
    graph.merge(
        [
            *nodes(A, B, ingestHour=HOUR, digest=large),
            *nodes(C, ingestHour="2026-11-23-10:00", digest=5),
            *nodes(SOURCE, ingestHour=HOUR, digest=7),
            *nodes(other_hour, ingestHour="2026-11-23-10:00", digest=11),
            *nodes(MODEL, digest=13),
            *nodes(INFERENCE, ingestHour=HOUR, digest=41),
            *nodes(("Inference", "later"), ingestHour="2026-11-23-10:00", digest=43),
            *nodes(A, SOURCE, tenant=1, ingestHour=HOUR, digest=17),
        ],
        [
            edge(INFERENCE, "USED_ATOM", A, digest=large),
            edge(INFERENCE, "PRODUCED_ATOM", B, digest=large),
            edge(INFERENCE, "USED_MODEL", MODEL, digest=47),
            edge(("Inference", "later"), "USED_ATOM", A, digest=53),
            edge(A, "INGESTED_FROM", SOURCE, digest=large),
            edge(C, "INGESTED_FROM", SOURCE, digest=large),
            edge(A, "INGESTED_FROM", other_hour, digest=19),
            edge(A, "EMBEDDED_BY", MODEL, digest=23),
            edge(A, "INGESTED_FROM", SOURCE, tenant=1, digest=29),
        ],
    )

    assert graph.digests(0, HOUR) == {
        "atoms": Digest(2, 2 * large),
        "sources": Digest(1, 7),
        "edges": Digest(2, 2 * large),
        "inferences": Digest(1, 41),
        "uses": Digest(2, 2 * large),
    }
    of_other = {"atoms": Digest(1, 17), "sources": Digest(1, 17), "edges": Digest(1, 29)}
    assert graph.digests(1, HOUR) == of_other | dict.fromkeys(("inferences", "uses"), Digest(0, 0))


def test_digests_of_an_hour_without_anything_are_nothing(answered: Graph) -> None:
    assert answered.digests(0, HOUR) == dict.fromkeys(("atoms", "sources", "edges", "inferences", "uses"), Digest(0, 0))


def test_a_deleted_node_goes_with_its_edges_and_leaves_the_others(answered: Graph) -> None:
    answered.delete(nodes(SOURCE))

    remaining, edges = answered.counts(0)
    assert remaining == {"Atom": 3, "Run": 1, "Model": 1, "Inference": 1}
    assert edges == {"USED_ATOM": 1, "PRODUCED_ATOM": 1, "USED_MODEL": 1}


def test_deleting_what_is_not_there_or_is_another_tenants_changes_nothing(answered: Graph) -> None:
    before = answered.counts(None)

    answered.delete(nodes(("Atom", "f" * 64)) + nodes(A, tenant=1))

    assert answered.counts(None) == before


def test_a_batch_that_fails_leaves_nothing_behind(graph: Graph) -> None:
    unwritable = Node(0, "Atom", "d" * 64, {"bad": object()})

    with pytest.raises(TypeError):
        graph.merge([*nodes(A), unwritable], [])

    assert graph.counts(0) == ({}, {})


def test_a_graph_belongs_to_the_first_database_that_claims_it(graph: Graph) -> None:
    graph.claim("2026-11-23T09:44:16.123Z")
    graph.claim("2026-11-23T09:44:16.123Z")

    with pytest.raises(GraphUnavailable, match=r"belongs to .* made at 2026-11-23T09:44:16\.123Z; give each its own"):
        graph.claim("2026-11-24T00:00:00.000Z")
