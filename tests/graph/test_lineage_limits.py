"""Lineage page by page, and as of a time."""

from collections.abc import Callable

import pytest

from hartonomous_resources.graph.protocol import NodeId, Position, Subgraph
from tests.graph.asked import EVERYTHING, TENANT, Answered, Asked
from tests.graph.parts import ids, triples
from tests.graph.tables import NOON, ONE, TWO

# ---- limits and pages


@pytest.mark.parametrize("limit", [1, 2, 5, 12, 13, 25, 26, 27])
def test_pages_joined_are_the_whole(asked: Asked, star: list[NodeId], limit: int) -> None:
    graph = asked.graph()
    whole = graph.lineage(0, star[0], 5, EVERYTHING)
    pages = walk_pages(lambda after: graph.lineage(0, star[0], 5, limit, after=after))

    assert ids(whole.nodes) == star
    assert [node for page in pages for node in page.nodes] == list(whole.nodes)
    assert all(len(page.nodes) == limit for page in pages[:-1])
    joined = [e for page in pages for e in page.edges]
    assert len(joined) == len(whole.edges) == 25
    assert triples(joined) == triples(whole.edges)


def walk_pages(page_after: Callable[[Position | None], Subgraph]) -> list[Subgraph]:
    """Every page in turn, until one says that there is no further one."""
    pages = [page_after(None)]
    while pages[-1].next is not None:
        pages.append(page_after(pages[-1].next))
    return pages


def test_edges_of_a_page_join_its_nodes_to_it_and_to_earlier_pages(asked: Asked, star: list[NodeId]) -> None:
    graph = asked.graph()

    page = graph.lineage(0, star[0], 5, 4, after=Position(1, *star[10]))

    assert ids(page.nodes) == star[11:15]
    assert sorted((e.start[0], e.type, e.end[0]) for e in page.edges) == [
        ("Atom", "INGESTED_FROM", "Source"),
        ("Atom", "INGESTED_FROM", "Source"),
        ("Inference", "USED_ATOM", "Atom"),
        ("Source", "BELONGS_TO", "Tenant"),
    ]


def test_what_comes_between_two_pages_shifts_nothing(asked: Asked) -> None:
    """What comes before the place where the first page ended is on none; what was made of it is on a later one."""
    tables = asked.tables
    early, *atoms = tables.atoms(6)
    source = tables.source(*atoms)
    first = asked.graph().lineage(0, source, 5, 3, direction="downstream")

    later = tables.atom()
    tables.hold(source, early, later)
    answer = tables.inference([early])
    second = asked.graph().lineage(0, source, 5, 100, direction="downstream", after=first.next)

    assert ids(first.nodes) == [source, *atoms[:2]]
    assert ids(second.nodes) == [*atoms[2:], later, answer]
    assert [e.start[0] for e in second.edges] == ["Atom"] * 4 + ["Inference"]


def test_a_page_beyond_the_end_is_empty(asked: Asked, star: list[NodeId]) -> None:
    assert asked.graph().lineage(0, star[0], 5, 10, after=Position(2, *star[-1])) == Subgraph([], [])


def test_what_lies_beyond_the_depth_was_not_asked_for(asked: Asked, star: list[NodeId]) -> None:
    found = asked.graph().lineage(0, star[0], 1, 14)

    assert ids(found.nodes) == star[:14]
    assert found.next is None


# ---- as of a time


@pytest.fixture
def dated(asked: Asked) -> Answered:
    """A source and its atom since noon, used by an answer since one; the atom is found in a second source at two."""
    made = Answered.__new__(Answered)
    made.a = asked.tables.atom(at=NOON)
    made.source = asked.tables.source(made.a, at=NOON)
    made.inference = asked.tables.inference([made.a], at=ONE)
    made.other = asked.tables.source(made.a, at=TWO)
    made.model = asked.tables.named("Model", "writer")
    made.graph = asked.graph()
    return made


@pytest.mark.parametrize(("as_of", "n"), [(NOON, 3), (ONE, 4), (TWO, 5), (None, 5)])
def test_what_came_later_is_not_there_as_of_a_time(dated: Answered, as_of: str | None, n: int) -> None:
    in_order_of_coming = [dated.a, TENANT, dated.source, dated.inference, dated.other]

    found = dated.graph.lineage(0, dated.a, 5, EVERYTHING, as_of=as_of)

    assert set(ids(found.nodes)) == set(in_order_of_coming[:n])
    assert len(found.edges) == {3: 2, 4: 3, 5: 5}[n]


def test_a_node_that_came_later_is_unknown(dated: Answered) -> None:
    earlier = "2026-11-23T11:59:59.999Z"
    with pytest.raises(KeyError):
        dated.graph.lineage(0, dated.a, 5, EVERYTHING, as_of=earlier)
    with pytest.raises(KeyError) as error:
        dated.graph.path(0, dated.a, dated.other, 5, as_of=ONE)
    assert error.value.args == (dated.other,)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_an_edge_to_a_node_that_came_later_is_not_there(asked: Asked, limit: int) -> None:
    """Neither is what lies behind the node: bytes are received before their atoms are made."""
    tables = asked.tables
    later = [tables.atom(at=ONE) for _ in range(3)]
    there = tables.atom(at=NOON)
    source = tables.source(*later, there, at=NOON)
    tables.inference(later, at=NOON)
    graph = asked.graph()

    pages = walk_pages(
        lambda after: graph.lineage(0, source, 5, limit, direction="downstream", as_of=NOON, after=after)
    )

    assert [node for page in pages for node in ids(page.nodes)] == [source, there]
    assert [len(page.edges) for page in pages if page.edges] == [1]
    assert graph.path(0, source, tables.named("Model", "writer"), 5, as_of=NOON) == Subgraph([], [])
    assert len(graph.path(0, source, tables.named("Model", "writer"), 5, as_of=ONE).nodes) == 4


def test_a_path_is_of_what_was_there(dated: Answered) -> None:
    assert ids(dated.graph.path(0, dated.inference, dated.other, 5).nodes) == [dated.inference, dated.a, dated.other]
    assert dated.graph.path(0, dated.model, dated.source, 5, as_of=NOON) == Subgraph([], [])
