"""The provenance graph in a real Neo4j: writing events, writing them again, and asking, in a graph of a million relationships.

The graph is described in neo4j_changes.py. First write() alone: an event is 1,000 atoms of a source with their run and model; 20 events are
written in one transaction, as the product does it. The naive way is that of the .NET worker: one MERGE statement,
in a transaction of its own, for each atom. Then from ProvenanceQueue, end to end: see neo4j_queue.py.

The server is fetched from Maven Central once and started with Java 17; HARTONOMOUS_TEST_NEO4J_URI names another one, with an empty
database.
"""

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from common import REPOSITORY, Figure, arguments, finish, note
from neo4j_changes import HOUR, LARGE_SOURCE, MODEL, SINCE, TENANT, events, graph_of, hash_of, hot, without
from neo4j_queue import synced_from_queue

SMALL = 10_000
"""Atoms of the small graph, with which the cost of an event in the large one is compared."""
NAIVE = 1_000
"""Atoms that the naive way writes."""
WARM_UP = 4
"""Transactions that are not counted: the server compiles what runs often."""
JAVA = ("-Xmx2g", "-XX:+UseParallelGC")
SEED_MERGE = """
MERGE (a:NaiveAtom {atomHash: $hash})
ON CREATE SET a.atomId = $id, a.contentType = $contentType, a.createdAt = datetime($createdAt)
MERGE (s:NaiveSource {sourceId: $sourceId})
MERGE (a)-[:INGESTED_FROM]->(s)"""


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument(
        "--relationships", type=int, default=1_000_000, help="of the large graph; a third as many atoms"
    )
    parser.add_argument("--rounds", type=int, default=500, help="atoms whose lineage is asked for")
    parser.add_argument("--batches", type=int, default=4, help="transactions of 20 events that are timed in each graph")
    options = parser.parse_args()
    sys.path.insert(0, str(REPOSITORY))
    from hartonomous_resources.graph.neo4j_graph import Neo4jGraph
    from tests.tools.neo4j.server import TEST_URI, Address, shared_address, start_server

    own = start_server(JAVA, {"server.memory.pagecache.size": "1g"}) if TEST_URI not in os.environ else None
    address = Address(own.uri) if own else shared_address()
    graph = Neo4jGraph(address.settings())
    figures = [*sync(graph, address, options), *synced_from_queue(graph), *questions(graph, options)]
    return finish(figures, options.json)


def sync(graph: Any, address: Any, options: Any) -> list[Figure]:
    """Write the small graph, time events, write the large one, time them again."""
    write(graph, SMALL)
    small = []
    for number in range(WARM_UP + options.batches):
        change = events(1000 + number)
        small.append(write_timed(graph, change))
        graph.write(change)
        graph.write(without(change))  # it stays small
    small = small[WARM_UP:]
    assert graph.counts(TENANT)[0]["Atom"] == SMALL

    n_atoms = atoms_of(options.relationships)
    started = time.perf_counter()
    write(graph, n_atoms)
    note(f"{sum(graph.counts(TENANT)[1].values()):,} relationships in {time.perf_counter() - started:.0f} s")
    batches = [events(2000 + number) for number in range(options.batches)]
    before = sum(graph.counts(TENANT)[1].values())
    large = [write_timed(graph, each) for each in batches]
    again = [write_timed(graph, each) for each in batches]
    edges = len(batches[0].edges)
    assert sum(graph.counts(TENANT)[1].values()) == before + edges * len(batches)
    naive = naively(address)

    rates = {
        name: edges / statistics.median(took) for name, took in (("small", small), ("large", large), ("again", again))
    }
    return [
        Figure(f"relationships/s in a graph of {SMALL:,} atoms", rates["small"], "1/s", at_least=10_000),
        Figure(f"relationships/s in a graph of {n_atoms:,} atoms", rates["large"], "1/s", at_least=10_000),
        Figure("cost of an event there, against the small graph", rates["small"] / rates["large"], "x", at_most=1.3),
        Figure("the same events again, relationships/s", rates["again"], "1/s", at_least=20_000),
        Figure("the same events again, against new ones", rates["again"] / rates["large"], "x"),
        Figure("one MERGE statement per atom, as the .NET worker", naive, "1/s"),
        Figure("batches against that", rates["large"] / naive, "x"),
    ]


def write(graph: Any, n_atoms: int) -> None:
    for change in graph_of(n_atoms):
        graph.write(change)


def write_timed(graph: Any, change: Any) -> float:
    started = time.perf_counter()
    graph.write(change)
    return time.perf_counter() - started


