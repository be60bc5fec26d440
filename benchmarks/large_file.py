"""A large file, text or binary, through the stages sources and atoms: peak memory above the idle process, speed, bytes stored."""

import hashlib
import random
import resource
import sys
import time
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
from common import Figure, arguments, count, finish, note, sentences, temporary_home

MIB = 1024 * 1024
PARTS = 20_000  # sentences are put together from so many parts, four each: 10^17 different ones


def write_bytes(path: Path, size: int) -> bytes:
    """Write bytes that nothing compresses and no chunk of which is there twice; returns the SHA-256."""
    draw = random.Random(11)
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for written in range(0, size, MIB):
            block = draw.randbytes(min(MIB, size - written))
            digest.update(block)
            file.write(block)
    return digest.digest()


def write_text(path: Path, size: int, data: Path, distinct: float) -> bytes:
    """Write sentences in paragraphs of ten, the share `distinct` of them new; returns the SHA-256."""
    draw = random.Random(11)
    parts = [sentence.rstrip(".").lower() for sentence in islice(sentences(data, seed=7, words=5), PARTS)]
    known = [f"{' '.join(draw.choices(parts, k=4)).capitalize()}." for _ in range(PARTS)]
    digest = hashlib.sha256()
    written = 0
    with path.open("wb") as file:
        while written < size:
            paragraph = " ".join(
                f"{' '.join(draw.choices(parts, k=4)).capitalize()}."
                if draw.random() < distinct
                else draw.choice(known)
                for _ in range(10)
            )
            block = f"{paragraph}\n\n".encode()[: size - written]
            digest.update(block)
            file.write(block)
            written += len(block)
    return digest.digest()


def peak_bytes() -> int:
    """Return the most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=1024, help="MiB of the file (1024)")
    parser.add_argument("--kind", choices=["text", "binary"], default="text", help="of what the file is (text)")
    parser.add_argument("--unit", choices=["sentence", "passage"], default="sentence", help="of text (sentence)")
    parser.add_argument("--distinct", type=float, default=0.8, help="part of the sentences that is new (0.8)")
    options = parser.parse_args()
    size = options.size * MIB
    with temporary_home(text_unit=options.unit, max_source_bytes=16 * 1024 * MIB) as folder:
        from hartonomous_assets import atoms, chain, sources
        from hartonomous_assets.stage import Work
        from hartonomous_core.clock import current_hour
        from hartonomous_resources.resources import open_resources
        from hartonomous_service.ingest import ingest
        from hartonomous_service.statistics import collect_stats

        path = folder / f"large.{'txt' if options.kind == 'text' else 'bin'}"
        note(f"writing {options.size:,} MiB of {options.kind}")
        write = partial(write_text, data=options.data, distinct=options.distinct)
        sha256 = (write if options.kind == "text" else write_bytes)(path, size)
        resources = open_resources()
        database: Any = resources.database
        ingest(resources, [path], wait=False)
        idle, peak_before = psutil.Process().memory_info().rss, peak_bytes()

        def report(stage: Any, done: Any) -> None:
            if done.steps % 100 == 0:
                note(f"{stage.name}: {done.counts}, {(peak_bytes() - idle) / MIB:.0f} MiB above idle")

        note("sources and atoms")
        started = time.perf_counter()
        work = Work(current_hour(), "benchmark", resources)
        reports = chain.run_stages(work, [sources.STAGE, atoms.STAGE], 0.0, report)
        seconds = time.perf_counter() - started
        peak = peak_bytes()

        assert not any(done.error for done in reports.values()), reports
        assert peak > peak_before, "making the file took more memory than reading it: measure a larger file"
        row = database.connection().execute("SELECT Status, ContentHash, ByteLength FROM Source").fetchone()
        assert tuple(row) == ("Atomized", sha256, size), tuple(row)
        covered = "SELECT SUM(ByteLength + COALESCE(length(Suffix), 0)) FROM SourceAtom"
        assert count(database, covered) == size, "the atoms do not cover the file"
        occurrences = count(database, "SELECT COUNT(*) FROM SourceAtom")
        held = collect_stats(resources)
        database.close()
    figures = [
        Figure("file", options.size, "MiB"),
        Figure("peak memory above the idle process", (peak - idle) / MIB, "MiB", at_most=256),
        Figure("idle process", idle / MIB, "MiB"),
        Figure("speed", size / MIB / seconds, "MiB/s"),
        Figure("atoms, each as often as it occurs", occurrences),
        Figure("distinct atoms", held["atoms"]),
        Figure("of these a second", occurrences / seconds, "1/s"),
        Figure("content stored, each atom once", held["bytesStored"] / MIB, "MiB"),
        Figure("on disk, all tables and indexes", held["bytesOnDisk"] / MIB, "MiB"),
    ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
