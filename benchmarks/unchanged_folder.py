"""A folder ingested, then ingested again unchanged, each by the command line in a process of its own.

The second time nothing may happen: no atom, no embedding, no run.
"""

import json
import os
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

from common import Figure, arguments, count, finish, note, sentences, temporary_home

COMMAND = [sys.executable, "-c", "from hartonomous_service.cli import main; main()", "ingest", "--json"]


def ingest(folder: Path) -> tuple[float, dict[str, Any]]:
    started = time.perf_counter()
    done = subprocess.run([*COMMAND, folder], stdout=subprocess.PIPE, check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started, json.loads(done.stdout)


def state() -> dict[str, int]:
    """Count what must not change the second time."""
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.dagster_home import open_instance

    resources = open_resources()
    tables = ("Source", "Atom", "SourceAtom", "AtomEmbedding", "BackgroundJob", "QueueMessage", "DeadLetter")
    counts = {table: count(resources.database, f"SELECT COUNT(*) FROM {table}") for table in tables}  # noqa: S608
    counts["unfinished jobs"] = count(
        resources.database, "SELECT COUNT(*) FROM BackgroundJob WHERE Status <> 'Completed'"
    )
    counts["runs"] = open_instance(resources.settings).get_runs_count()
    return counts


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--files", type=int, default=1000, help="small files (1,000)")
    parser.add_argument("--sentences", type=int, default=6, help="sentences a file (6, as in the EWT documents)")
    options = parser.parse_args()
    with temporary_home() as folder:
        files = folder / "files"
        for number in range(options.files):
            path = files / f"{number // 100:02d}" / f"{number:05d}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(" ".join(islice(sentences(options.data, seed=number), options.sentences)) + "\n")
        # The program's own files are read once before anything is timed.
        subprocess.run([*COMMAND[:-2], "migrate"], check=True, stdout=subprocess.DEVNULL, env=os.environ)
        note(f"ingesting {options.files:,} files")
        first, result = ingest(files)
        assert len(result["sources"]) == options.files and not result["failed"]
        before = state()
        assert before["AtomEmbedding"] == before["Atom"] >= options.files and before["runs"] > 0
        assert before["QueueMessage"] == before["unfinished jobs"] == before["DeadLetter"] == 0, before
        note("again")
        again, result = ingest(files)
        assert len(result["sources"]) == options.files and not result["failed"]
        assert state() == before, f"{before} became {state()}"
    figures = [
        Figure(f"{options.files:,} files of {options.sentences} sentences, first time", first, "s"),
        Figure("again, unchanged", again, "s", at_most=max(1.0, options.files / 1000)),
        Figure("ratio", first / again, "times"),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
