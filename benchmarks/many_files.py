"""Many small files: a file among very many should cost what a file among few costs.

Each size is ingested into a home of its own, without embedding, through Dagster as `hartonomous ingest` does it when no daemon
runs. A file is one sentence. What a run costs however many files it has (the median of some with one file) is taken off. On a
machine that does other work beside it, the time of the processor says more than the clock.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from common import Figure, arguments, count, finish, note, sentences, temporary_home

_FILES_PER_FOLDER = 1000
_RUNS = 3


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of the clock and of the processor."""

    wall: float
    processor: float


def measured(work: Callable[[], object]) -> Cost:
    """Run a piece of work and measure its cost."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - processor)


def measure_cost_per_file(file_count: int, data: Path) -> Cost:
    """Ingest `file_count` files of a sentence each into a fresh home."""
    with temporary_home(embedding_enabled="false", linger_seconds=0) as folder:
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest

        for number, sentence in enumerate(islice(sentences(data, seed=1), file_count)):
            path = folder / "files" / f"{number // _FILES_PER_FOLDER:04d}" / f"{number:07d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}: {sentence}\n")
        resources = open_resources()
        runs = []
        for number in range(_RUNS + 1):
            one = folder / f"one {number}.txt"
            one.write_text(f"Run {number} says what a run costs.\n")
            runs.append(measured(lambda one=one: ingest(resources, [one])))
        of_a_run = Cost(*(median(getattr(run, name) for run in runs[1:]) for name in ("wall", "processor")))
        note(f"ingesting {file_count:,} files")
        results: list[dict[str, Any]] = []
        cost = measured(lambda: results.append(ingest(resources, [folder / "files"])))
        [result] = results
        assert not result["failed"] and not result["stages"], result["stages"]
        assert len(result["sources"]) == file_count and all(source["atomCount"] for source in result["sources"])
        waiting = count(resources.database, "SELECT COUNT(*) FROM QueueMessage")
        assert waiting == 0, f"{waiting} messages wait"
        resources.graph.close()
        resources.database.close()
        return Cost((cost.wall - of_a_run.wall) / file_count, (cost.processor - of_a_run.processor) / file_count)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs=2, default=[1_000, 100_000], help="few and many files (1,000 and 100,000)"
    )
    options = parser.parse_args()
    few, many = (measure_cost_per_file(n, options.data) for n in options.sizes)
    figures = []
    for n, cost in zip(options.sizes, (few, many), strict=True):
        figures.append(Figure(f"a file among {n:,}", 1000 * cost.wall, "ms"))
        figures.append(Figure(f"a file among {n:,}, processor", 1000 * cost.processor, "ms"))
    figures.append(Figure("ratio", many.wall / few.wall, "times", at_most=1.2))
    figures.append(Figure("ratio, processor", many.processor / few.processor, "times"))
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
