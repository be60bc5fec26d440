"""Random small tables: every backend answers as a plain traversal, in Python, of what the views say."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hartonomous_resources.database.graph_views import EDGE_VIEWS, NODE_VIEWS
from hartonomous_resources.graph.protocol import Direction, Edge, Graph, Name, NodeId, Position
from tests.backends import rows
from tests.graph.asked import Asked
from tests.graph.parts import ids
from tests.graph.tables import NOON, ONE, TWO, Tables

TIMES = (NOON, ONE, TWO)
AS_OF = (None, NOON, ONE)
RUNS, MODELS = ("run-1", "run-2"), ("model-1", "model-2")
Triple = tuple[NodeId, str, NodeId]

_tenants = count(
    100
)  # a tenant for every example: all of them lie in one database, with runs and models that they share

backends = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True, slots=True)
class Plain:
    """A graph as two dictionaries: since when each part has been there."""

    nodes: dict[NodeId, str | None]
    edges: dict[Triple, str | None]

    def as_of(self, time: str | None) -> "Plain":
        there = {node: since for node, since in self.nodes.items() if not (time and since and since > time)}
        edges = {e: since for e, since in self.edges.items() if not (time and since and since > time)}
        return Plain(there, {e: since for e, since in edges.items() if e[0] in there and e[2] in there})

    def distances(self, start: NodeId, direction: str, depth: int = 99) -> dict[NodeId, int]:
        found, frontier = {start: 0}, {start}
        # A path may use every edge. PRODUCED_ATOM points the other way, and what was made of a new version was not made of the old.
        left_out = {"either": [], "upstream": ["PRODUCED_ATOM"], "downstream": ["PRODUCED_ATOM", "SUPERSEDES"]}[
            direction
        ]
        edges = [(a, b) for a, kind, b in self.edges if kind not in left_out]
        for distance in range(1, depth + 1):
            ahead = {b for a, b in edges if a in frontier} if direction != "downstream" else set()
            behind = {a for a, b in edges if b in frontier} if direction != "upstream" else set()
            frontier = (ahead | behind) - found.keys()
            found |= dict.fromkeys(frontier, distance)
        return found

    def lineage(self, start: NodeId, depth: int, direction: str) -> list[tuple[int, NodeId]]:
        """Nodes with their distances, in order."""
        ways = ["upstream", "downstream"] if direction == "both" else [direction]
        walks = [self.distances(start, way, depth) for way in ways]
        return sorted({(min(walk.get(node, 99) for walk in walks), node) for walk in walks for node in walk})

    def path(self, start: NodeId, end: NodeId, depth: int) -> list[NodeId]:
        to_end = self.distances(end, "either")
        if to_end.get(start, 99) > depth:
            return []
        path = [start]
        while path[-1] != end:
            near = self.distances(path[-1], "either", 1)
            path.append(min(node for node in near if to_end.get(node) == to_end[path[-1]] - 1))
        return path


def said_by_the_views(client: Any, tenant: int) -> tuple[Plain, dict[NodeId, Name]]:
    """The graph that the views say, and what people call its nodes."""
    nodes: dict[NodeId, str | None] = {}
    names: dict[NodeId, Name] = {}
    for label, view in NODE_VIEWS.items():
        for row in rows(client, f"SELECT * FROM {view} WHERE TenantId = ?", tenant):
            nodes[label, row["Number"]] = row["Since"]
            names[label, row["Number"]] = (label, row["Key"])
    edges: dict[Triple, str | None] = {
        ((edge.start, row["FromNumber"]), edge.type, (edge.end, row["ToNumber"])): row["Since"]
        for edge in EDGE_VIEWS
        for row in rows(client, f"SELECT * FROM {edge.name} WHERE TenantId = ?", tenant)
    }
    return Plain(nodes, edges), names


def fill(tables: Tables, data: st.DataObject) -> None:
    """Write a few rows of every kind; some are not in the graph."""

    def some(of: Any, most: int = 3) -> Any:
        return data.draw(st.lists(st.sampled_from(of), max_size=most)) if of else []

    def time() -> str:
        return data.draw(st.sampled_from(TIMES))

    atoms = [
        tables.atom(at=time(), by_hand=data.draw(st.booleans()), gap=data.draw(st.integers(0, 9)) == 0)
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    sources: list[NodeId] = []
    for _ in range(data.draw(st.integers(0, 4))):
        held = some(atoms, 4)
        replaced = data.draw(st.sampled_from([None, *sources]))
        source = tables.source(
            *held,
            at=time(),
            runs=set(some(RUNS, 2)),
            status=data.draw(st.sampled_from(["Atomized", "Atomized", "Atomized", "Atomizing", "Erased"])),
            parent=data.draw(st.sampled_from([None, *sources])),
            supersedes=replaced,
        )
        sources.append(source)
        for derived in set(some(atoms, 1)):
            tables.derived(source, derived, *set(some(atoms, 2)))
    for model in MODELS:
        tables.embedded(model, *set(some(atoms, 2)), at=time())
    for _ in range(data.draw(st.integers(0, 3))):
        tables.inference(some(atoms), some(atoms, 2), model=data.draw(st.sampled_from([*MODELS, "writer"])), at=time())


@dataclass(frozen=True, slots=True)
class Example:
    graph: Graph
    tenant: int
    plain: Plain
    names: dict[NodeId, Name]

    def triples(self, edges: list[Edge]) -> set[tuple[Name, str, Name]]:
        return {(e.start, e.type, e.end) for e in edges}

    def named(self, edges: set[Triple]) -> set[tuple[Name, str, Name]]:
        return {(self.names[a], kind, self.names[b]) for a, kind, b in edges}


Examples = Callable[[st.DataObject], Example]


@pytest.fixture
def example(asked: Asked) -> Examples:
    """Makes tables of a tenant of their own, and the graph of them."""
    copy = asked.graph() if asked.kind == "neo4j" else None

    def make(data: st.DataObject) -> Example:
        tenant = next(_tenants)
        fill(Tables(asked.client, tenant), data)
        plain, names = said_by_the_views(asked.client, tenant)
        return Example(asked.graph(tenant) if copy is None else asked.copied(copy, tenant), tenant, plain, names)

    return make


def pick(data: st.DataObject, plain: Plain) -> NodeId:
    return data.draw(st.sampled_from(sorted(plain.nodes)))


@backends
@given(data=st.data(), depth=st.integers(0, 4), limit=st.integers(1, 6), time=st.sampled_from(AS_OF))
def test_lineage_is_that_of_a_plain_traversal_on_every_page(
    example: Examples, data: st.DataObject, depth: int, limit: int, time: str | None
) -> None:
    made = example(data)
    then = made.plain.as_of(time)
    if not then.nodes:
        return
    start = pick(data, then)
    direction: Direction = data.draw(st.sampled_from(["upstream", "downstream", "both"]))
    whole = then.lineage(start, depth, direction)
    near = sorted(
        {number + step for _, number in then.nodes for step in (-1, 0, 1)}
    )  # also of what went since, or is not yet
    positions = st.builds(Position, st.integers(0, 4), st.sampled_from(sorted(NODE_VIEWS)), st.sampled_from(near))
    after = data.draw(st.none() | positions)
    while True:
        page = made.graph.lineage(made.tenant, start, depth, limit, direction=direction, as_of=time, after=after)

        rest = [place for place in whole if after is None or place > (after.distance, after.node)]
        on_page = {node for _, node in rest[:limit]}
        so_far = {node for _, node in whole} - {node for _, node in rest[limit:]}
        assert ids(page.nodes) == [node for _, node in rest[:limit]]
        assert made.triples(page.edges) == made.named(
            {e for e in then.edges if {e[0], e[2]} <= so_far and {e[0], e[2]} & on_page}
        )
        assert len(page.edges) == len(made.triples(page.edges))
        assert (page.next is not None) == (len(rest) > limit)
        if page.next is None:
            break
        assert (page.next.distance, page.next.node) == rest[limit - 1]
        after = page.next


@backends
@given(data=st.data(), depth=st.integers(0, 6), time=st.sampled_from(AS_OF))
def test_a_path_is_the_first_of_the_shortest(
    example: Examples, data: st.DataObject, depth: int, time: str | None
) -> None:
    made = example(data)
    then = made.plain.as_of(time)
    if not then.nodes:
        return
    start, end = pick(data, then), pick(data, then)

    found = made.graph.path(made.tenant, start, end, depth, as_of=time)

    expected = then.path(start, end, depth)
    assert ids(found.nodes) == expected
    assert made.triples(found.edges) <= made.named(then.edges.keys())
    assert [{e.start, e.end} for e in found.edges] == [{made.names[a], made.names[b]} for a, b in pairwise(expected)]


@backends
@given(data=st.data(), limit=st.integers(1, 12))
def test_impact_is_everything_downstream(example: Examples, data: st.DataObject, limit: int) -> None:
    made = example(data)
    if not made.plain.nodes:
        return
    start = pick(data, made.plain)

    found = made.graph.impact(made.tenant, start, limit)

    affected = [node for _, node in made.plain.lineage(start, 99, "downstream")[1:]]
    labels = [label for label, _ in affected]
    sources = {
        a: {b for x, kind, b in made.plain.edges if x == a and kind == "INGESTED_FROM"} for a in made.plain.nodes
    }
    assert dict(found.counts) == {label: labels.count(label) for label in labels}
    assert found.only_here == sum(of_atom == {start} for of_atom in sources.values())
    assert ids(found.nodes) == affected[:limit]
    assert found.truncated == (len(affected) > limit)


@backends
@given(data=st.data())
def test_counts_are_those_of_the_views(example: Examples, data: st.DataObject) -> None:
    made = example(data)

    nodes, edges = made.graph.counts(made.tenant)

    labels = [label for label, _ in made.plain.nodes]
    kinds = [kind for _, kind, _ in made.plain.edges]
    assert nodes == {label: labels.count(label) for label in labels}
    assert edges == {kind: kinds.count(kind) for kind in kinds}
