"""What path and impact answer: the same from the views and from a copy of them."""

import pytest

from hartonomous_resources.graph.protocol import NodeId, Subgraph
from tests.graph.asked import EVERYTHING, TENANT, Answered, Asked, chain_of
from tests.graph.parts import ids


def test_a_path_goes_along_edges_either_way(answered: Answered) -> None:
    found = answered.graph.path(0, answered.other, answered.c, 10)

    assert ids(found.nodes) == [answered.other, answered.a, answered.inference, answered.c]
    assert [(e.start[0], e.type, e.end[0]) for e in found.edges] == [
        ("Atom", "INGESTED_FROM", "Source"),
        ("Inference", "USED_ATOM", "Atom"),
        ("Atom", "GENERATED_BY", "Inference"),
    ]
    assert found.next is None


def test_of_several_shortest_paths_it_is_the_first_by_number(answered: Answered) -> None:
    a = answered

    assert ids(a.graph.path(0, a.source, a.inference, 10).nodes) == [a.source, a.a, a.inference]
    assert ids(a.graph.path(0, a.inference, a.source, 10).nodes) == [a.inference, a.a, a.source]


def test_the_first_step_decides_between_shortest_paths(asked: Asked) -> None:
    tables = asked.tables
    one, two, made = (tables.atom(by_hand=True) for _ in range(3))
    early, late = tables.source(two), tables.source(one)
    tables.derived(early, made, one, two)
    graph = asked.graph()

    assert ids(graph.path(0, made, TENANT, 10).nodes) == [made, one, late, TENANT]
    assert ids(graph.path(0, TENANT, made, 10).nodes) == [TENANT, early, two, made]


def test_a_long_path_is_whole_in_either_direction(asked: Asked) -> None:
    line = chain_of(asked.tables, 12)
    for _ in range(5):
        asked.tables.inference([line[0]])  # many ways lead away from one end
    graph = asked.graph()

    assert ids(graph.path(0, line[0], line[-1], 11).nodes) == line
    assert ids(graph.path(0, line[-1], line[0], 11).nodes) == line[::-1]
    assert graph.path(0, line[0], line[-1], 10) == Subgraph([], [])


def test_of_several_edges_between_two_nodes_a_path_goes_along_the_first_by_type(answered: Answered) -> None:
    [edge] = answered.graph.path(0, answered.c, answered.inference, 5).edges

    assert (edge.start[0], edge.type) == ("Atom", "GENERATED_BY")  # and not PRODUCED_ATOM


@pytest.mark.parametrize(("depth", "length"), [(0, 0), (2, 0), (3, 4), (4, 4)])
def test_a_path_has_at_most_so_many_edges(answered: Answered, depth: int, length: int) -> None:
    assert len(answered.graph.path(0, answered.other, answered.c, depth).nodes) == length


def test_there_is_no_path_where_nothing_joins(asked: Asked) -> None:
    alone, held = asked.tables.atom(by_hand=True), asked.tables.atom()
    source = asked.tables.source(held)
    graph = asked.graph()

    assert graph.path(0, source, alone, 10) == graph.path(0, alone, source, 10) == Subgraph([], [])


def test_the_path_from_a_node_to_itself_is_the_node(answered: Answered) -> None:
    for depth in (0, 5):
        found = answered.graph.path(0, answered.a, answered.a, depth)
        assert (ids(found.nodes), list(found.edges)) == ([answered.a], [])


def test_impact_of_a_source_is_what_came_of_it(answered: Answered) -> None:
    a = answered

    found = a.graph.impact(0, a.source, EVERYTHING)

    assert dict(found.counts) == {"Atom": 3, "Inference": 1}
    assert found.only_here == 1  # B; A is in another source, too, and C in none
    assert ids(found.nodes) == [a.a, a.b, a.inference, a.c]
    assert not found.truncated


@pytest.mark.parametrize("name", ["model", "b", "c"])
def test_only_a_source_leaves_atoms_without_a_source(answered: Answered, name: str) -> None:
    affected = [] if name == "c" else [answered.inference, answered.c]

    found = answered.graph.impact(0, getattr(answered, name), EVERYTHING)

    assert found.only_here == 0
    assert ids(found.nodes) == affected
    assert dict(found.counts) == ({"Atom": 1, "Inference": 1} if affected else {})


@pytest.mark.parametrize(("limit", "truncated"), [(1, True), (23, True), (24, False), (25, False)])
def test_impact_counts_everything_whatever_the_limit(
    asked: Asked, star: list[NodeId], limit: int, truncated: bool
) -> None:
    found = asked.graph().impact(0, star[0], limit)

    assert dict(found.counts) == {"Atom": 12, "Inference": 12}
    assert found.only_here == 12
    affected = [node for node in star[1:] if node != TENANT]
    assert (ids(found.nodes), found.truncated) == (affected[:limit], truncated)


def test_impact_goes_any_distance_and_through_a_circle_once(asked: Asked) -> None:
    line = chain_of(asked.tables, 30)
    asked.tables.derived(asked.tables.source(), line[0], line[-1])

    found = asked.graph().impact(0, line[0], EVERYTHING)

    assert dict(found.counts) == {"Atom": 29}
    assert ids(found.nodes) == line[1:]


def test_a_new_version_is_not_affected_by_the_old_one_and_leads_to_it(asked: Asked) -> None:
    atom = asked.tables.atom()
    old = asked.tables.source()
    new = asked.tables.source(atom, supersedes=old)
    graph = asked.graph()

    assert dict(graph.impact(0, old, EVERYTHING).counts) == {}
    assert ids(graph.lineage(0, old, 9, EVERYTHING, direction="downstream").nodes) == [old]
    assert ids(graph.lineage(0, atom, 9, EVERYTHING, direction="upstream").nodes) == [atom, new, old, TENANT]
    assert ids(graph.path(0, old, atom, 9).nodes) == [old, new, atom]
