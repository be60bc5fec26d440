"""Lineage, impact and path in an embedded graph of a million relationships.

Every atom has a source, a run and a model, as the product writes them; inferences use four atoms, some of them hot, and produce one.
One source holds 10,000 atoms.
"""

import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from common import Figure, arguments, finish, note, temporary_home

LARGE_SOURCE = 10_000
"""Atoms of the first source; the others have 200 each."""
INFERENCE_OF = 20
"""One inference for so many atoms."""
BATCH = 20_000
HOUR, SINCE = "2026-11-23-09:00", "2026-11-23T09:44:16.123Z"


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--relationships", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=500, help="atoms whose lineage is asked for")
    options = parser.parse_args()
    with temporary_home() as folder:
        figures = measure(folder / "graph.db", options.relationships, options.rounds)
    return finish(figures, options.json)


def measure(path: Path, relationships: int, rounds: int) -> list[Figure]:
    from hartonomous_resources.graph.protocol import Digest
    from hartonomous_resources.graph.sqlite_graph import SqliteGraph

    graph = SqliteGraph(path)
    draw = random.Random(5)
    n_atoms = int(relationships / (3 + 6 / INFERENCE_OF))
    started = time.perf_counter()
    written = write(graph, n_atoms, draw)
    rate = written / (time.perf_counter() - started)
    nodes, edges = graph.counts(0)
    assert sum(edges.values()) == written >= relationships * 0.99, edges
    note(f"{sum(nodes.values()):,} nodes, {written:,} relationships")

    def asked() -> tuple[str, str]:
        """Choose, equally often, any atom or one of those that inferences use most."""
        return atom(draw.randrange(n_atoms) if draw.random() < 0.5 else hot(n_atoms, draw))

    def lineage() -> None:
        found = graph.lineage(0, *asked(), 4, 1000)
        assert len(found.nodes) == 1000 or {"Source", "Run", "Model", "Tenant"} <= {node.label for node in found.nodes}

    def lineage_as_of() -> None:
        assert len(graph.lineage(0, *asked(), 4, 1000, as_of=SINCE).nodes) >= 5

    def hottest() -> None:
        assert graph.lineage(0, *atom(0), 4, 1000).truncated

    def impact() -> None:
        found = graph.impact(0, "Source", "0", 1000)
        assert found.counts["Atom"] >= LARGE_SOURCE and found.only_here == LARGE_SOURCE and len(found.nodes) == 1000

    def impact_of_model() -> None:
        assert graph.impact(0, "Model", "model", 1000).counts["Atom"] == n_atoms

    def large_source() -> None:
        assert graph.lineage(0, "Source", "0", 4, 1000, skip=5000).truncated

    def find_path() -> None:
        found = graph.path(0, atom(draw.randrange(n_atoms)), atom(draw.randrange(n_atoms)), 10)
        assert 1 <= len(found.nodes) <= 4  # the run, if nothing nearer, joins any two

    def digests() -> None:
        assert graph.digests(0, HOUR)["edges"] == Digest(n_atoms, n_atoms)

    once = timed(lineage, rounds)
    return [
        Figure("relationships written, with their nodes", rate, "1/s"),
        Figure("lineage of an atom, depth 4, p50", statistics.median(once), "ms"),
        Figure("lineage of an atom, depth 4, p95", p95(once), "ms", at_most=30),
        Figure("lineage of the atom with most answers, p95 of 50", p95(timed(hottest, 50)), "ms"),
        Figure("lineage as of a time, p95", p95(timed(lineage_as_of, rounds)), "ms"),
        Figure("impact of a source of 10,000 atoms, slowest of 10", max(timed(impact, 10)), "ms", at_most=1000),
        Figure("sixth page of that source's lineage, slowest of 10", max(timed(large_source, 10)), "ms"),
        Figure("path between two atoms, p95 of 50", p95(timed(find_path, 50)), "ms"),
        Figure(f"impact of the model of all {n_atoms:,} atoms", max(timed(impact_of_model, 1)), "ms"),
        Figure(f"digests of an hour of {n_atoms:,} atoms", max(timed(digests, 1)), "ms"),
    ]


def write(graph: Any, n_atoms: int, draw: random.Random) -> int:
    """Merge the graph in batches; returns how many relationships there are."""
    from hartonomous_resources.graph.protocol import Edge, Node

    def source_of(n: int) -> tuple[str, str]:
        return "Source", "0" if n < LARGE_SOURCE else str(1 + (n - LARGE_SOURCE) // 200)

    stamp = {"since": SINCE, "digest": 1}
    run, model, tenant = ("Run", "run"), ("Model", "model"), ("Tenant", "0")
    sources = [("Source", str(n)) for n in range(int(source_of(n_atoms - 1)[1]) + 1)]
    hub_nodes = [Node(0, *name, {"since": SINCE}) for name in (run, model, tenant)]
    source_nodes = [
        Node(0, *name, {**stamp, "ingestHour": HOUR, "sourceUri": f"file:///{name[1]}"}) for name in sources
    ]
    source_edges = [Edge(0, name, "BELONGS_TO", tenant, {"since": SINCE}) for name in sources]
    graph.merge([*hub_nodes, *source_nodes], source_edges)
    written = len(source_edges)

    def parts() -> Iterator[tuple[list[Node], list[Edge]]]:
        for n in range(n_atoms):
            made = [
                Edge(0, atom(n), "INGESTED_FROM", source_of(n), {**stamp, "firstOrdinal": n, "count": 1}),
                Edge(0, atom(n), "GENERATED_BY", run, {"since": SINCE}),
                Edge(0, atom(n), "EMBEDDED_BY", model, {"since": SINCE}),
            ]
            yield [Node(0, *atom(n), {**stamp, "ingestHour": HOUR, "atomId": n, "modality": "text"})], made
        for n in range(n_atoms // INFERENCE_OF):
            answer = ("Inference", f"answer-{n}")
            liked = {hot(n_atoms, draw) for _ in range(4)}
            used = [Edge(0, answer, "USED_ATOM", atom(n), {"since": SINCE}) for n in sorted(liked)]
            produced = Edge(0, answer, "PRODUCED_ATOM", atom(draw.randrange(n_atoms)), {"since": SINCE})
            yield [Node(0, *answer, {"since": SINCE})], [*used, produced, Edge(0, answer, "USED_MODEL", model)]

    remaining = parts()
    while batch := list(islice(remaining, BATCH)):
        edges = [edge for _, part in batch for edge in part]
        graph.merge([node for part, _ in batch for node in part], edges)
        written += len({(edge.start, edge.type, edge.end) for edge in edges})
    return written


def atom(n: int) -> tuple[str, str]:
    """Return a name that is as random as a hash."""
    return "Atom", f"{random.Random(n).getrandbits(256):064x}"


def hot(n_atoms: int, draw: random.Random) -> int:
    """Choose one of the atoms, those with low numbers far more often."""
    return int(n_atoms * draw.random() ** 4)


def timed(question: Callable[[], None], rounds: int) -> list[float]:
    """Run a question and return the milliseconds of each round; one round before them is not counted."""
    question()
    took = []
    for _ in range(rounds):
        started = time.perf_counter()
        question()
        took.append((time.perf_counter() - started) * 1000)
    return took


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
