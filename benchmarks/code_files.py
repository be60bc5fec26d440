"""Source code, files and one that is too large to be parsed, through the stages sources and atoms: speed, and memory above the idle process."""

import os
import shutil
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import psutil
from common import REPOSITORY, Figure, arguments, count, finish, note, temporary_home

MIB = 1024 * 1024


def library(megabytes: float) -> list[Path]:
    """Files of Python's standard library and of the packages beside it, so many megabytes."""
    chosen, size = [], 0
    for name in ("stdlib", "purelib"):
        for path in sorted(Path(sysconfig.get_path(name)).rglob("*.py")):
            if size < megabytes * 1e6 and path.is_file() and "test" not in path.parts:
                chosen.append(path)
                size += path.stat().st_size
    return chosen


def scripts() -> list[Path]:
    """Those of SQL Server and of SQLite that this repository has."""
    return [path for path in sorted((REPOSITORY / "sql").rglob("*.sql")) if path.stat().st_size]


def write_large(path: Path, sources: list[Path], size: int) -> None:
    """Write the files again and again, each time with another word for `self`."""
    written = number = 0
    with path.open("wb") as file:
        while written < size:
            for source in sources:
                number += 1
                written += file.write(source.read_bytes().replace(b"self", b"self_%d" % number))
                if written >= size:
                    break


def family() -> list[psutil.Process]:
    here = psutil.Process()
    return [here, *here.children(recursive=True)]


def processor_seconds() -> float:
    return sum(process.cpu_times().user + process.cpu_times().system for process in family())


def peak_bytes() -> int:
    """Of this process, of Linux; that of the child is bounded by its limit."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def take_in(paths: list[Path], content_type: str | None) -> dict[str, float]:
    """Run both stages; what they took, on how many bytes, and what came of them."""
    from hartonomous_assets import atoms, chain, sources
    from hartonomous_assets.stage import Work
    from hartonomous_core.clock import current_hour
    from hartonomous_resources.resources import open_resources
    from hartonomous_service.ingest import ingest

    resources = open_resources()
    database: Any = resources.database
    ingest(resources, paths, content_type=content_type, wait=False)
    idle, before, started = psutil.Process().memory_info().rss, processor_seconds(), time.perf_counter()
    work = Work(current_hour(), "benchmark", resources)
    reports = chain.run_stages(work, [sources.STAGE, atoms.STAGE], 0.0, lambda _stage, _report: None)
    found = {"seconds": time.perf_counter() - started, "processor": processor_seconds() - before}
    assert not any(done.error for done in reports.values()), reports
    assert count(database, "SELECT COUNT(*) FROM Source WHERE Status <> 'Atomized'") == 0
    size = count(database, "SELECT SUM(ByteLength) FROM Source")
    assert count(database, "SELECT SUM(ByteLength + COALESCE(length(Suffix), 0)) FROM SourceAtom") == size
    found |= {
        "bytes": size,
        "above": peak_bytes() - idle,
        "atoms": count(database, "SELECT COUNT(*) FROM Atom WHERE Subtype <> 'gap'"),
        "functions": count(database, "SELECT COUNT(*) FROM Atom WHERE Subtype = 'function'"),
        "partial": count(database, "SELECT COUNT(*) FROM Source WHERE ErrorMessage IS NOT NULL"),
    }
    resources.close()
    return found


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument("--megabytes", type=float, default=10, help="of files (10)")
    parser.add_argument("--large", type=int, default=0, help="MiB of one file that is not parsed; 0: none (0)")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paths = library(options.megabytes)
    figures = []
    runs = [("code", paths, None), ("the same as plain text", paths, "text/plain")]
    for what, originals, content_type in [*runs, ("SQL of this repository", scripts(), None)]:
        note(what)
        with temporary_home() as folder:
            copies = enumerate(originals)
            files = [Path(shutil.copy(path, folder / f"{number}{path.suffix}")) for number, path in copies]
            found = take_in(files, content_type)
        target = 1.5 if content_type is None else None
        figures += [
            Figure(f"{what}: {len(files):,} files, one core", found["bytes"] / 1e6, "MB"),
            Figure(f"{what}: by the clock", found["bytes"] / 1e6 / found["seconds"], "MB/s"),
            Figure(f"{what}: by the processor", found["bytes"] / 1e6 / found["processor"], "MB/s", at_least=target),
            Figure(f"{what}: atoms", found["atoms"]),
            Figure(f"{what}: functions", found["functions"]),
            Figure(f"{what}: partial", found["partial"]),
        ]
    if options.large:
        with temporary_home(max_source_bytes=16 * 1024 * MIB) as folder:
            note(f"one file of {options.large:,} MiB")
            write_large(folder / "large.py", paths, options.large * MIB)
            found = take_in([folder / "large.py"], None)
        figures += [
            Figure(
                f"a file of {options.large:,} MiB: peak memory above idle", found["above"] / MIB, "MiB", at_most=256
            ),
            Figure(
                f"a file of {options.large:,} MiB: by the processor", found["bytes"] / 1e6 / found["processor"], "MB/s"
            ),
        ]
    return finish(figures, options.json)


if __name__ == "__main__":
    sys.exit(main())
