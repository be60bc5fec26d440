"""Random small graphs: every backend answers as a plain traversal in Python does."""

from dataclasses import dataclass
from itertools import count, pairwise

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hartonomous_resources.graph.protocol import Direction, Graph, Node
from tests.graph.parts import Name, edge, ordered, triples

NAMES: list[Name] = [("Atom", key * 64) for key in "abc"]
NAMES += [("Inference", "x"), ("Inference", "ü"), ("Run", "r"), ("Source", "1"), ("Source", "10")]
TYPES = {
    ("Atom", "Source"): ["INGESTED_FROM"],
    ("Atom", "Atom"): ["DERIVED_FROM"],
    ("Atom", "Run"): ["GENERATED_BY"],
    ("Source", "Run"): ["GENERATED_BY"],
    ("Source", "Source"): ["SUPERSEDES"],
    ("Inference", "Atom"): ["USED_ATOM", "PRODUCED_ATOM"],
}
POSSIBLE = [(a, kind, b) for a in NAMES for b in NAMES for kind in TYPES.get((a[0], b[0]), [])]
TIMES = [None, "2026-11-23T12:00:00.000Z", "2026-11-23T13:00:00.000Z"]
Triple = tuple[Name, str, Name]

_tenants = count(100)  # a tenant for every example: all of them lie in one graph, under the same names

backends = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True, slots=True)
class Plain:
    """A graph as two dictionaries: since when each part has been there."""

    nodes: dict[Name, str | None]
    edges: dict[Triple, str | None]

    def as_of(self, time: str | None) -> "Plain":
        there = {name: since for name, since in self.nodes.items() if not (time and since and since > time)}
        edges = {e: since for e, since in self.edges.items() if not (time and since and since > time)}
        return Plain(there, {e: since for e, since in edges.items() if e[0] in there and e[2] in there})

    def distances(self, start: Name, direction: str, depth: int = 99) -> dict[Name, int]:
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

    def lineage(self, start: Name, depth: int, direction: str) -> list[Name]:
        ways = ["upstream", "downstream"] if direction == "both" else [direction]
        walks = [self.distances(start, way, depth) for way in ways]
        nearest = {name: min(walk.get(name, 99) for walk in walks) for walk in walks for name in walk}
        return sorted(nearest, key=lambda name: (nearest[name], name))

    def path(self, start: Name, end: Name, depth: int) -> list[Name]:
        to_end = self.distances(end, "either")
        if to_end.get(start, 99) > depth:
            return []
        path = [start]
        while path[-1] != end:
            near = self.distances(path[-1], "either", 1)
            path.append(min(name for name in near if to_end.get(name) == to_end[path[-1]] - 1))
        return path


graphs = st.builds(
    Plain,
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from(TIMES), min_size=4),
    st.dictionaries(st.sampled_from(POSSIBLE), st.sampled_from(TIMES), min_size=6, max_size=25),
).map(lambda plain: plain.as_of(None))


def store(graph: Graph, plain: Plain) -> int:
    """Write a graph into a tenant of its own."""
    tenant = next(_tenants)
    graph.merge(
        [Node(tenant, *name, {"since": since} if since else {}) for name, since in plain.nodes.items()],
        [edge(*e, tenant, **({"since": since} if since else {})) for e, since in plain.edges.items()],
    )
    return tenant


def pick(data: st.DataObject, plain: Plain) -> Name:
    return data.draw(st.sampled_from(sorted(plain.nodes)))


@backends
@given(data=st.data(), plain=graphs, depth=st.integers(0, 4), limit=st.integers(1, 6), time=st.sampled_from(TIMES))
def test_lineage_is_that_of_a_plain_traversal_on_every_page(
    graph: Graph, data: st.DataObject, plain: Plain, depth: int, limit: int, time: str | None
) -> None:
    tenant, start = store(graph, plain), pick(data, plain)
    direction: Direction = data.draw(st.sampled_from(["upstream", "downstream", "both"]))
    then = plain.as_of(time)
    if start not in then.nodes:
        return
    expected = then.lineage(start, depth, direction)

    for skip in range(0, len(expected) + 1, limit):
        page = graph.lineage(tenant, *start, depth, limit, direction=direction, as_of=time, skip=skip)

        on_page, so_far = expected[skip : skip + limit], expected[: skip + limit]
        assert ordered(page.nodes) == on_page
        assert triples(page.edges) == {
            e for e in then.edges if {e[0], e[2]} <= set(so_far) and {e[0], e[2]} & set(on_page)
        }
        assert len(page.edges) == len(triples(page.edges))
        assert page.truncated == (len(expected) > skip + limit)


@backends
@given(data=st.data(), plain=graphs, depth=st.integers(0, 6), time=st.sampled_from(TIMES))
def test_a_path_is_the_first_of_the_shortest(
    graph: Graph, data: st.DataObject, plain: Plain, depth: int, time: str | None
) -> None:
    tenant, start, end = store(graph, plain), pick(data, plain), pick(data, plain)
    then = plain.as_of(time)
    if not {start, end} <= then.nodes.keys():
        return

    found = graph.path(tenant, start, end, depth, as_of=time)

    expected = then.path(start, end, depth)
    assert ordered(found.nodes) == expected
    assert triples(found.edges) <= then.edges.keys()
    assert [{e.start, e.end} for e in found.edges] == [{a, b} for a, b in pairwise(expected)]


@backends
@given(data=st.data(), plain=graphs, limit=st.integers(1, 12))
def test_impact_is_everything_downstream(graph: Graph, data: st.DataObject, plain: Plain, limit: int) -> None:
    tenant, name = store(graph, plain), pick(data, plain)

    found = graph.impact(tenant, *name, limit)

    affected = plain.lineage(name, 99, "downstream")[1:]
    labels = [label for label, _ in affected]
    sources = {a: {b for x, kind, b in plain.edges if x == a and kind == "INGESTED_FROM"} for a in plain.nodes}
    assert dict(found.counts) == {label: labels.count(label) for label in labels}
    assert found.only_here == sum(of_atom == {name} for of_atom in sources.values())
    assert ordered(found.nodes) == affected[:limit]
    assert found.truncated == (len(affected) > limit)
