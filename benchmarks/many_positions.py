"""All vectors of a store placed anew, as when a projection was fitted, against the same updates by SQLite alone; and a table of all places.

Rows a second of the processor: reading, placing, keeping the former places, writing, events and, in the end, deleting the former places. The peer
writes new coordinates and Hilbert values into the rows of a copy, in lots of as many, with the same indexes. Memory is what the process has at
most beyond what it had, in a process of its own.
"""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from common import REPOSITORY, Figure, arguments, finish, note, temporary_home
from spatial_search import DIMENSION, draw, fill, written

BATCH = 4096
SAMPLE = 10_000

TABLE = """
import sys
from pathlib import Path
from hartonomous_resources.resources import open_resources
from hartonomous_service.placed_atoms import PlacedAtoms
import pandas
resources = open_resources()
def peak():  # ru_maxrss would begin with that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
before = peak()
frame = PlacedAtoms(resources, 0, (1, int(sys.argv[1])), texts=False).to_frame()
print(len(frame), frame.memory_usage(deep=True).sum(), peak() - before)
"""


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--points", type=int, nargs="*", default=[100_000, 1_000_000])
    options = parser.parse_args()
    figures = [figure for n in options.points for figure in measure(n)]
    return finish(figures, options.json)


def measure(n: int) -> list[Figure]:
    with temporary_home(log_level="error") as folder:
        from hartonomous_resources.database.sqlite import SqliteDatabase

        path = folder / "home" / "hartonomous.db"
        path.parent.mkdir()
        with closing(SqliteDatabase(path)) as database:
            database.migrate()
        generator = np.random.default_rng(5)

        def draw_vectors(count: int) -> list[bytes]:
            vectors = generator.standard_normal((count, DIMENSION), dtype=np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            return [vector.tobytes() for vector in vectors]

        seconds = fill(path, draw(n), draw_vectors)
        with written(path) as connection:
            connection.execute("UPDATE EmbeddingModel SET Active = 1")
        note(f"{n:,} points stored in {seconds:.0f} s")
        shutil.copyfile(path, folder / "copy.db")
        size = path.stat().st_size
        took, rows, projection_id = refill(path)
        assert rows == n
        grown = (path.stat().st_size - size) / n
        peer = update(folder / "copy.db", n)
        (folder / "copy.db").unlink()
        length, held, peak = table(projection_id)
        assert length == n
    return [
        Figure(f"{n:,} embeddings placed anew", n / took, "rows/s of the processor"),
        Figure("the same updates by SQLite alone", n / peer, "rows/s of the processor"),
        Figure("ratio", peer / took, "x"),
        Figure("what the file has grown by", grown, "bytes a row"),
        Figure(f"table of {n:,} places without texts: what pandas holds", held / 1e6, "MB"),
        Figure("the same: peak memory of to_frame()", peak / 1e6, "MB"),
    ]


def refill(path: Path) -> tuple[float, int, int]:
    """Fit a PCA to a sample, and place all by it; returns the seconds of the processor, how many it has placed, and its number."""
    from hartonomous_assets.projections import place_anew
    from hartonomous_core.spatial.fitted import FitOptions, fit, to_artifact
    from hartonomous_resources.compute.in_process import InProcessCompute
    from hartonomous_resources.database.sqlite import SqliteDatabase
    from hartonomous_resources.settings import Settings
    from hartonomous_resources.work.models import active_embedding_models
    from hartonomous_resources.work.space_projections import add_projection_model, fill_with

    sample = np.random.default_rng(6).standard_normal((SAMPLE, DIMENSION), dtype=np.float32)
    placing: Any = fit("pca", sample / np.linalg.norm(sample, axis=1, keepdims=True), FitOptions())
    parameters = {"dimension": DIMENSION, "mean": placing.mean.tolist(), "scale": placing.scale}
    with closing(SqliteDatabase(path)) as database, closing(InProcessCompute(Settings())) as compute:
        with database.unit_of_work() as unit_of_work:
            projection_id = add_projection_model(
                unit_of_work, 1, "pca", parameters, trained_on=SAMPLE, artifact=to_artifact("pca", placing)
            )
            fill_with(unit_of_work, 1, projection_id)
            [model] = active_embedding_models(unit_of_work)
        started = time.process_time()
        while place_anew(database, compute, model, BATCH, None):
            pass
        took = time.process_time() - started
    with sqlite3.connect(path) as connection:
        counted = "SELECT COUNT(*) FROM AtomEmbedding WHERE ProjectionModelId = ?"
        return took, connection.execute(counted, (projection_id,)).fetchone()[0], projection_id


def update(path: Path, n: int) -> float:
    """Write other places into all rows; returns the seconds of the processor."""
    from hartonomous_core.spatial.hilbert import encode

    points = np.random.default_rng(7).uniform(-1, 1, (n, 3))
    rows = [*zip(points.tolist(), encode(points).tolist(), range(1, n + 1), strict=True)]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        started = time.process_time()
        for first in range(0, n, BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(
                "UPDATE AtomEmbedding SET X = ?, Y = ?, Z = ?, HilbertValue = ? WHERE AtomEmbeddingId = ?",
                ((*point, value, number) for point, value, number in rows[first : first + BATCH]),
            )
            connection.execute("COMMIT")
        return time.process_time() - started


def table(projection_id: int) -> tuple[int, int, int]:
    """Rows, bytes that pandas holds, and peak bytes above those before, of the table of all places."""
    done = subprocess.run(
        [sys.executable, "-c", TABLE, str(projection_id)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    length, held, peak = json.loads(f"[{done.stdout.strip().replace(' ', ',')}]")
    return length, held, peak


if __name__ == "__main__":
    sys.exit(main())
