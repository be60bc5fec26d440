"""What text costs on disk, and how fast it gets there.

EWT documents and CISI abstracts, again and again until there are enough; in each copy, of every sentence one word is another, so that
hardly two sentences are alike and nothing is stored twice. They are ingested into a home without embedding, through Dagster as
`hartonomous ingest` does it when no daemon runs; each file has many documents, about a megabyte. Then everything in the home is
counted: Dagster's storage is stated, the graph is views and takes nothing, there are no models. With `--vectors`, unit vectors that are made up are
inserted for all atoms that need one and placed, their jobs are completed, and the search matrix is built: only their size counts here.

The targets are those of passages; sentences are stated beside. Two short ones may be alike.

The speed is that of the stages `sources` and `atoms`, in one process and by its processor time, against nupunkt alone on the same text.
Then `provenance_graph` takes in their events; its share would be less if embedding, which takes most of an ingest, were counted.
"""

import json
import os
import random
import re
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import Figure, arguments, count, ewt_documents, finish, note, temporary_home

FILE_BYTES = 1_000_000
_WARM_UP = b"A sentence before all others. And another."
_SENTENCE = re.compile(r"[^.!?\n]*\w[^.!?\n]*[.!?\n]*")
_WORD = re.compile(r"\w+")
_UNITS = ("passage", "sentence")


def documents(data: Path) -> list[str]:
    """Read the texts of EWT and CISI."""
    with (data / "cisi_docs.jsonl").open(encoding="utf-8") as lines:
        return ewt_documents(data) + [json.loads(line)["text"] for line in lines]


def distinct_documents(data: Path) -> Iterator[str]:
    """Yield endless documents, of the same words and as long as those of the data, with one word of each sentence exchanged."""
    originals = documents(data)
    words = _WORD.findall(" ".join(originals))
    draw = random.Random(12)

    def exchange(sentence: re.Match[str]) -> str:
        start, stop = draw.choice([word.span() for word in _WORD.finditer(sentence[0])])
        return sentence[0][:start] + draw.choice(words) + sentence[0][stop:]

    while True:
        for text in originals:
            yield _SENTENCE.sub(exchange, text)


def write_files(folder: Path, data: Path, megabytes: float) -> int:
    """Write files of about FILE_BYTES until there are so many megabytes; returns how many bytes there are."""
    folder.mkdir(parents=True)
    texts = distinct_documents(data)
    total = 0
    while total < megabytes * 1_000_000:
        parts: list[str] = []
        while sum(map(len, parts)) < FILE_BYTES:
            parts.append(next(texts))
        content = "\n\n".join(parts).encode()
        (folder / f"{total:012d}.txt").write_bytes(content)
        total += len(content)
    return total


def bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


