"""Measures the time from a file to its searchable sentences, with `hartonomous dev` running: from rest, and while a run lingers.

A file is searchable when each of its sentences has an embedding with its Hilbert value. The clock starts before the file is
enqueued. "From rest" means that no run is queued or started: the sensor has to ask for one, and Dagster to start it. Where that time
goes is read from Dagster's events of the run and from the times in the tables.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, count, ewt_documents, finish, note, sentences, temporary_home

WAIT_SECONDS = 180.0
POLL_SECONDS = 0.002

SENTENCES_OF_A_FILE = 6
"""Of those that come at once: EWT has too few documents for many of them, so their sentences are made of its words."""

SENTENCES = """FROM Source AS s JOIN SourceAtom AS sa USING (SourceId) JOIN Atom AS a USING (AtomId)
LEFT JOIN AtomEmbedding AS e ON e.AtomId = a.AtomId AND e.HilbertValue IS NOT NULL
WHERE s.SourceUri = ? AND s.Status = 'Atomized' AND a.Subtype = 'sentence'"""

PARTS = [
    "the file is enqueued",
    "the sensor's tick, until the run is launched",
    "interpreter and imports, until the run begins",
    "Dagster's set-up, until the step begins",
    "landed and atomized",
    "model loaded, texts encoded and stored",
    "placed and seen",
]
"""Parts of the time from rest, in their order."""

LINGERING_PARTS = ["the file is enqueued", "landed and atomized", "texts encoded and stored", "placed and seen"]


@contextmanager
def dev() -> Iterator[None]:
    """Run a real `hartonomous dev` on the home of the environment, from when its page is up."""
    command = [sys.executable, "-c", "from hartonomous_service.cli import main; main()", "dev"]
    with tempfile.TemporaryFile("w+") as words:
        process = subprocess.Popen(command, stdout=words, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while "the page is at" not in (said := os.pread(words.fileno(), 65536, 0).decode()):
                assert process.poll() is None and time.monotonic() < deadline, f"dev did not come up: {said[-2000:]}"
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


class Bench:
    """The home, its database, and Dagster's view of its runs."""

    def __init__(self, folder: Path) -> None:
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.dagster_home import open_instance

        self.resources = open_resources()
        self.database: Any = self.resources.database
        self.instance = open_instance(self.resources.settings)
        self.files = folder / "files"
        self.files.mkdir()
        self.written = 0
        self.clock: list[float] = []
        """Time of day before and after the latest files were enqueued, and when all were searchable."""

    def wait_for_rest(self) -> None:
        """Wait until no run is unfinished, and until the sensor is waiting again: Dagster starts its ticks every five seconds."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not all(run.is_finished for run in self.instance.get_runs(limit=20)):
            assert time.monotonic() < deadline, "the runs do not come to an end"
            time.sleep(0.2)
        time.sleep(6.0)

    def measure_latencies(self, texts: Sequence[str]) -> list[float]:
        """Put the texts on the queue as files, at once, and wait until each is searchable."""
        from hartonomous_service.ingest import ingest

        paths = []
        for text in texts:
            self.written += 1
            paths.append(self.files / f"{self.written:04d}.txt")
            paths[-1].write_text(text, "utf-8", newline="")
        self.clock = [time.time()]
        started = time.monotonic()
        result = ingest(self.resources, paths, wait=False)
        self.clock.append(time.time())
        assert not result["failed"], result["failed"]
        waiting = deque(path.as_uri() for path in paths)
        seconds = []
        while waiting:
            assert time.monotonic() - started < WAIT_SECONDS, f"{len(waiting)} files were never searchable"
            time.sleep(POLL_SECONDS)
            # A file is looked at when the one before it is searchable: to look at all of many takes the processor from the product.
            while waiting and self._is_searchable(waiting[0]):
                waiting.popleft()
                seconds.append(time.monotonic() - started)
        self.clock.append(time.time())
        return seconds

    def split(self) -> list[float]:
        """Split the time of the latest file, for which a run was started, into PARTS."""
        from dagster import DagsterEventType, RunsFilter

        from hartonomous_assets.our_runs import CHAIN_JOB_NAME

        [run] = self.instance.get_runs(RunsFilter(job_name=CHAIN_JOB_NAME), limit=1)
        wanted = (
            DagsterEventType.PIPELINE_STARTING,
            DagsterEventType.PIPELINE_START,
            DagsterEventType.STEP_START,
        )
        events = {
            entry.dagster_event.event_type_value: entry.timestamp
            for entry in self.instance.all_logs(run.run_id)
            if entry.dagster_event
        }
        return self._parts(*(events[each.value] for each in wanted))

    def lingering_split(self) -> list[float]:
        """Split the time of the latest file, which a run took that was there, into LINGERING_PARTS."""
        return self._parts()

    def _parts(self, *of_run: float) -> list[float]:
        """Return how long each part took, up to and after the times of a run."""
        [latest] = self.database.connection().execute(
            "SELECT (SELECT MAX(CreatedAt) FROM Atom), (SELECT MAX(CreatedAt) FROM AtomEmbedding)"
        )
        stored = [datetime.fromisoformat(each).timestamp() for each in latest]
        return [after - before for before, after in pairwise([*self.clock[:2], *of_run, *stored, self.clock[2]])]

    def _is_searchable(self, uri: str) -> bool:
        sentences, vectors = (
            self.database.connection().execute(f"SELECT COUNT(*), COUNT(e.AtomId) {SENTENCES}", (uri,)).fetchone()
        )
        return 0 < sentences == vectors


def quantiles(what: str, seconds: list[float], p50: float, p95: float | None = None) -> list[Figure]:
    return [
        Figure(f"{what}, p50 of {len(seconds)}", float(np.percentile(seconds, 50)), "s", at_most=p50),
        Figure(f"{what}, p95", float(np.percentile(seconds, 95, method="higher")), "s", at_most=p95),
    ]


def medians(parts: Sequence[str], seconds: Sequence[Sequence[float]]) -> list[Figure]:
    """Return the median of each part over all files."""
    return [
        Figure(f"  {part}", float(np.median(of_part)), "s")
        for part, of_part in zip(parts, zip(*seconds, strict=True), strict=True)
    ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="single files from rest (10)")
    parser.add_argument("--files", type=int, default=30, help="files one by one while a run lingers (30)")
    parser.add_argument("--at-once", type=int, default=30, help="files at once from rest (30)")
    options = parser.parse_args()
    with temporary_home(text_unit="sentence", linger_seconds=1) as folder:
        bench = Bench(folder)
        texts = iter(text for text in ewt_documents(options.data) if len(text) > 200)
        with dev():
            bench.measure_latencies([next(texts)])  # the code server has then run its first run
            one_by_one, parts = [], []
            for number in range(options.rounds):
                bench.wait_for_rest()
                one_by_one += bench.measure_latencies([next(texts)])
                parts.append(bench.split())
                note(f"from rest {number + 1}: {one_by_one[-1]:.2f} s")
            bench.wait_for_rest()
            drawn = sentences(options.data, seed=1)
            files = [" ".join(islice(drawn, SENTENCES_OF_A_FILE)) for _ in range(options.at_once)]
            at_once = bench.measure_latencies(files)
            note(f"{options.at_once} at once from rest: {max(at_once):.2f} s")
            bench.wait_for_rest()
        os.environ["HARTONOMOUS_LINGER_SECONDS"] = "60"
        with dev():
            bench.measure_latencies([next(texts)])
            lingering, lingering_parts = [], []
            for _ in range(options.files):
                time.sleep(0.3)
                lingering += bench.measure_latencies([next(texts)])
                lingering_parts.append(bench.lingering_split())
        ingested = 2 + options.rounds + options.at_once + options.files
        assert count(bench.database, "SELECT COUNT(*) FROM Source WHERE Status = 'Atomized'") == ingested
        assert count(bench.database, "SELECT COUNT(*) FROM BackgroundJob WHERE Status <> 'Completed'") == 0
    figures = [
        *quantiles("from rest, one file", one_by_one, 2.0),
        *medians(PARTS, parts),
        Figure(f"from rest, {options.at_once} files at once, the last one", max(at_once), "s"),
        Figure("  sentences a second until then", options.at_once * SENTENCES_OF_A_FILE / max(at_once), "/s"),
        *quantiles("while a run lingers", lingering, 0.03, 0.06),
        *medians(LINGERING_PARTS, lingering_parts),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
