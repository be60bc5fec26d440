"""What lineage, path and impact answer: the same on every backend, in the same order, page by page and as of a time."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from hartonomous_resources.graph.protocol import Direction, Graph, Subgraph
from tests.graph.parts import INFERENCE, MODEL, RUN, SOURCE, A, B, C, Name, edge, names, nodes, ordered, triples

OTHER_SOURCE, TENANT = ("Source", "2"), ("Tenant", "0")
NOON, ONE, TWO = "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z", "2026-11-23T14:00:00.000Z"
EVERYTHING = 10_000


@pytest.fixture
def answered(graph: Graph) -> Graph:
    """C was answered out of A and B by a model; A came from two sources, B from one of them; a run made it all but the answer."""
    graph.merge(
        nodes(A, B, C, SOURCE, OTHER_SOURCE, RUN, MODEL, INFERENCE),
        [
            edge(A, "INGESTED_FROM", SOURCE),
            edge(A, "INGESTED_FROM", OTHER_SOURCE),
            edge(B, "INGESTED_FROM", SOURCE),
            edge(A, "GENERATED_BY", RUN),
            edge(SOURCE, "GENERATED_BY", RUN),
            edge(INFERENCE, "USED_ATOM", A),
            edge(INFERENCE, "USED_ATOM", B),
            edge(INFERENCE, "USED_MODEL", MODEL),
            edge(C, "GENERATED_BY", INFERENCE),
        ],
    )
    return graph


@pytest.fixture
def star(graph: Graph) -> list[Name]:
    """Twelve atoms of one source, in order; each was used by an answer of its own."""
    atoms = [("Atom", f"{n:064x}") for n in range(12)]
    answers = [("Inference", f"answer-{n:02}") for n in range(12)]
    graph.merge(
        nodes(SOURCE, *reversed(atoms), *answers),
        [edge(atom, "INGESTED_FROM", SOURCE) for atom in atoms]
        + [edge(answer, "USED_ATOM", atom) for answer, atom in zip(answers, reversed(atoms), strict=True)],
    )
    return [SOURCE, *atoms, *answers]


# ---- directions and order


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("upstream", [A, RUN, SOURCE, OTHER_SOURCE]),
        ("downstream", [A, INFERENCE, C]),
        ("both", [A, INFERENCE, RUN, SOURCE, OTHER_SOURCE, C]),
    ],
)
def test_nodes_come_by_distance_then_label_then_key(
    answered: Graph, direction: Direction, expected: list[Name]
) -> None:
    found = answered.lineage(0, *A, 10, EVERYTHING, direction=direction)

    assert ordered(found.nodes) == expected
    assert not found.truncated


def test_upstream_of_an_answer_are_the_sources_behind_it(answered: Graph) -> None:
    found = answered.lineage(0, *C, 10, EVERYTHING, direction="upstream")

    assert ordered(found.nodes) == [C, INFERENCE, A, B, MODEL, RUN, SOURCE, OTHER_SOURCE]
    assert len(found.edges) == 9


def test_a_node_reached_both_ways_counts_with_the_nearer(graph: Graph) -> None:
    graph.merge(nodes(A, B, C), [edge(x, "DERIVED_FROM", y) for x, y in ((B, C), (C, A), (A, B))])

    found = graph.lineage(0, *B, 1, EVERYTHING)

    assert ordered(found.nodes) == [B, A, C]
    assert triples(found.edges) == {(A, "DERIVED_FROM", B), (B, "DERIVED_FROM", C), (C, "DERIVED_FROM", A)}


def test_upstream_is_not_followed_down_again(answered: Graph) -> None:
    assert B not in names(answered.lineage(0, *A, 10, EVERYTHING, direction="upstream").nodes)
    assert ordered(answered.lineage(0, *OTHER_SOURCE, 10, EVERYTHING, direction="upstream").nodes) == [OTHER_SOURCE]


# ---- limits and pages


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 13, 24, 25, 26])
def test_pages_joined_are_the_whole(graph: Graph, star: list[Name], limit: int) -> None:
    whole = graph.lineage(0, *SOURCE, 5, EVERYTHING)
    pages = walk_pages(lambda skip: graph.lineage(0, *SOURCE, 5, limit, skip=skip), limit)

    assert ordered(whole.nodes) == star
    assert [node for page in pages for node in page.nodes] == list(whole.nodes)
    assert all(len(page.nodes) == limit for page in pages[:-1])
    joined = [e for page in pages for e in page.edges]
    assert len(joined) == len(whole.edges) == 24
    assert triples(joined) == triples(whole.edges)


def walk_pages(page_at: Callable[[int], Subgraph], limit: int) -> list[Subgraph]:
    """Every page in turn, until one says that there is no further one."""
    pages = [page_at(0)]
    while pages[-1].truncated:
        pages.append(page_at(len(pages) * limit))
    return pages


def test_edges_of_a_page_join_its_nodes_to_it_and_to_earlier_pages(graph: Graph, star: list[Name]) -> None:
    page = graph.lineage(0, *SOURCE, 5, 3, skip=11)

    assert ordered(page.nodes) == star[11:14]
    assert triples(page.edges) == {
        (star[11], "INGESTED_FROM", SOURCE),
        (star[12], "INGESTED_FROM", SOURCE),
        (star[13], "USED_ATOM", star[12]),
    }


def test_a_page_beyond_the_end_is_empty(graph: Graph, star: list[Name]) -> None:
    assert graph.lineage(0, *SOURCE, 5, 10, skip=25) == Subgraph([], [], False)


def test_what_lies_beyond_the_depth_was_not_asked_for(graph: Graph, star: list[Name]) -> None:
    found = graph.lineage(0, *SOURCE, 1, 13)

    assert ordered(found.nodes) == star[:13]
    assert not found.truncated


# ---- as of a time


@pytest.fixture
def dated(graph: Graph) -> Graph:
    """A source and an atom since noon, used by an answer since one; the atom is found in a second, older source at two."""
    graph.merge(
        nodes(SOURCE, A, since=NOON) + nodes(INFERENCE, since=ONE) + nodes(OTHER_SOURCE),
        [
            edge(A, "INGESTED_FROM", SOURCE, since=NOON),
            edge(INFERENCE, "USED_ATOM", A, since=ONE),
            edge(A, "INGESTED_FROM", OTHER_SOURCE, since=TWO),
        ],
    )
    return graph


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (NOON, [A, SOURCE]),
        (ONE, [A, INFERENCE, SOURCE]),
        (TWO, [A, INFERENCE, SOURCE, OTHER_SOURCE]),
        (None, [A, INFERENCE, SOURCE, OTHER_SOURCE]),
    ],
)
def test_what_came_later_is_not_there_as_of_a_time(dated: Graph, as_of: str | None, expected: list[Name]) -> None:
    found = dated.lineage(0, *A, 5, EVERYTHING, as_of=as_of)

    assert ordered(found.nodes) == expected
    assert len(found.edges) == len(expected) - 1


def test_a_node_that_came_later_is_unknown(dated: Graph) -> None:
    earlier = "2026-11-23T11:59:59.999Z"
    with pytest.raises(KeyError):
        dated.lineage(0, *A, 5, EVERYTHING, as_of=earlier)
    with pytest.raises(KeyError):
        dated.path(0, OTHER_SOURCE, A, 5, as_of=earlier)


@pytest.mark.parametrize("direction", ["upstream", "downstream"])
def test_what_is_joined_to_a_node_that_came_later_is_not_there(graph: Graph, direction: Direction) -> None:
    """Neither is what lies behind it: the edges themselves say no time."""
    graph.merge(
        nodes(A, INFERENCE, SOURCE) + nodes(B, C, since=ONE),
        [edge(x, "DERIVED_FROM", y) for x, y in ((C, A), (A, B))]
        + [edge(INFERENCE, "USED_ATOM", C), edge(B, "INGESTED_FROM", SOURCE)],
    )

    found = graph.lineage(0, *A, 5, EVERYTHING, direction=direction, as_of=NOON)

    assert (ordered(found.nodes), list(found.edges)) == ([A], [])
    assert graph.path(0, A, SOURCE, 5, as_of=NOON) == Subgraph([], [], False)
    assert len(graph.path(0, A, SOURCE, 5, as_of=ONE).nodes) == 3


def test_a_path_is_of_what_was_there(dated: Graph) -> None:
    assert ordered(dated.path(0, INFERENCE, OTHER_SOURCE, 5).nodes) == [INFERENCE, A, OTHER_SOURCE]
    assert dated.path(0, INFERENCE, OTHER_SOURCE, 5, as_of=ONE) == Subgraph([], [], False)


# ---- path


def test_a_path_goes_along_edges_either_way(answered: Graph) -> None:
    found = answered.path(0, OTHER_SOURCE, C, 10)

    assert ordered(found.nodes) == [OTHER_SOURCE, A, INFERENCE, C]
    assert [(e.start, e.type, e.end) for e in found.edges] == [
        (A, "INGESTED_FROM", OTHER_SOURCE),
        (INFERENCE, "USED_ATOM", A),
        (C, "GENERATED_BY", INFERENCE),
    ]
    assert not found.truncated


def test_of_several_shortest_paths_it_is_the_first_by_name(answered: Graph) -> None:
    assert ordered(answered.path(0, SOURCE, INFERENCE, 10).nodes) == [SOURCE, A, INFERENCE]
    assert ordered(answered.path(0, INFERENCE, SOURCE, 10).nodes) == [INFERENCE, A, SOURCE]


def test_the_first_step_decides_between_shortest_paths(graph: Graph) -> None:
    late, early = ("Source", "9"), ("Source", "0")
    graph.merge(
        nodes(A, B, C, late, early, MODEL),
        [
            *(edge(C, "DERIVED_FROM", x) for x in (A, B)),
            *(edge(x, "INGESTED_FROM", y) for x, y in ((A, late), (B, early))),
            *(edge(x, "GENERATED_BY", MODEL) for x in (late, early)),
        ],
    )

    assert ordered(graph.path(0, C, MODEL, 10).nodes) == [C, A, late, MODEL]
    assert ordered(graph.path(0, MODEL, C, 10).nodes) == [MODEL, early, B, C]


def test_a_long_path_is_whole_in_either_direction(graph: Graph) -> None:
    line = [("Atom", f"{n * 7 % 12:064x}") for n in range(12)]
    aside = [("Inference", str(n)) for n in range(5)]  # many ways lead away from one end
    graph.merge(
        nodes(*line, *aside),
        [edge(a, "DERIVED_FROM", b) for a, b in pairwise(line)] + [edge(a, "USED_ATOM", line[0]) for a in aside],
    )

    assert ordered(graph.path(0, line[0], line[-1], 11).nodes) == line
    assert ordered(graph.path(0, line[-1], line[0], 11).nodes) == line[::-1]
    assert graph.path(0, line[0], line[-1], 10).nodes == []


def test_of_several_edges_between_two_nodes_a_path_goes_along_the_first_by_type(graph: Graph) -> None:
    kinds = ("USED_ATOM", "PRODUCED_ATOM")
    graph.merge(nodes(A, INFERENCE), [edge(INFERENCE, kind, A) for kind in kinds])

    assert triples(graph.path(0, A, INFERENCE, 5).edges) == {(INFERENCE, "PRODUCED_ATOM", A)}


@pytest.mark.parametrize(("depth", "length"), [(0, 0), (2, 0), (3, 4), (4, 4)])
def test_a_path_has_at_most_so_many_edges(answered: Graph, depth: int, length: int) -> None:
    assert len(answered.path(0, OTHER_SOURCE, C, depth).nodes) == length


def test_there_is_no_path_where_nothing_joins(graph: Graph) -> None:
    graph.merge(nodes(A, B, SOURCE), [edge(A, "INGESTED_FROM", SOURCE)])

    assert graph.path(0, A, B, 10) == graph.path(0, B, A, 10) == Subgraph([], [], False)


def test_the_path_from_a_node_to_itself_is_the_node(answered: Graph) -> None:
    for depth in (0, 5):
        found = answered.path(0, A, A, depth)
        assert (ordered(found.nodes), list(found.edges)) == ([A], [])


# ---- impact


def test_impact_of_a_source_is_what_came_of_it(answered: Graph) -> None:
    found = answered.impact(0, *SOURCE, EVERYTHING)

    assert dict(found.counts) == {"Atom": 3, "Inference": 1}
    assert found.only_here == 1  # B; A is in another source, too, and C in none
    assert ordered(found.nodes) == [A, B, INFERENCE, C]
    assert not found.truncated


@pytest.mark.parametrize(
    ("name", "counts"), [(MODEL, {"Inference": 1, "Atom": 1}), (B, {"Inference": 1, "Atom": 1}), (C, {})]
)
def test_only_a_source_leaves_atoms_without_a_source(answered: Graph, name: Name, counts: dict[str, int]) -> None:
    found = answered.impact(0, *name, EVERYTHING)

    assert (dict(found.counts), found.only_here) == (counts, 0)
    assert ordered(found.nodes) == [INFERENCE, C][: len(counts)]


@pytest.mark.parametrize(("limit", "truncated"), [(1, True), (23, True), (24, False), (25, False)])
def test_impact_counts_everything_whatever_the_limit(
    graph: Graph, star: list[Name], limit: int, truncated: bool
) -> None:
    found = graph.impact(0, *SOURCE, limit)

    assert dict(found.counts) == {"Atom": 12, "Inference": 12}
    assert found.only_here == 12
    assert (ordered(found.nodes), found.truncated) == (star[1 : limit + 1], truncated)


def test_impact_goes_any_distance_and_through_a_circle_once(graph: Graph) -> None:
    line = [("Atom", f"{n:064x}") for n in range(40)]
    graph.merge(nodes(*line), [edge(a, "DERIVED_FROM", b) for a, b in pairwise([*line, line[0]])])

    found = graph.impact(0, *line[-1], EVERYTHING)

    assert dict(found.counts) == {"Atom": 39}
    assert ordered(found.nodes) == line[-2::-1]


def test_a_new_version_is_not_affected_by_the_old_one_and_leads_to_it(answered: Graph) -> None:
    old = ("Source", "0")
    answered.merge(nodes(old), [edge(SOURCE, "SUPERSEDES", old)])

    assert dict(answered.impact(0, *old, EVERYTHING).counts) == {}
    assert ordered(answered.lineage(0, *old, 9, EVERYTHING, direction="downstream").nodes) == [old]
    assert (SOURCE, "SUPERSEDES", old) in triples(answered.lineage(0, *C, 9, EVERYTHING, direction="upstream").edges)
    assert ordered(answered.path(0, old, B, 9).nodes) == [old, SOURCE, B]


# ---- tenants, and what is not there


@pytest.fixture
def tenants(graph: Graph) -> Graph:
    """Two tenants with the same content, and the answer of one of them."""
    for tenant in (1, 2):
        belonging = [edge(SOURCE, "BELONGS_TO", TENANT, tenant), edge(A, "INGESTED_FROM", SOURCE, tenant)]
        graph.merge(nodes(A, SOURCE, TENANT, RUN, tenant=tenant), [*belonging, edge(A, "GENERATED_BY", RUN, tenant)])
    graph.merge(nodes(INFERENCE, tenant=2), [edge(INFERENCE, "USED_ATOM", A, 2)])
    return graph


def test_tenants_with_the_same_content_are_never_linked(tenants: Graph) -> None:
    found = {tenant: tenants.lineage(tenant, *TENANT, 10, EVERYTHING) for tenant in (1, 2)}

    assert ordered(found[1].nodes) == [TENANT, SOURCE, A]
    assert ordered(found[2].nodes) == [TENANT, SOURCE, A, INFERENCE]
    for tenant, lineage in found.items():
        assert {thing.tenant_id for thing in (*lineage.nodes, *lineage.edges)} == {tenant}
    assert [dict(tenants.impact(tenant, *SOURCE, 10).counts) for tenant in (1, 2)] == [
        {"Atom": 1},
        {"Atom": 1, "Inference": 1},
    ]
    with pytest.raises(KeyError):
        tenants.path(1, SOURCE, INFERENCE, 10)


@pytest.mark.parametrize(
    ("tenant", "name"), [(0, ("Atom", "f" * 64)), (1, A), (0, ("Source", A[1]))], ids=["key", "tenant", "label"]
)
def test_an_unknown_node_is_a_key_error(answered: Graph, tenant: int, name: Name) -> None:
    with pytest.raises(KeyError):
        answered.impact(tenant, *name, 10)
    for start, end in ((name, A), (A, name)):
        with pytest.raises(KeyError):
            answered.path(tenant, start, end, 10)
