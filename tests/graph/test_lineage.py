"""What lineage, path and impact answer: the same from the views and from a copy of them, in the same order, page by page and as of a time."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from hartonomous_resources.graph.protocol import Direction, Graph, NodeId, Position, Subgraph
from tests.graph.conftest import Asked
from tests.graph.parts import ids, triples
from tests.graph.tables import NOON, ONE, TWO, Tables

TENANT = ("Tenant", 0)
EVERYTHING = 10_000


class Answered:
    """C was answered out of A and B by a model; A came from two sources, B from one of them, by a run."""

    def __init__(self, asked: Asked) -> None:
        tables = asked.tables
        self.a, self.b = tables.atoms(2)
        self.c = tables.atom("the answer", by_hand=True)
        self.source = tables.source(self.a, self.b, self.a, runs=["run"], uri="file:///one")
        self.other = tables.source(self.a, uri="file:///two")
        self.inference = tables.inference([self.a, self.b], [self.c], name="answer", task="answering")
        self.run, self.model = tables.named("Run", "run"), tables.named("Model", "writer")
        self.graph = asked.graph()

    def names(self, *nodes: NodeId) -> list[tuple[str, str]]:
        found = [self.graph.lineage(0, node, 0, 1).nodes[0] for node in nodes]
        return [(node.label, node.key) for node in found]

    def edges(self, *edges: tuple[NodeId, str, NodeId]) -> set[tuple[tuple[str, str], str, tuple[str, str]]]:
        return {(*self.names(start), kind, *self.names(end)) for start, kind, end in edges}


@pytest.fixture
def answered(asked: Asked) -> Answered:
    return Answered(asked)


@pytest.fixture
def star(asked: Asked) -> list[NodeId]:
    """A source of twelve atoms; each was used by an answer of its own, the last atom by the first."""
    atoms = asked.tables.atoms(12)
    source = asked.tables.source(*reversed(atoms))
    answers = [asked.tables.inference([atom]) for atom in reversed(atoms)]
    return [source, *atoms, TENANT, *answers]


def chain_of(tables: Tables, length: int) -> list[NodeId]:
    """Atoms each derived from the one before it; the first is the origin."""
    line = [tables.atom(by_hand=True) for _ in range(length)]
    source = tables.source()
    for origin, derived in pairwise(line):
        tables.derived(source, derived, origin)
    return line


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


# ---- path


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


# ---- impact


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
