"""The k nearest in 3-D by ranges of the Hilbert curve, in the store, against three peers over the same points: NumPy over all coordinates in memory,
scipy's cKDTree in memory, and an R*Tree of SQLite on disk. Times are of the processor, alternating.

And how many of the nearest by exact cosine are among the nearest in 3-D by the landmark projection.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note, sts_pairs, temporary_home

K = 10
DIMENSION = 384
CLUSTERS = 500
SENTENCES = 3_000
BATCH = 50_000


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--points", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--questions", type=int, default=200)
    options = parser.parse_args()
    with temporary_home() as folder:
        figures = [figure for n in options.points for figure in measure(folder / str(n), n, options.questions)]
        figures += of_cosines(options.data)
    return finish(figures, options.json)


def measure(folder: Path, n: int, questions: int) -> list[Figure]:
    from scipy.spatial import cKDTree

    from hartonomous_core.spatial.hilbert_ranges import Region
    from hartonomous_resources.database.searchable_atoms import NO_FILTER
    from hartonomous_resources.database.sqlite import SqliteDatabase
    from hartonomous_service.search.by_place import Places

    points = draw(n)
    folder.mkdir()
    database = SqliteDatabase(folder / "store.db")
    database.migrate()
    seconds = fill(folder / "store.db", points)
    tree_seconds = fill_tree(folder / "tree.db", points)
    note(f"{n:,} points stored in {seconds:.0f} s, in the R*Tree in {tree_seconds:.0f} s")
    tree = sqlite3.connect(folder / "tree.db")
    in_memory = cKDTree(points)
    low, high = np.full(3, -1.0), np.ones(3)
    rows_read: list[int] = []

    def ours(point: Any) -> list[int]:
        with database.read() as unit_of_work:
            counted = Counted(unit_of_work)
            near = Places(counted, 0, 1, 1).nearest(Region(low, high, point), K, NO_FILTER)  # type: ignore[arg-type]
        rows_read.append(counted.rows)
        return [each.atom_id for each in near]

    def by_numpy(point: Any) -> list[int]:
        distances = ((points - point) ** 2).sum(axis=1)
        nearest = np.argpartition(distances, K)[:K]
        return [int(place) + 1 for place in nearest[np.argsort(distances[nearest])]]

    def by_kd_tree(point: Any) -> list[int]:
        return [int(place) + 1 for place in in_memory.query(point, K)[1]]

    ways: dict[str, Callable[[Any], list[int]]] = {
        "ours": ours,
        "NumPy over all": by_numpy,
        "cKDTree": by_kd_tree,
        "R*Tree": partial(by_r_tree, tree),
    }
    generator = np.random.default_rng(3)
    asked = np.clip(points[generator.integers(n, size=questions)] + generator.normal(0, 0.01, (questions, 3)), -1, 1)
    for way in ways.values():
        way(asked[0])
    rows_read.clear()
    taken: dict[str, list[float]] = {name: [] for name in ways}
    same = 0
    for point in asked:
        found = {}
        for name, way in ways.items():
            started = time.process_time()
            found[name] = way(point)
            taken[name].append(time.process_time() - started)
        same += len(set(found["ours"]) & set(found["NumPy over all"]))
        assert set(found["R*Tree"]) == set(found["NumPy over all"]) == set(found["cKDTree"])
    database.close()
    half = {name: percentile(times, 50) for name, times in taken.items()}
    figures = [
        Figure(f"{name}, {K} nearest of {n:,}, p{part}", 1000 * percentile(times, part), "ms of the processor")
        for name, times in taken.items()
        for part in (50, 95)
    ]
    return [
        *figures,
        *(Figure(f"{name} takes, times ours", half[name] / half["ours"], "x") for name in ways if name != "ours"),
        *(Figure(f"rows read of {n:,}, p{part}", percentile(rows_read, part), "rows") for part in (50, 95)),
        Figure("recall against all coordinates", same / (K * questions), at_least=1.0),
    ]


class Counted:
    """A transaction whose queries count the rows that they return."""

    def __init__(self, unit_of_work: Any) -> None:
        self.rows = 0
        self._unit_of_work = unit_of_work

    def query(self, statement: Any, **parameters: object) -> list[Any]:
        rows: list[Any] = self._unit_of_work.query(statement, **parameters)
        self.rows += len(rows)
        return rows


def draw(n: int) -> Any:
    """Points as the landmark projection has them, about the middle, in clusters."""
    generator = np.random.default_rng(1)
    centres = generator.normal(0, 0.25, (CLUSTERS, 3))
    return np.clip(centres[generator.integers(CLUSTERS, size=n)] + generator.normal(0, 0.05, (n, 3)), -1, 1)


def fill(path: Path, points: Any, draw_vectors: Callable[[int], Sequence[bytes]] | None = None) -> float:
    """Store atoms with these places, by hand and without jobs and words; each vector is so many zeros, or drawn for a block of rows."""
    from hartonomous_core.spatial.hilbert import encode

    zeros = bytes(4 * DIMENSION)
    started = time.perf_counter()
    with written(path) as connection:
        for (trigger,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(
            "INSERT INTO EmbeddingModel (Modality, Name, Dimension, ArtifactHash, Precision, CreatedAt) VALUES ('text', 'm', ?, 'm', 'int8', '')",
            (DIMENSION,),
        )
        connection.execute(
            "INSERT INTO ProjectionModel (ModelId, Method, Parameters, ArtifactHash, Active, CreatedAt) VALUES (1, 'landmark', '{}', 'p', 1, '')"
        )
        rows = zip(points.tolist(), encode(points).tolist(), range(1, len(points) + 1), strict=True)
        while block := list(islice(rows, BATCH)):
            vectors = draw_vectors(len(block)) if draw_vectors else [zeros] * len(block)
            connection.executemany(
                "INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText, CreatedAt, IngestHour, InsertedByHand)"
                " VALUES (?, 0, 'text', 'passage', ?, 'text', '', '2026-11-23-09:00', 1)",
                ((number, number.to_bytes(32, "big")) for _, _, number in block),
            )
            connection.executemany(
                "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, X, Y, Z, HilbertValue, ProjectionModelId,"
                " IngestHour, CreatedAt) VALUES (?, 0, 1, ?, ?, ?, ?, ?, ?, 1, '2026-11-23-09:00', '')",
                (
                    (number, DIMENSION, vector, *point, value)
                    for vector, (point, value, number) in zip(vectors, block, strict=True)
                ),
            )
    return time.perf_counter() - started


def fill_tree(path: Path, points: Any) -> float:
    started = time.perf_counter()
    with written(path) as connection:
        connection.execute("CREATE VIRTUAL TABLE Tree USING rtree(Id, X0, X1, Y0, Y1, Z0, Z1, +X, +Y, +Z)")
        connection.executemany(
            "INSERT INTO Tree VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            ((number, x, x, y, y, z, z, x, y, z) for number, (x, y, z) in enumerate(points.tolist(), start=1)),
        )
    return time.perf_counter() - started


@contextmanager
def written(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    with connection:
        yield connection
    connection.close()


def by_r_tree(tree: sqlite3.Connection, point: Any) -> list[int]:
    """The nearest by an R*Tree, which finds boxes: the box grows until it holds the ball of the k-th distance."""
    x, y, z = point.tolist()
    reach = 0.01
    while True:
        found = tree.execute(
            "SELECT Id, X, Y, Z FROM Tree WHERE X1 >= ? AND X0 <= ? AND Y1 >= ? AND Y0 <= ? AND Z1 >= ? AND Z0 <= ?",
            (x - reach, x + reach, y - reach, y + reach, z - reach, z + reach),
        ).fetchall()
        if len(found) >= K:
            rows = np.array(found)
            distances = ((rows[:, 1:] - point) ** 2).sum(axis=1)
            order = np.argsort(distances)[:K]
            farthest = float(distances[order[-1]] ** 0.5)
            if farthest <= reach:
                return [int(each) for each in rows[order, 0]]
            reach = farthest * (1 + 1e-6)
        else:
            reach *= 2


def percentile(values: Sequence[float], part: int) -> float:
    return float(np.percentile(values, part))


def of_cosines(data: Path) -> list[Figure]:
    """How many of the ten sentences nearest by cosine are among the ten, the hundred nearest in 3-D."""
    from hartonomous_core.spatial import landmarks
    from hartonomous_resources.compute.in_process import InProcessCompute
    from hartonomous_resources.settings import Settings

    texts = list(dict.fromkeys(text for first, second, _ in sts_pairs(data) for text in (first, second)))[:SENTENCES]
    compute = InProcessCompute(Settings())
    [model] = [each for each in compute.models() if each.modality == "text"]
    vectors = compute.embed(model, texts).vectors
    compute.close()
    axes = landmarks.landmark_axes(vectors.shape[1])
    points = landmarks.project(vectors, axes, np.zeros(3), landmarks.scale_for(vectors.shape[1]))
    cosines = vectors @ vectors.T
    distances = ((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(cosines, -np.inf)
    np.fill_diagonal(distances, np.inf)
    alike = np.argsort(-cosines, axis=1)[:, :K]
    near = np.argsort(distances, axis=1)
    return [
        Figure(
            f"of the {K} nearest by cosine of {len(texts):,} sentences, among the {most} nearest in 3-D by landmarks",
            float(
                np.mean(
                    [len(set(a) & set(b)) / K for a, b in zip(alike.tolist(), near[:, :most].tolist(), strict=True)]
                )
            ),
        )
        for most in (K, 100)
    ]


if __name__ == "__main__":
    sys.exit(main())
