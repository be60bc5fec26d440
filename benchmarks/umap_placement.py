"""New rows into a map by UMAP: placed beside their neighbours by the product, against umap-learn's own transform, in turn on the same model.

Real vectors: texts of this machine's documentation, embedded by the product's own model. A map is fitted to some of them by umap-learn with the
product's options; the rows that are placed are others. Trustworthiness is scikit-learn's, by angle, of 15 neighbours among the placed rows.
"""

import os
import statistics
import sys
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from common import Figure, arguments, finish, note, temporary_home
from documentation import documentation
from numpy.typing import NDArray

BATCH = 4096
"""What the stage places at once."""
PLACED = 8 * BATCH
TRANSFORMED = 2000
"""Rows that the peer places in a round: it takes seconds for them."""
JUDGED = 2000
ROUNDS = 3


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--models", type=int, nargs="+", default=[10_000, 50_000], help="rows to which a map is fitted")
    parser.add_argument("--documentation", type=Path, default=Path("/usr/share/doc"))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir(), "hartonomous-benchmark-texts"))
    options = parser.parse_args()
    model_dir = os.environ.get("HARTONOMOUS_MODEL_DIR")
    with temporary_home(log_level="error", **({"model_dir": model_dir} if model_dir else {})):
        from hartonomous_resources.resources import open_resources

        with closing(open_resources()) as resources:
            count = max(options.models) + 15_000
            (_, vectors), _ = documentation(resources, count, 100, options.documentation, options.cache)
    others = vectors[max(options.models) :]
    figures = [figure for rows in options.models for figure in of_model(vectors[:rows], others)]
    return finish(figures, options.json)


def of_model(sample: NDArray[np.float32], others: NDArray[np.float32]) -> list[Figure]:
    from hartonomous_core.spatial.fitted import FitOptions, into_cube, umap_of
    from hartonomous_core.spatial.neighbour_placing import NeighbourPlacing
    from hartonomous_core.spatial.projection_quality import neighbour_overlap, trustworthiness_of

    warnings.filterwarnings("ignore")
    options = FitOptions()
    started = time.perf_counter()
    peer = umap_of(options).fit(sample)
    note(f"{len(sample):,} rows fitted by umap-learn in {time.perf_counter() - started:.0f} s")
    started = time.perf_counter()
    points = into_cube(peer.embedding_.astype(np.float64))
    placing = NeighbourPlacing.of(sample, points, options.n_neighbors, options.seed)
    prepared = time.perf_counter() - started
    many = np.resize(others, (PLACED, others.shape[1]))
    few = others[:TRANSFORMED]

    def place() -> Any:
        return np.concatenate([placing.place(many[start : start + BATCH]) for start in range(0, PLACED, BATCH)])

    started = time.perf_counter()
    peer.transform(few)  # compiles
    first = time.perf_counter() - started
    place()
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(ROUNDS):
        started, worked = time.perf_counter(), time.process_time()
        places = place()
        ours.append(PLACED / (time.process_time() - worked))
        note(f"placed: {PLACED / (time.perf_counter() - started):,.0f} rows/s of wall clock")
        worked = time.process_time()
        moved = peer.transform(few)
        theirs.append(TRANSFORMED / (time.process_time() - worked))
        note(f"round {number + 1} of {ROUNDS}: {ours[-1]:,.0f} and {theirs[-1]:,.0f} rows a second of processor time")
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    judged = others[:JUDGED]
    by_us, by_peer = trustworthiness_of(judged, places[:JUDGED]), trustworthiness_of(judged, moved[:JUDGED])
    name = f"map of {len(sample):,} rows"
    return [
        Figure(f"{name}: placed beside neighbours, median", statistics.median(ours), "rows/s of processor time"),
        Figure(f"{name}: by umap-learn's transform, median", statistics.median(theirs), "rows/s of processor time"),
        Figure(f"{name}: ratio, median", statistics.median(ratios), "x", at_least=20),
        Figure(f"{name}: ratio, worst", min(ratios), "x", at_least=20),
        Figure(f"{name}: trustworthiness of what was placed", by_us, at_least=max(0.80, by_peer - 0.01)),
        Figure(f"{name}: of what transform gave", by_peer),
        Figure(f"{name}: share of the ten nearest kept in 3-D", neighbour_overlap(judged, places[:JUDGED])),
        Figure(f"{name}: of what transform gave", neighbour_overlap(judged, moved[:JUDGED].astype(np.float64))),
        Figure(f"{name}: its cells clustered", prepared, "s"),
        Figure(f"{name}: first transform, which compiles", first, "s"),
    ]


if __name__ == "__main__":
    sys.exit(main())