def insert_vectors(resources: Any, dimension: int) -> int:
    """Insert a vector for every atom that needs one, complete its job, place it, and build the search matrix; returns how many there are."""
    import numpy as np

    from hartonomous_core.clock import timestamp
    from hartonomous_resources.database.rows.embedding_rows import insert_embedding

    database, now, made = resources.database, timestamp(), 0
    draw = np.random.default_rng(12)
    with database.unit_of_work() as unit_of_work:
        model = {
            "modality": "text",
            "name": "made up",
            "artifact_hash": "0" * 64,
            "precision": "fp32",
            "settings": "{}",
        }
        unit_of_work.execute("insert_embedding_model", **model, dimension=dimension, now=now)
        unit_of_work.execute("activate_embedding_model", model_id=1)
        parameters = {"parameters": "{}", "trained_on": 0, "artifact_hash": "0" * 64}
        unit_of_work.execute("insert_projection_model", model_id=1, method="landmark", **parameters, now=now)
    while True:
        with database.unit_of_work() as unit_of_work:
            claim = {
                "owner": "benchmark",
                "now": now,
                "lease_until": timestamp(300),
                "least_attempts": 0,
                "most_attempts": 1,
            }
            [hour] = unit_of_work.connection.execute("SELECT COALESCE(MIN(IngestHour), '') FROM StoredJob").fetchone()
            jobs = unit_of_work.query(
                "claim_jobs", hour=hour, job_type="GenerateEmbedding", **claim, n=256, model_ids=None
            )
            vectors = draw.standard_normal((len(jobs), dimension), dtype=np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            unit_of_work.execute_many(
                insert_embedding,
                (
                    insert_embedding(
                        atom_id=job["atomId"],
                        model_id=1,
                        dimension=dimension,
                        embedding_vector=vector.tobytes(),
                        window_count=1,
                        run_id=str(uuid.UUID(int=12)),
                        created_at=now,
                    )
                    for job, vector in zip(jobs, vectors, strict=True)
                ),
            )
            ids = json.dumps([job["jobId"] for job in jobs])
            unit_of_work.execute("complete_jobs", job_ids=ids, owner="benchmark", now=timestamp(), result=None)
        made += len(jobs)
        if not jobs:
            break
    with database.unit_of_work() as unit_of_work:
        unit_of_work.connection.execute(
            "UPDATE AtomEmbedding SET X = EmbeddingVector IS NULL, Y = random() / 1e19, Z = random() / 1e19, X = random() / 1e19,"
            " HilbertValue = abs(random()), ProjectionModelId = 1"
        )
    return made


def measure_size(options: Any, unit: str) -> list[Figure]:
    """Ingest the files into a fresh home and count the bytes of everything."""
    with temporary_home(embedding_enabled="false", linger_seconds=0, text_unit=unit) as folder:
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest
        from hartonomous_service.statistics import collect_stats

        home = folder / "home"
        bytes_in = write_files(folder / "files", options.data, options.megabytes)
        resources = open_resources()
        note(f"{unit}: ingesting {bytes_in / 1e6:.1f} MB in {len(list((folder / 'files').iterdir()))} files")
        begin = time.perf_counter()
        result = ingest(resources, [folder / "files"])
        seconds = time.perf_counter() - begin
        assert not result["failed"] and not result["stages"], (result["failed"][:1], result["stages"])
        assert count(resources.database, "SELECT COUNT(*) FROM QueueMessage") == 0
        atoms = count(resources.database, "SELECT COUNT(*) FROM Atom WHERE Subtype <> 'gap'")
        dedup_ratio = collect_stats(resources)["dedupRatio"]
        resources.close()

        def stored() -> dict[str, int]:
            sizes = {path.name: bytes_below(path) for path in home.iterdir() if path.is_dir()}
            sizes["database"] = sum(path.stat().st_size for path in home.glob("hartonomous.db*"))
            sizes.pop("models", None)
            return sizes

        sizes = stored()
        figures = [
            Figure(f"{unit}: dedupRatio", dedup_ratio, "", *((0.99, 1.01) if unit == "passage" else ())),
            Figure(f"{unit}: atoms", atoms),
            Figure(f"{unit}: bytes of text per atom", bytes_in / atoms),
            Figure(f"{unit}: database", sizes["database"] / bytes_in, "x the input"),
            Figure(f"{unit}: Dagster's storage", sizes.get("dagster", 0) / bytes_in, "x the input"),
            Figure(
                f"{unit}: stored without vectors",
                sum(sizes.values()) / bytes_in,
                "x the input",
                at_most=2.3 if unit == "passage" else None,
            ),
            Figure(f"{unit}: all stages, through Dagster", bytes_in / 1e6 / seconds, "MB/s"),
        ]
        if options.vectors:
            note(f"{unit}: inserting made-up vectors of {options.vectors} dimensions")
            resources = open_resources()
            assert insert_vectors(resources, options.vectors) == atoms
            build_matrix(resources, options.vectors)
            resources.close()
            sizes = stored()
            figures.append(
                Figure(
                    f"{unit}: stored with vectors and search matrix",
                    sum(sizes.values()) / bytes_in,
                    "x the input",
                    at_most=5.5 if unit == "passage" else None,
                )
            )
        if options.tables:
            print_tables(home / "hartonomous.db", bytes_in)
        return figures


def build_matrix(resources: Any, dimension: int) -> None:
    """Ask for the nearest to some vector: the first question builds the matrix."""
    import numpy as np

    with resources.database.read() as unit_of_work:
        query = np.eye(1, dimension, dtype=np.float32)[0]
        assert len(resources.vectors.nearest(unit_of_work, 0, 1, query, 10)) == 10


def print_tables(database: Path, bytes_in: int) -> None:
    """Print what each table and index takes, where this SQLite can tell."""
    import sqlite3

    client = sqlite3.connect(database)
    for name, size, unused in client.execute(
        "SELECT name, SUM(pgsize), SUM(unused) FROM dbstat GROUP BY name ORDER BY 2 DESC LIMIT 20"
    ):
        note(f"  {name}: {size / bytes_in:.3f} x the input, {unused / size:.0%} of it unused")
    [free], [page] = (client.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_size"))
    note(f"  free pages: {free * page / bytes_in:.3f} x the input")
    client.close()


def write_warm_up(folder: Path) -> Path:
    path = folder / "warm up.txt"
    path.write_bytes(_WARM_UP)
    return path


def run_both(resources: Any, files: list[Path]) -> None:
    """Put files on the queue, and run the stages sources and atoms on them."""
    from hartonomous_assets import atoms, sources
    from hartonomous_core.messages import INGESTION_QUEUE, IngestionRequest

    with resources.database.unit_of_work() as unit_of_work:
        bodies = [(str(path), IngestionRequest(tenant_id=0, uri=path.as_uri()).to_body()) for path in files]
        unit_of_work.enqueue(INGESTION_QUEUE, bodies)
    run_stages_of(resources, sources.STAGE, atoms.STAGE)


def run_provenance(resources: Any) -> float:
    """Take the events off their queue, as the last stage does; returns the seconds of the processor."""
    from hartonomous_assets import provenance

    begin = time.process_time()
    run_stages_of(resources, provenance.STAGE)
    assert count(resources.database, "SELECT COUNT(*) FROM QueueMessage") == 0
    return time.process_time() - begin


def run_stages_of(resources: Any, *stages: Any) -> None:
    from hartonomous_assets.chain import run_stages
    from hartonomous_assets.stage import Work
    from hartonomous_core.clock import current_hour

    reports = run_stages(Work(current_hour(), "run", resources), stages, 0, lambda _stage, _report: None)
    assert not [report.error for report in reports.values() if report.error], reports


def measure_speed(options: Any, unit: str) -> list[Figure]:
    """Time the stages sources and atoms, and nupunkt alone, on the same text."""
    with temporary_home(embedding_enabled="false", linger_seconds=0, text_unit=unit) as folder:
        import nupunkt

        from hartonomous_resources.resources import open_resources

        megabytes = min(options.megabytes, options.speed_megabytes)
        bytes_in = write_files(folder / "files", options.data, megabytes)
        os.environ["HARTONOMOUS_ALLOWED_ROOTS"] = json.dumps([str(folder / "files")])
        resources = open_resources()
        files = sorted((folder / "files").iterdir())
        texts = [path.read_text(encoding="utf-8") for path in files]
        spans = nupunkt.load("default").span_tokenize
        note(f"{unit}: nupunkt alone, {bytes_in / 1e6:.1f} MB")
        alone_wall, alone = time.perf_counter(), time.process_time()
        for text in texts:
            list(spans(text))
        alone_wall, alone = time.perf_counter() - alone_wall, time.process_time() - alone
        run_both(resources, [write_warm_up(folder / "files")])  # loads what is loaded once
        run_provenance(resources)
        note(f"{unit}: sources and atoms")
        wall, processor = time.perf_counter(), time.process_time()
        run_both(resources, files)
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
        done = count(resources.database, "SELECT SUM(ByteLength) FROM Source WHERE Status = 'Atomized'")
        assert done == bytes_in + len(_WARM_UP), (done, bytes_in)
        provenance = run_provenance(resources)
        resources.close()
        return [
            Figure(f"{unit}: nupunkt alone, one core", bytes_in / 1e6 / alone, "MB/s"),
            Figure(f"{unit}: sources and atoms, by the processor", bytes_in / 1e6 / processor, "MB/s"),
            Figure(f"{unit}: the same by the clock", bytes_in / 1e6 / wall, "MB/s"),
            Figure(f"{unit}: ratio to nupunkt by the clock", alone_wall / wall, "of its speed"),
            Figure(
                f"{unit}: sources and atoms against nupunkt",
                alone / processor,
                "of its speed",
                at_least=0.4 if unit == "passage" else None,
            ),
            Figure(
                f"{unit}: provenance_graph, of the processor's time of these three",
                100 * provenance / (processor + provenance),
                "%",
                at_most=3,
            ),
        ]


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--megabytes", type=float, default=100, help="text to store (100)")
    parser.add_argument("--speed-megabytes", type=float, default=20, help="text that the speed is measured on (20)")
    parser.add_argument(
        "--vectors", type=int, nargs="?", const=384, help="store vectors of so many dimensions, too (384)"
    )
    parser.add_argument("--units", nargs="+", choices=_UNITS, default=_UNITS, help="passage and sentence")
    parser.add_argument("--tables", action="store_true", help="say on stderr what each table takes")
    options = parser.parse_args()
    figures = []
    for unit in options.units:
        figures += measure_size(options, unit)
        figures += measure_speed(options, unit)
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
