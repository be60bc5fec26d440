"""Latency of search over real vectors: texts of this machine's documentation, a vector each, embedded once by the product's own model.

First the ten nearest to real questions, by the index of the product, by exact NumPy and by usearch alone, with recall against float32; then
whole searches in this process; then `hartonomous search` as a command, each in a process of its own.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from common import Figure, arguments, finish, note, temporary_home
from documentation import documentation
from numpy.typing import NDArray

K = 10
ROWS_PER_TRANSACTION = 5000
RUNS_OF_COMMAND = 5
MEBIBYTE = 1024**2

Vectors = NDArray[np.float32]


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--vectors", type=int, default=100_000)
    parser.add_argument(
        "--real",
        type=int,
        help="embed only so many of them, which takes an hour for a million, and make up the rest of these",
    )
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--no-peer", action="store_true", help="without usearch alone, whose build takes minutes")
    parser.add_argument(
        "--documentation", type=Path, default=Path("/usr/share/doc"), help="folder of Debian's documents"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path(tempfile.gettempdir(), "hartonomous-benchmark-texts"),
        help="folder in which texts and vectors are kept for the next time",
    )
    parser.add_argument(
        "--home",
        type=Path,
        help="folder of a home that is kept: with more vectors the next time, those are added and merged",
    )
    options = parser.parse_args()
    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    with temporary_home(log_level="error", **({"model_dir": model_dir} if model_dir else {})):
        if options.home:
            os.environ["HARTONOMOUS_HOME"] = str(options.home)
        figures = measure(options)
    return finish(figures, options.json)


def measure(options: Any) -> list[Figure]:
    from hartonomous_resources.resources import open_resources

    with closing(open_resources()) as resources:
        (texts, vectors), (asked, queries) = documentation(
            resources, options.vectors, options.questions, options.documentation, options.cache, options.real
        )
        note(
            f"{len(texts):,} texts, {sum(map(len, texts)) / len(texts):.0f} characters on average, {len(asked)} others as questions"
        )
        model_id, added = fill(resources, texts, vectors)
        note(f"{added:,} rows inserted")
        figures = merging(resources, model_id, len(texts), added)
        figures += opening(resources, model_id, queries[0])
        figures += compare(resources, model_id, vectors, queries, options.no_peer)
        figures += whole_searches(resources, asked)
    return figures + commands(asked)


def fill(resources: Any, texts: Sequence[str], vectors: Vectors) -> tuple[int, int]:
    """Insert atoms with their vectors, those that are not there, as a client of the database would; returns the ModelId and how many."""
    from hartonomous_resources.work.models import activate_embedding_models

    [model] = resources.compute.models()
    with resources.database.unit_of_work() as unit_of_work:
        [model_id] = activate_embedding_models(unit_of_work, [model])
        [(there,)] = unit_of_work.connection.execute("SELECT COUNT(*) FROM AtomEmbedding")
    for start in range(there, len(texts), ROWS_PER_TRANSACTION):
        numbers = range(start, min(start + ROWS_PER_TRANSACTION, len(texts)))
        with resources.database.unit_of_work() as unit_of_work:
            unit_of_work.connection.executemany(
                "INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (?, 0, 'text', 'sentence', ?, ?)",
                [(number + 1, hashlib.sha256(texts[number].encode()).digest(), texts[number]) for number in numbers],
            )
            unit_of_work.connection.executemany(
                "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt)"
                " SELECT AtomId, 0, ?, ?, ?, IngestHour, CreatedAt FROM Atom WHERE AtomId = ?",
                [(model_id, vectors.shape[1], vectors[number].tobytes(), number + 1) for number in numbers],
            )
        if numbers.stop % 100_000 == 0:
            note(f"{numbers.stop:,} of {len(texts):,} rows inserted")
    return int(model_id), len(texts) - there


def merging(resources: Any, model_id: int, rows: int, added: int) -> list[Figure]:
    """Merge what was added, which is all of it in a new home."""
    before = resident()
    forget_peak()
    with resources.database.read() as unit_of_work:
        merge = resources.vectors.merge(unit_of_work, model_id)
    note(f"merged in {merge.seconds:.0f} s, {merge.segments} segments, {merge.graphs} graphs")
    n = f"search matrix of {rows:,} vectors"
    figures = [
        Figure(f"{n}: segments", merge.segments),
        Figure(f"{n}: graphs", merge.graphs),
        Figure(f"{n}: files", merge.byte_length / MEBIBYTE, "MiB"),
        Figure(f"{n}: recall of the rows that are looked at first", merge.recall, "", at_least=0.99),
    ]
    if added:
        what = f"{n}: merge of {added:,} of them, measured and fsynced"
        figures.append(Figure(what, merge.seconds, "s"))
        figures.append(Figure("the same: peak of memory above before", (peak() - before) / MEBIBYTE, "MiB"))
    return figures


def opening(resources: Any, model_id: int, query: Vectors) -> list[Figure]:
    """The first question of a process, which opens the files, against the second."""
    from hartonomous_resources.resources import open_vectors

    vectors, figures = open_vectors(resources.settings), []
    for which in ("first question of a process (opens the files)", "second"):
        started = time.perf_counter()
        with resources.database.read() as unit_of_work:
            vectors.nearest(unit_of_work, 0, model_id, query, K)
        figures.append(Figure(which, 1000 * (time.perf_counter() - started), "ms"))
    return figures


def compare(resources: Any, model_id: int, vectors: Vectors, queries: Vectors, without_usearch: bool) -> list[Figure]:
    """The index of the product, its comparison with all rows, exact NumPy and usearch alone, on the same vectors and questions."""
    from usearch.index import Index

    from hartonomous_resources.database.searchable_atoms import NO_FILTER
    from hartonomous_resources.vectors.filling import space_now
    from hartonomous_resources.vectors.ranking import Question, nearest_of

    def by_numpy(query: Vectors) -> list[int]:
        scores = vectors @ query
        best = np.argpartition(-scores, K)[:K]
        return (best[np.argsort(-scores[best])] + 1).tolist()

    def by_product(query: Vectors) -> list[int]:
        with resources.database.read() as unit_of_work:
            return [hit.atom_id for hit in resources.vectors.nearest(unit_of_work, 0, model_id, query, K)]

    def by_all_rows(query: Vectors) -> list[int]:
        with resources.database.read() as unit_of_work:
            now = space_now(unit_of_work, model_id)
            segments, young = resources.vectors._rows(unit_of_work, now, 0)
            question = Question(now.space, 0, query, K, NO_FILTER)
            return [
                hit.atom_id
                for hit in nearest_of(unit_of_work, question, [*(segment.of_tenant(0) for segment in segments), *young])
            ]

    n = f"{len(vectors):,} vectors"
    before = resident()
    figures: list[Figure] = []
    nearest = [by_numpy(query) for query in queries]
    note("the product")
    found = timed(f"nearest {K} of {n}, the product", by_product, queries, figures, at_most=5.0)
    figures.append(
        Figure(f"nearest {K} of {n}, the product: recall", recall(vectors, queries, nearest, found), "", at_least=0.99)
    )
    figures.append(
        Figure(f"nearest {K} of {n}, the product: memory above before", (resident() - before) / MEBIBYTE, "MiB")
    )
    note("all rows")
    found = timed(f"nearest {K} of {n}, all rows in a byte a component", by_all_rows, queries, figures, at_most=60.0)
    figures.append(Figure("the same: recall", recall(vectors, queries, nearest, found), "", at_least=0.99))
    note("exact NumPy")
    timed(f"nearest {K} of {n}, exact NumPy (float32)", by_numpy, queries, figures)
    if without_usearch:
        return figures
    note("usearch alone")
    before, started = resident(), time.perf_counter()
    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f16")
    index.add(np.arange(1, len(vectors) + 1), vectors)
    figures.append(Figure(f"usearch alone (f16) of {n}: build", time.perf_counter() - started, "s"))
    found = timed(
        f"nearest {K} of {n}, usearch alone", lambda query: index.search(query, K).keys.tolist(), queries, figures
    )
    figures.append(Figure(f"nearest {K} of {n}, usearch alone: recall", recall(vectors, queries, nearest, found)))
    figures.append(Figure(f"usearch alone (f16) of {n}: memory", (resident() - before) / MEBIBYTE, "MiB"))
    return figures


def whole_searches(resources: Any, asked: Sequence[str]) -> list[Figure]:
    """Searches as the service does them: the question embedded, ranked, hits with their places."""
    from hartonomous_service.search import search

    figures: list[Figure] = []
    for mode in ("semantic", "lexical", "hybrid"):
        note(f"whole searches, {mode}")
        timed(f"{mode} search, whole", lambda text, mode=mode: search(resources, text, mode=mode), asked[:200], figures)
    return figures


def commands(asked: Sequence[str]) -> list[Figure]:
    """The command, from the start of its process to its end."""
    note("commands")
    figures: list[Figure] = []

    def run(text: str) -> bytes:
        command = [
            sys.executable,
            "-c",
            "from hartonomous_service.cli import main; main()",
            "search",
            "--json",
            "--",
            text,
        ]
        return subprocess.run(command, capture_output=True, check=True).stdout

    timed("hartonomous search, a process each", run, asked[: RUNS_OF_COMMAND + 1], figures, at_most=1300.0)
    return figures


def timed(
    what: str, ask: Callable[[Any], Any], questions: Sequence[Any], figures: list[Figure], at_most: float | None = None
) -> list[Any]:
    """Ask each question once, after the first to warm up; adds p50 and p95, for which the limit is, and returns the answers."""
    ask(questions[0])
    times, of_processor, answers = [], [], []
    for question in questions:
        started, worked = time.perf_counter(), time.process_time()
        answers.append(ask(question))
        times.append(1000 * (time.perf_counter() - started))
        of_processor.append(1000 * (time.process_time() - worked))
    figures.append(Figure(f"{what}, p50", float(np.percentile(times, 50)), "ms"))
    figures.append(Figure(f"{what}, p95", float(np.percentile(times, 95)), "ms", at_most=at_most))
    figures.append(
        Figure(f"{what}, p95 by this process's processor time", float(np.percentile(of_processor, 95)), "ms")
    )
    return answers


def recall(vectors: Vectors, queries: Vectors, nearest: list[list[int]], found: list[list[int]]) -> float:
    """The share of the nearest that was found; one as near as the last of them counts as one of them."""
    shares = []
    for query, wanted, got in zip(queries, nearest, found, strict=True):
        least = vectors[wanted[-1] - 1] @ query - 1e-5
        shares.append(sum(vectors[atom_id - 1] @ query >= least for atom_id in got) / len(wanted))
    return float(np.mean(shares))


def resident() -> int:
    return int(psutil.Process().memory_info().rss)


def forget_peak() -> None:
    """Let the peak of this process's memory begin anew, where the system can (Linux)."""
    if (file := Path("/proc/self/clear_refs")).exists():
        file.write_text("5")


def peak() -> int:
    """The peak of this process's resident memory in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return resident()


if __name__ == "__main__":
    sys.exit(main())