def naively(address: Any) -> float:
    """Measure the relationships per second of the .NET worker's statement, with an index that it did not even have."""
    import neo4j

    credentials = (address.user, address.password)
    with neo4j.GraphDatabase.driver(address.uri, auth=credentials) as driver, driver.session() as session:
        for label, name in (("NaiveAtom", "atomHash"), ("NaiveSource", "sourceId")):
            session.run(f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:{label}) REQUIRE n.{name} IS UNIQUE").consume()

        def merge(n: int) -> None:
            values = {"hash": hash_of(n), "id": n, "contentType": "text/plain", "createdAt": SINCE, "sourceId": 1}
            session.execute_write(lambda transaction: transaction.run(SEED_MERGE, values).consume())

        for n in range(NAIVE):
            merge(-1 - n)
        started = time.perf_counter()
        for n in range(NAIVE):
            merge(n)
        rate = NAIVE / (time.perf_counter() - started)
        session.run("MATCH (n) WHERE n:NaiveAtom OR n:NaiveSource DETACH DELETE n").consume()
    return rate


def questions(graph: Any, options: Any) -> list[Figure]:
    from hartonomous_resources.graph.protocol import Digest, Position

    draw = random.Random(6)
    n_atoms = atoms_of(options.relationships)
    sizes = []

    def lineage(atom: int) -> int:
        found = graph.lineage(TENANT, ("Atom", atom), 4, 1000)
        assert len(found.nodes) == 1000 or {"Source", "Run", "Model", "Tenant"} <= {node.label for node in found.nodes}
        return len(found.nodes)

    def of_any() -> None:
        lineage(draw.randrange(n_atoms))

    def of_a_used_one() -> None:
        """Ask for an atom as often as inferences use it: every eighth use is of the same atom, whose answers fill the page."""
        sizes.append(lineage(hot(n_atoms, draw)))

    def of_the_most_used() -> None:
        assert lineage(0) >= min(1000, n_atoms // 1000)

    def impact() -> None:
        found = graph.impact(TENANT, ("Source", 0), 1000)
        assert found.counts["Atom"] >= LARGE_SOURCE and found.only_here == LARGE_SOURCE and len(found.nodes) == 1000

    def large_source() -> None:
        after = Position(1, "Atom", 4998)  # the tenant is nearer than the atoms, and one node is the source
        assert graph.lineage(TENANT, ("Source", 0), 4, 1000, after=after).next is not None

    def find_path() -> None:
        ends = [("Atom", draw.randrange(n_atoms)) for _ in range(2)]
        assert 1 <= len(graph.path(TENANT, *ends, 10).nodes) <= 4  # the run, if nothing nearer, joins any two

    def digests() -> None:
        found = graph.digests(TENANT, HOUR)
        assert found["Atom_EMBEDDED_BY_Model"] == found["GraphAtom"] and found["GraphAtom"].count >= n_atoms
        assert graph.digests(TENANT, None)["GraphRun"] == Digest(1, 1)

    def impact_of_model() -> None:
        assert graph.impact(TENANT, ("Model", MODEL), 1000).counts["Atom"] >= n_atoms

    timed(of_any, 200)  # the server compiles what runs often
    once, used = timed(of_any, options.rounds), timed(of_a_used_one, options.rounds)
    note(f"nodes in the lineage of a used atom: median {statistics.median(sizes):.0f}, p95 {p95(sizes):.0f}")
    return [
        Figure("lineage of an atom, depth 4, p50", statistics.median(once), "ms"),
        Figure("lineage of an atom, depth 4, p95", p95(once), "ms", at_most=20),
        Figure("lineage of an atom as often as it is used, p50", statistics.median(used), "ms"),
        Figure("lineage of an atom as often as it is used, p95", p95(used), "ms"),
        Figure(
            "lineage of the most used atom, a page of 1,000 nodes, p50",
            statistics.median(timed(of_the_most_used, 30)),
            "ms",
        ),
        Figure("impact of a source of 10,000 atoms, slowest of 10", max(timed(impact, 10)), "ms", at_most=1000),
        Figure("sixth page of that source's lineage, slowest of 10", max(timed(large_source, 10)), "ms"),
        Figure("path between two atoms, p95 of 50", p95(timed(find_path, 50)), "ms"),
        Figure(f"impact of the model of all {n_atoms:,} atoms", max(timed(impact_of_model, 1)), "ms"),
        Figure(f"digests of an hour of {n_atoms:,} atoms", max(timed(digests, 1)), "ms"),
    ]


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


def atoms_of(relationships: int) -> int:
    """Count the atoms of a graph of so many relationships: three for each atom, and an inference of six for every twentieth."""
    return int(relationships / (3 + 6 / 20))


if __name__ == "__main__":
    sys.exit(main())
