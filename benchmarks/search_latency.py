"""Latency of search over vectors of 384 dimensions: by meaning, by words and both, each with the text model warm.

Atoms are inserted by hand, so that no chain need run; a tenth of the vectors lie near the questions, the rest anywhere.
"""

import hashlib
import os
import statistics
import sys
import time
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note, sentences, temporary_home

QUESTIONS = ("what makes the sea rise", "who was at the meeting", "how a bridge is built", "music for the evening")
BATCH = 5000


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--vectors", type=int, default=25_000)
    parser.add_argument("--rounds", type=int, default=20, help="times that each question is asked, in each mode")
    options = parser.parse_args()
    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    with temporary_home(**({"model_dir": model_dir} if model_dir else {})):
        figures = measure(options.data, options.vectors, options.rounds)
    return finish(figures, options.json)


def measure(data: Path, vectors: int, rounds: int) -> list[Figure]:
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.search import search

    figures = []
    with closing(open_resources()) as resources:
        fill(resources, data, vectors)
        note(f"{vectors:,} vectors")
        for mode in ("semantic", "lexical", "hybrid"):
            search(resources, QUESTIONS[0], mode=mode)
            times = []
            for question in QUESTIONS * rounds:
                started = time.perf_counter()
                found = search(resources, question, mode=mode)["results"]
                times.append(1000 * (time.perf_counter() - started))
                assert mode == "lexical" or len(found) == 10, (mode, question, len(found))
            times.sort()
            figures.append(Figure(f"{mode} search of {vectors:,} vectors, p50", statistics.median(times), "ms"))
            figures.append(Figure(f"{mode} search of {vectors:,} vectors, p95", times[int(0.95 * len(times))], "ms"))
    return figures


def fill(resources: Any, data: Path, vectors: int) -> None:
    """Insert atoms with their vectors, as a client of the database would."""
    from hartonomous_resources.work.models import activate_embedding_models

    [model] = resources.compute.models()
    near = resources.compute.embed(model, list(QUESTIONS)).vectors
    with resources.database.unit_of_work() as unit_of_work:
        [model_id] = activate_embedding_models(unit_of_work, [model])
    draw = np.random.default_rng(5)
    texts = sentences(data, seed=5)
    connection = resources.database.connection()
    for start in range(0, vectors, BATCH):
        n = min(BATCH, vectors - start)
        made = draw.standard_normal((n, near.shape[1])).astype(np.float32) / np.float32(near.shape[1] ** 0.5)
        made[::10] += near[draw.integers(len(near), size=len(made[::10]))]
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        with resources.database.unit_of_work():
            for number, (text, vector) in enumerate(zip(islice(texts, n), made, strict=True), start=start + 1):
                connection.execute(
                    "INSERT INTO Atom (AtomId, TenantId, Modality, Subtype, ContentHash, CanonicalText) VALUES (?, 0, 'text', 'sentence', ?, ?)",
                    (number, hashlib.sha256(str(number).encode()).digest(), text),
                )
                connection.execute(
                    "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt)"
                    " SELECT AtomId, 0, ?, ?, ?, IngestHour, CreatedAt FROM Atom WHERE AtomId = ?",
                    (model_id, len(vector), vector.tobytes(), number),
                )


if __name__ == "__main__":
    sys.exit(main())
