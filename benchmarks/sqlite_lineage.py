"""Lineage, impact, path and counts on the embedded default: the views over tables that hold a million INGESTED_FROM edges.

Files of 200 atoms, of which 80 stand in earlier files too, some in very many; one source of 10,000 atoms; one atom that stands in a tenth
as many sources as there are edges; runs, derivations, versions, gaps, files half written; every tenth atom embedded and placed; inferences
that use four atoms and produce one.
"""

import random
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from common import Figure, arguments, finish, note, temporary_home

from hartonomous_core.vocabulary import LABELS
from hartonomous_resources.database.rows.graph_rows import (
    GRAPH_COUNTS_OF_HOUR,
    GRAPH_DIGESTS,
    GRAPH_NUMBERS_OF_HOUR,
)
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.transactions import query
from hartonomous_resources.graph.protocol import Position
from hartonomous_resources.graph.table_graph import TableGraph

LARGE_SOURCE = 10_000
"""Atoms of the first source."""
FILE, SHARED = 200, 80
"""Atoms of the others, and how many of these earlier files hold."""
HUB_SHARE = 10
"""The hub atom stands in one source for so many edges."""
EMBEDDED, INFERENCE_OF, DERIVED_OF = 10, 20, 50
"""Of so many atoms, one is embedded, one produced by an inference, one derived from another."""
SOURCES_OF_RUN = 50
DIMENSION = 384
HUB = 1
"""Number of the atom that stands in very many sources."""
HOURS = [f"2026-11-23-{hour:02}:00" for hour in range(10)]


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--relationships", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=300, help="atoms whose lineage is asked for")
    parser.add_argument("--database", type=Path, help="keep the database here, and take the one that is there")
    parser.add_argument("--processor", action="store_true", help="the processor's time, where other work runs beside")
    options = parser.parse_args()
    with temporary_home() as folder:
        clock = time.process_time if options.processor else time.perf_counter
        figures = measure(options.database or folder / "hartonomous.db", options.relationships, options.rounds, clock)
    return finish(figures, options.json)


