"""Many small files: a file among very many should cost what a file among few costs.

Each size is ingested into a home of its own, without embedding, through Dagster as `hartonomous ingest` does it when no daemon
runs. A file is one sentence. What a run costs however many files it has (measured with one) is taken off.
"""

import sys
import time
from itertools import islice
from pathlib import Path

from common import Figure, arguments, count, finish, note, sentences, temporary_home

_FILES_PER_FOLDER = 1000


def seconds_per_file(n: int, data: Path) -> float:
    """Ingest n files of a sentence each into a fresh home."""
    with temporary_home(embedding_enabled="false", linger_seconds=0) as folder:
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest

        for number, sentence in enumerate(islice(sentences(data, seed=1), n)):
            path = folder / "files" / f"{number // _FILES_PER_FOLDER:04d}" / f"{number:07d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{number}: {sentence}\n")
        first = folder / "first.txt"
        first.write_text("The first run pays for what is started once.\n")
        resources = open_resources()
        ingest(resources, [first])
        second = folder / "second.txt"
        second.write_text("The second run says what a run costs.\n")
        started = time.perf_counter()
        ingest(resources, [second])
        of_a_run = time.perf_counter() - started
        note(f"ingesting {n:,} files")
        started = time.perf_counter()
        result = ingest(resources, [folder / "files"])
        seconds = time.perf_counter() - started - of_a_run
        assert not result["failed"] and not result["stages"], result["stages"]
        assert len(result["sources"]) == n and all(source["atomCount"] for source in result["sources"])
        waiting = count(resources.database, "SELECT COUNT(*) FROM QueueMessage")
        assert waiting == 0, f"{waiting} messages wait"
        resources.graph.close()
        resources.database.close()
        return seconds / n


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument(
        "--sizes", type=int, nargs=2, default=[1_000, 100_000], help="few and many files (1,000 and 100,000)"
    )
    options = parser.parse_args()
    few, many = options.sizes
    cost_of_few, cost_of_many = (seconds_per_file(n, options.data) for n in (few, many))
    figures = [
        Figure(f"a file among {few:,}", 1000 * cost_of_few, "ms"),
        Figure(f"a file among {many:,}", 1000 * cost_of_many, "ms"),
        Figure("ratio", cost_of_many / cost_of_few, "times", at_most=1.2),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
