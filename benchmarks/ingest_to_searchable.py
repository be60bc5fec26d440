"""Files to searchable sentences: enqueued, landed, atomized, embedded, projected and synced, against encode() alone.

The product is timed from the call of `ingest` in a fresh process (Dagster's import and the loading of the model included; the
model's files are on the disk) to the last projection and graph node. sentence-transformers is timed on encode() of the very
same sentences only, its model loaded and warm.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, count, ewt_documents, finish, note, sentences, sts_pairs, temporary_home

PAIRS_PER_FILE = 25
GENERATED_PER_FILE = 50
PEER = Path(__file__).with_name("peer_sentence_transformers.py")


def write_files(folder: Path, data: Path, generated: int) -> int:
    """Write the 318 EWT documents, and the STS and generated sentences as paragraphs of further files."""
    folder.mkdir()
    texts = ewt_documents(data)
    pairs = sts_pairs(data)
    for start in range(0, len(pairs), PAIRS_PER_FILE):
        texts.append("\n\n".join(f"{first}\n\n{second}" for first, second, _ in pairs[start : start + PAIRS_PER_FILE]))
    more = sentences(data, seed=5)
    texts += ["\n\n".join(islice(more, GENERATED_PER_FILE)) for _ in range(0, generated, GENERATED_PER_FILE)]
    for number, text in enumerate(texts):
        (folder / f"{number:04d}.txt").write_text(text, "utf-8", newline="")
    return len(texts)


def run_product(folder: Path, data: Path, generated: int) -> tuple[float, float, list[str], np.ndarray]:
    """Ingest the files; returns the seconds, those until the first source was inserted, the sentences as stored, and their vectors."""
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.ingest import ingest

    files = write_files(folder / "files", data, generated)
    resources = open_resources()
    note(f"ingesting {files} files")
    started, started_at = time.perf_counter(), datetime.now(UTC)
    result = ingest(resources, [folder / "files"])
    seconds = time.perf_counter() - started
    assert not result["failed"] and not result["stages"], result
    assert len(result["sources"]) == files and {source["status"] for source in result["sources"]} == {"Atomized"}
    database: Any = resources.database
    [landed] = database.connection().execute("SELECT MIN(ReceivedAt) FROM Source").fetchone()
    start_seconds = (datetime.fromisoformat(landed) - started_at).total_seconds()
    found = count(database, "SELECT COUNT(*) FROM Atom WHERE Subtype = 'sentence'")
    for done in (
        "SELECT COUNT(*) FROM AtomEmbedding WHERE HilbertValue IS NOT NULL",
        "SELECT COUNT(*) FROM BackgroundJob WHERE Status = 'Completed'",
    ):
        assert count(database, done) == found > 4000, done
    assert resources.graph.counts(None)[0]["Atom"] == found, "not all atoms are in the graph"
    assert count(database, "SELECT COUNT(*) FROM QueueMessage") == 0
    rows = database.connection().execute(
        "SELECT CanonicalText, EmbeddingVector FROM Atom JOIN AtomEmbedding USING (AtomId) ORDER BY AtomId"
    )
    texts, vectors = zip(*rows, strict=True)
    matrix = np.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(texts), -1)
    return seconds, start_seconds, list(texts), matrix


def run_peer(python: Path, folder: Path, texts: list[str], threads: int) -> tuple[float, np.ndarray]:
    from hartonomous_resources.settings import Settings

    model = Settings().model_dir.expanduser() / "all-MiniLM-L6-v2"
    texts_path, vectors_path = folder / "texts.json", folder / "vectors.npy"
    texts_path.write_text(json.dumps(texts), "utf-8")
    command = [python, PEER, model, texts_path, vectors_path, str(threads)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONWARNINGS": "ignore"}
    note(f"sentence-transformers encode() of {len(texts):,} sentences")
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])["seconds"], np.load(vectors_path, allow_pickle=False)


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
    parser.add_argument("--generated", type=int, default=0, help="so many more sentences, of drawn EWT words (0)")
    options = parser.parse_args()
    with temporary_home(text_unit="sentence", threads=options.threads) as folder:
        from hartonomous_resources.compute.text_model import ensure_text_model
        from hartonomous_resources.settings import Settings

        ensure_text_model(Settings().model_dir)
        seconds, start_seconds, texts, vectors = run_product(folder, options.data, options.generated)
        rate = len(texts) / seconds
        figures = [
            Figure("distinct sentences", len(texts)),
            Figure("ingest to searchable", rate, "sentences/s"),
            Figure("seconds", seconds, "s"),
            Figure("of these, until the first file was landed", start_seconds, "s"),
        ]
        if options.peer_python:
            peer_seconds, peer_vectors = run_peer(options.peer_python, folder, texts, options.threads)
            cosines = (vectors * peer_vectors).sum(axis=1)
            assert len(peer_vectors) == len(texts) and cosines.mean() > 0.98, f"other vectors: {cosines.mean():.3f}"
            peer_rate = len(texts) / peer_seconds
            figures += [
                Figure("sentence-transformers, encode() alone", peer_rate, "sentences/s"),
                Figure("ratio", rate / peer_rate, "times", at_least=3.5),
                Figure("mean cosine of the vectors of both", float(cosines.mean())),
            ]
        note("STS dev")
        fp32, int8 = (sts_spearman(options.data, precision) for precision in ("fp32", "int8"))
        figures += [
            Figure("STS dev Spearman, fp32", fp32),
            Figure("STS dev Spearman, int8", int8),
            Figure("STS dev Spearman, difference", abs(fp32 - int8), at_most=0.005),
        ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
