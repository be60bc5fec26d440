"""Files to searchable passages: enqueued, landed, atomized, embedded, projected and in the graph, against encode() alone.

The product is timed from the call of `ingest` in a fresh process (Dagster's import and the loading of the model included; the
model's files are on the disk, its kernels compiled) to the last projection. sentence-transformers is timed on encode() of the very
same passages only, its model loaded and warm; so is the product's own encoder, to say what all else costs. Rounds alternate; nothing
else may run: torch loses nine tenths of its speed to one busy core.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import SUPPRESS
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, count, finish, note, sts_pairs
from storage import distinct_documents, documents

DOCUMENTS_PER_FILE = 25
TEXTS_A_CALL = 256
PEER = Path(__file__).with_name("peer_sentence_transformers.py")


def texts_of_files(data: Path, bytes_in_all: int, small_files: int) -> Iterator[str]:
    """Yield documents, one a file; without `small_files` of many documents each, until there are enough bytes."""
    if small_files:
        yield from islice(documents(data), small_files)
        return
    written = 0
    more = distinct_documents(data)
    while written < bytes_in_all:
        text = "\n\n".join(islice(more, DOCUMENTS_PER_FILE))
        written += len(text.encode())
        yield text


def run_once(folder: Path, threads: int) -> None:
    """Ingest the files; leaves the passages as stored, their vectors and the seconds in `folder`. In a process of its own."""
    os.environ |= {"HARTONOMOUS_HOME": str(folder / "home"), "HARTONOMOUS_THREADS": str(threads)}
    import hartonomous_service.garbage  # noqa: F401 - as the command does
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.ingest import ingest

    resources = open_resources()
    started, started_at = time.perf_counter(), datetime.now(UTC)
    result = ingest(resources, [folder / "files"])
    seconds = time.perf_counter() - started
    assert not result["failed"] and not result["stages"], result
    assert {source["status"] for source in result["sources"]} == {"Atomized"}
    database: Any = resources.database
    [landed] = database.connection().execute("SELECT MIN(ReceivedAt) FROM Source").fetchone()
    found = count(database, "SELECT COUNT(*) FROM Atom WHERE Subtype = 'passage'")
    for done in (
        "SELECT COUNT(*) FROM AtomEmbedding WHERE HilbertValue IS NOT NULL",
        "SELECT COUNT(*) FROM BackgroundJob WHERE Status = 'Completed'",
    ):
        assert count(database, done) == found > 100, done
    assert resources.graph.counts(None)[0]["Atom"] == found, "not all atoms are in the graph"
    assert count(database, "SELECT COUNT(*) FROM QueueMessage") == 0
    rows = database.connection().execute(
        "SELECT CanonicalText, EmbeddingVector FROM Atom JOIN AtomEmbedding USING (AtomId) ORDER BY AtomId"
    )
    texts, vectors = zip(*rows, strict=True)
    np.save(folder / "ours.npy", np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(texts), -1))
    (folder / "texts.json").write_text(json.dumps(texts), "utf-8")
    start_seconds = (datetime.fromisoformat(landed) - started_at).total_seconds()
    print(json.dumps({"seconds": seconds, "start": start_seconds, "passages": len(texts)}))


def run(command: list[Any], threads: int) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def encoder_seconds(compute: Any, texts: list[str]) -> float:
    """Return how long the product's encoder alone takes, warm, in calls such as the stage makes."""
    [model] = compute.models()
    started = time.perf_counter()
    for start in range(0, len(texts), TEXTS_A_CALL):
        compute.embed(model, texts[start : start + TEXTS_A_CALL])
    return time.perf_counter() - started


def sts_spearman(data: Path, precision: str) -> float:
    """Compute the rank correlation of the cosine of each pair with its human score."""
    from scipy.stats import spearmanr

    from hartonomous_resources.resources import open_compute
    from hartonomous_resources.settings import Settings

    pairs = sts_pairs(data)
    compute = open_compute(Settings(text_precision=precision))
    [model] = compute.models()
    first, second = (compute.embed(model, [pair[side] for pair in pairs]).vectors for side in (0, 1))
    return float(spearmanr((first * second).sum(axis=1), [score for *_, score in pairs]).statistic)


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--peer-python", type=Path, help="interpreter of an environment with sentence-transformers")
    parser.add_argument("--threads", type=int, default=2, help="threads of both (2)")
    parser.add_argument("--passages", type=int, default=4000, help="about so many (4000)")
    parser.add_argument("--small-files", type=int, default=0, help="so many files of one document each instead")
    parser.add_argument("--rounds", type=int, default=5, help="rounds, each of both (5)")
    parser.add_argument("--once", type=Path, help=SUPPRESS)
    options = parser.parse_args()
    if options.once:
        run_once(options.once, options.threads)
        return 0
    from hartonomous_resources.resources import open_compute
    from hartonomous_resources.settings import Settings

    compute = open_compute(Settings(threads=options.threads))
    compute.embed(compute.models()[0], ["fetched and compiled"])
    model = Settings().model_dir.expanduser() / "all-MiniLM-L6-v2"
    rates, starts, besides, ratios, cosines = [], [], [], [], []
    peer_rates = []
    for number in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="hartonomous-benchmark-") as path:
            folder = Path(path)
            (folder / "files").mkdir()
            for file, text in enumerate(texts_of_files(options.data, options.passages * 675, options.small_files)):
                (folder / "files" / f"{file:04d}.txt").write_text(text, "utf-8", newline="")
            note(f"round {number + 1} of {options.rounds}: ingesting {file + 1} files")
            ours = run([sys.executable, __file__, "--once", folder, "--threads", str(options.threads)], options.threads)
            rates.append(ours["passages"] / ours["seconds"])
            starts.append(ours["start"])
            encoding = encoder_seconds(compute, json.loads((folder / "texts.json").read_text("utf-8")))
            besides.append((ours["seconds"] - encoding) / encoding)
            if options.peer_python:
                note(f"sentence-transformers encode() of {ours['passages']:,} passages")
                command = [
                    options.peer_python,
                    PEER,
                    model,
                    folder / "texts.json",
                    folder / "peer.npy",
                    str(options.threads),
                ]
                peer = run(command, options.threads)
                peer_rates.append(ours["passages"] / peer["seconds"])
                ratios.append(peer["seconds"] / ours["seconds"])
                vectors, others = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("ours", "peer"))
                cosines.append(float((vectors * others).sum(axis=1).mean()))
                assert cosines[-1] > 0.98, f"other vectors: {cosines[-1]:.3f}"
    figures = [
        Figure("distinct passages", ours["passages"]),
        Figure("ingest to searchable, median", statistics.median(rates), "passages/s"),
        Figure("of the seconds, until the first file was landed, median", statistics.median(starts), "s"),
        Figure(
            "all that is no encoding, Dagster's start included, of the encoder's seconds", statistics.median(besides)
        ),
    ]
    if ratios:
        target = None if options.rounds < 2 else 3.0 if options.small_files else 4.5
        figures += [
            Figure("sentence-transformers, encode() alone, median", statistics.median(peer_rates), "passages/s"),
            Figure("ratio, median", statistics.median(ratios), "times", at_least=target),
            Figure("ratio, worst", min(ratios), "times"),
            Figure("mean cosine of the vectors of both", min(cosines)),
        ]
    note("STS dev")
    fp32, int8 = (sts_spearman(options.data, precision) for precision in ("fp32", "int8"))
    figures += [
        Figure("STS dev Spearman, fp32", fp32),
        Figure("STS dev Spearman, int8", int8),
        Figure("STS dev Spearman, difference", abs(fp32 - int8), at_most=0.002),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
