"""A large document of each kind through the stages sources and atoms: the most memory above the idle process, its parser's included."""

import threading
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from common import Figure, arguments, finish, note, temporary_home
from large_documents import KINDS

if TYPE_CHECKING:
    from hartonomous_resources.resources import Resources

MIB = 1024 * 1024
BATCH_ATOMS, BATCH_BYTES = 10_000, 8 * MIB
"""Of stage `atoms`."""


def main() -> int:
    parser = arguments(__doc__, data=False)
    parser.add_argument(
        "--size", type=int, default=1024, help="MiB of each file, of zipped ones of what is in them (1024)"
    )
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument(
        "--no-store", action="store_true", help="make the atoms and drop them; files within files are passed over"
    )
    options = parser.parse_args()
    figures = []
    for kind in options.kinds:
        with get_context("spawn").Pool(1) as fresh:
            figures += fresh.apply(measure, (kind, options.size, options.no_store))
    return finish(figures, options.json)


def measure(kind: str, size: int, without_store: bool) -> list[Figure]:
    with temporary_home(max_source_bytes=16 * 1024 * MIB, parser_seconds=3600) as folder:
        from hartonomous_resources.resources import open_resources

        path = folder / f"large.{kind.partition('-')[0]}"
        note(f"writing {kind}")
        with path.open("wb") as file:
            KINDS[kind](file, size * MIB)
        resources = open_resources()
        if not without_store:
            land(resources, path)
        Path("/proc/self/clear_refs").write_text("5")  # forgets the most memory that this process had
        idle, started = status_bytes("self", "VmRSS"), time.process_time()
        with WatchedChildren() as peaks:
            said = read_alone(resources, path) if without_store else take_in(resources, path)
        peak = status_bytes("self", "VmHWM")
        child = max((most - least for least, most in peaks.values()), default=0)
        note(f"{kind}: {said}")
        resources.close()
        length = path.stat().st_size
    both = Figure(f"{kind}: above idle, both", (peak - idle + child) / MIB, "MiB", at_most=256)
    parts = [
        Figure(f"{kind}: file", length / MIB, "MiB"),
        Figure(f"{kind}: of these the process", (peak - idle) / MIB, "MiB"),
        Figure(f"{kind}: of these its parser, above what it begins with", child / MIB, "MiB"),
        Figure(f"{kind}: processor's time of the process", time.process_time() - started, "s"),
    ]
    return [both, *parts]


def land(resources: "Resources", path: Path) -> None:
    from hartonomous_service.ingest import ingest

    ingest(resources, [path], wait=False)


def take_in(resources: "Resources", path: Path) -> str:
    """Run both stages; returns what is said of the file, and counts."""
    from hartonomous_assets import atoms, chain, sources
    from hartonomous_assets.stage import Work
    from hartonomous_core.clock import current_hour
    from hartonomous_service.source_records import list_sources

    work = Work(current_hour(), "benchmark", resources)
    reports = chain.run_stages(work, [sources.STAGE, atoms.STAGE], 0.0, lambda stage, done: None)
    assert not any(done.error for done in reports.values()), reports
    found = list_sources(resources, limit=1000)["sources"]
    [source] = [each for each in found if each["sourceUri"].endswith(f"/{path.name}")]
    assert source["status"] == "Atomized"
    return f"{source['errorMessage'] or 'all of it is read'}; {reports['atoms'].counts}"


def read_alone(resources: "Resources", path: Path) -> str:
    """Make the atoms as stage `atoms` does, two batches of them in memory; returns what is said of the file, and how many there were."""
    from hartonomous_core.atomizers import Context, Partial, atomizer_for
    from hartonomous_core.atomizers.content_type import scan, sniff
    from hartonomous_core.atomizers.members import NoMembers

    said, count, size = "all of it is read", 0, 0
    before: list[object] = []
    batch: list[object] = []
    with path.open("rb") as stream:
        scan(stream)
        stream.seek(0)
        content_type = sniff(stream.read(8192), path.name)
        stream.seek(0)
        atomizer = atomizer_for(content_type)
        lent = Context(resources.parsers, NoMembers(), name=path.name)
        try:
            for atom in atomizer.atomize(stream, content_type, lent):
                batch.append((atom, atom.content))
                count += 1
                size += len(atom.content)
                if len(batch) == BATCH_ATOMS or size > BATCH_BYTES:
                    before, batch, size = batch, [], 0
        except Partial as problem:
            said = str(problem)
    return f"{said}; {count:,} atoms, the last {len(before):,} and {len(batch):,} of them together"


def status_bytes(process: str | int, name: str) -> int:
    """Of Linux."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


class WatchedChildren:
    """The least and the most memory that each child of this process had, by its id, while the block runs."""

    def __enter__(self) -> dict[int, tuple[int, int]]:
        self._peaks: dict[int, tuple[int, int]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self._peaks

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            for child in psutil.Process().children():
                try:
                    now, most = status_bytes(child.pid, "VmRSS"), status_bytes(child.pid, "VmHWM")
                except (OSError, StopIteration):
                    continue  # it ended
                if now > 20 * MIB:  # before, it has not begun
                    before = self._peaks.get(child.pid, (now, most))[0]
                    self._peaks[child.pid] = min(before, now), most  # until it begins, it is a copy of this process


if __name__ == "__main__":
    raise SystemExit(main())