def measure(path: Path, relationships: int, rounds: int, clock: Callable[[], float]) -> list[Figure]:
    is_new = not path.exists()
    database = SqliteDatabase(path)
    database.migrate()
    if is_new:
        with database.unit_of_work() as unit_of_work:
            Tables(unit_of_work.connection, relationships).fill()
    graph = TableGraph(database)
    nodes, edges = graph.counts(0)
    n_atoms = nodes["Atom"]
    note(
        f"{sum(nodes.values()):,} nodes, {sum(edges.values()):,} relationships, {edges['INGESTED_FROM']:,} of them INGESTED_FROM"
    )
    assert edges["INGESTED_FROM"] >= relationships * 0.98, edges
    draw = random.Random(7)

    def asked() -> int:
        """Choose, equally often, any atom or one of those that sources and inferences share most."""
        return 3 + int((n_atoms - 3) * (draw.random() if draw.random() < 0.5 else draw.random() ** 4))

    def lineage() -> None:
        assert len(graph.lineage(0, ("Atom", asked()), 4, 1000).nodes) >= 4

    def lineage_of_any() -> None:
        assert len(graph.lineage(0, ("Atom", draw.randrange(3, n_atoms)), 4, 1000).nodes) >= 4

    def lineage_as_of() -> None:
        assert len(graph.lineage(0, ("Atom", asked()), 4, 1000, as_of=since(len(HOURS) - 1)).nodes) >= 4

    def hub() -> None:
        assert graph.lineage(0, ("Atom", HUB), 4, 1000).next

    def far_in_the_hub() -> None:
        assert graph.lineage(0, ("Atom", HUB), 4, 1000, after=Position(1, "Source", 90_000)).next

    def impact() -> None:
        found = graph.impact(0, ("Source", 1), 1000)
        assert found.counts["Atom"] >= LARGE_SOURCE > found.only_here > 0 and len(found.nodes) == 1000

    def page_of_large_source() -> None:
        assert graph.lineage(0, ("Source", 1), 1, 1000, after=Position(1, "Atom", LARGE_SOURCE // 2)).next

    def find_path() -> None:
        found = graph.path(0, ("Atom", draw.randrange(3, n_atoms)), ("Atom", draw.randrange(3, n_atoms)), 10)
        assert len(found.nodes) >= 3

    def counts() -> None:
        assert graph.counts(0) == (nodes, edges)

    def digests() -> None:
        assert query(database, GRAPH_DIGESTS, tenant_id=0, hour=HOURS[3])

    def dangling() -> None:
        assert query(database, "dangling_edges", tenant_id=None, hour=HOURS[3]) == []

    def counts_of_hour() -> None:
        assert query(database, GRAPH_COUNTS_OF_HOUR, hour=HOURS[3])

    def hub_nodes() -> None:
        with database.read() as unit_of_work:
            for label in (label for label in LABELS if label in ("Run", "Model", "Tenant")):
                asked_for = {"tenant_id": 0, "label": label, "hour": None, "after": -1, "n": 1000}
                numbers = [row["number"] for row in unit_of_work.query(GRAPH_NUMBERS_OF_HOUR, **asked_for)]
                assert len(unit_of_work.graph_nodes(0, label, numbers)) == nodes[label]

    def timed(question: Callable[[], None], rounds: int) -> list[float]:
        """Run a question and return the milliseconds of each round; one round before them is not counted."""
        question()
        took = []
        for _ in range(rounds):
            started = clock()
            question()
            took.append((clock() - started) * 1000)
        return took

    any_atom = timed(lineage_of_any, rounds)
    return [
        Figure("lineage of an atom, depth 4, p50", statistics.median(any_atom), "ms"),
        Figure("lineage of an atom, depth 4, p95", p95(any_atom), "ms", at_most=20),
        Figure(
            "every other atom one of those that most has, up to 1,000 nodes, p95", p95(timed(lineage, rounds)), "ms"
        ),
        Figure("the same as of a time, p95", p95(timed(lineage_as_of, rounds)), "ms"),
        Figure("lineage of the atom of 100,000 sources, slowest of 10", max(timed(hub, 10)), "ms"),
        Figure("a page far into it, slowest of 10", max(timed(far_in_the_hub, 10)), "ms"),
        Figure("impact of a source of 10,000 atoms, slowest of 10", max(timed(impact, 10)), "ms", at_most=1000),
        Figure("sixth page of that source's lineage, slowest of 10", max(timed(page_of_large_source, 10)), "ms"),
        Figure("path between two atoms, p95 of 20", p95(timed(find_path, 20)), "ms"),
        Figure("nodes of all runs, models and the tenant", max(timed(hub_nodes, 10)), "ms"),
        Figure("counts of the graph, slowest of 5", max(timed(counts, 5)), "ms", at_most=1000),
        Figure("counts of an hour of a tenth of it", max(timed(counts_of_hour, 3)), "ms"),
        Figure("digests of that hour", max(timed(digests, 3)), "ms"),
        Figure("edges without an end looked for in that hour", max(timed(dangling, 3)), "ms"),
    ]


class Tables:
    """Writes the rows of all tables that the graph's views read."""

    def __init__(self, connection: sqlite3.Connection, relationships: int) -> None:
        self._connection = connection
        self._draw = random.Random(5)
        self._hubs = relationships // HUB_SHARE
        self._files = (relationships - 2 * self._hubs - LARGE_SOURCE) // FILE
        self._made = 0

    def fill(self) -> None:
        """Write them in one transaction. What is searched by words is no part of the graph and is left out."""
        for trigger in ("Atom_TextInserted", "Atom_TextDeleted", "Atom_TextUpdated", "Atom_TextReplaced"):
            self._connection.execute(f"DROP TRIGGER {trigger}")
        self._connection.execute(
            "INSERT INTO EmbeddingModel (ModelId, Modality, Name, Dimension, ArtifactHash, Precision, Active, CreatedAt)"
            " VALUES (1, 'text', 'model', ?, 'model', 'int8', 1, ?)",
            (DIMENSION, since(0)),
        )
        self._connection.execute(
            "INSERT INTO ProjectionModel (ProjectionModelId, ModelId, Method, Parameters, ArtifactHash, Active, CreatedAt)"
            " VALUES (1, 1, 'landmark', '{}', 'projection', 1, ?)",
            (since(0),),
        )
        self._sources()
        self._occurrences()
        self._connection.execute(
            "UPDATE Atom SET ReferenceCount = (SELECT COUNT(*) FROM SourceAtom AS sa WHERE sa.AtomId = Atom.AtomId)"
        )
        n_atoms = self._made
        self._many(
            "AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, X, Y, Z, HilbertValue, ProjectionModelId, IngestHour,"
            " RunId, CreatedAt)",
            (
                (n, 0, 1, DIMENSION, bytes(4 * DIMENSION), 0.1, 0.1, 0.1, n, 1, hour_of(n), "run 0", since(n))
                for n in range(3, n_atoms, EMBEDDED)
            ),
        )
        self._inferences(n_atoms)

    def _sources(self) -> None:
        """1: the large one, then files, each twentieth a new version of the one before, each tenth found in it; then half-written ones."""
        n_sources = self._first_hub() + self._hubs
        self._many(
            "Source (SourceId, TenantId, SourceUri, ParentSourceId, Version, ContentType, ContentHash, ByteLength, IngestHour, Status,"
            " MessageId, ReceivedAt, LastSeenAt)",
            (
                (n, 0, f"file:///{n}", n - 1 if n % 10 == 5 else None, 1, "text/plain", digest(f"source {n}"), 9_000, hour_of(n),
                 "Atomizing" if n == self._files + 2 else "Atomized", f"message {n}", since(n), since(n))
                for n in range(1, n_sources)
            ),
        )  # fmt: skip
        self._connection.execute(
            "UPDATE Source SET SupersededBy = SourceId + 1 WHERE SourceId % 20 = 6 AND SourceId < ?", (self._files,)
        )
        self._many(
            "SourceRun (SourceId, RunId)",
            ((n, f"run {n // SOURCES_OF_RUN}" if n < self._first_hub() else "hub") for n in range(1, n_sources)),
        )

    def _first_hub(self) -> int:
        """The first of the sources that hold the hub atom and one of their own."""
        return self._files + 3

    def _occurrences(self) -> None:
        """Atom 1 is the hub, atom 2 the gap of every file."""
        self._atoms([1], 1)
        self._atoms([2], 1, "gap")
        self._made = 3
        rows: list[tuple[int, int, int]] = []
        for source_id in range(1, self._first_hub()):
            wanted = LARGE_SOURCE if source_id == 1 else FILE
            n_old = 0 if source_id == 1 else SHARED
            new = range(self._made, self._made + wanted - n_old)
            self._atoms(new, source_id)
            old = [3 + int((self._made - 3) * self._draw.random() ** 4) for _ in range(n_old)]
            rows += [(source_id, ordinal, atom_id) for ordinal, atom_id in enumerate([*new, 2, *old])]
            self._made += len(new)
        for source_id in range(self._first_hub(), self._first_hub() + self._hubs):
            self._atoms([self._made], source_id)
            rows += [(source_id, 0, 1), (source_id, 1, self._made)]
            self._made += 1
        self._many("SourceAtom (SourceId, Role, Ordinal, AtomId)", ((s, "content", n, a) for s, n, a in rows))
        derived = (row for row in rows if row[1] % DERIVED_OF == 1 and row[0] < self._first_hub())
        self._many(
            "AtomDerivation (SourceId, DerivedAtomId, FromAtomId)", ((s, a, a - 1) for s, _, a in derived if a > 3)
        )

    def _atoms(self, numbers: Iterable[int], source_id: int, subtype: str = "passage") -> None:
        self._many(
            "Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, InsertedByHand, IngestHour, CreatedAt)",
            (
                (n, 0, "text", subtype, atom_hash(n), f"What stands in the passage with the number {n}.", 0, hour_of(source_id), since(source_id))
                for n in numbers
            ),
        )  # fmt: skip

    def _inferences(self, n_atoms: int) -> None:
        numbers = range(n_atoms // INFERENCE_OF)
        self._many(
            "Inference (InferenceId, TenantId, Model, CreatedAt)",
            ((f"answer {n}", 0, "writer" if n % 2 else "model", since(n)) for n in numbers),
        )
        self._many(
            "InferenceAtom (TenantId, InferenceId, Role, Ordinal, AtomHash)",
            (
                (0, f"answer {n}", role, ordinal, atom_hash(3 + int((n_atoms - 3) * self._draw.random() ** power)))
                for n in numbers
                for role, ordinal, power in [("output", 0, 1), *(("input", each, 4) for each in range(4))]
            ),
        )

    def _many(self, into: str, rows: Iterable[tuple[Any, ...]]) -> None:
        places = ", ".join("?" * (into.count(",") + 1))
        self._connection.executemany(f"INSERT INTO {into} VALUES ({places})", rows)  # noqa: S608 - names are ours


def digest(text: str) -> bytes:
    return sha256(text.encode()).digest()


def atom_hash(number: int) -> bytes:
    return digest(f"What stands in the passage with the number {number}.")


def hour_of(number: int) -> str:
    return HOURS[number % len(HOURS)]


def since(number: int) -> str:
    return f"2026-11-23T{number % len(HOURS):02}:44:16.123Z"


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


if __name__ == "__main__":
    sys.exit(main())
