"""Runs the stages `sources` and `atoms` in this process, and reads what they made of the sources."""

from collections.abc import Callable
from pathlib import Path

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Stage, StageReport, Work
from hartonomous_core.clock import current_hour
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.resources import Resources
from hartonomous_service.source_records import reconstruct
from tests.builders import enqueue, sources

ALL_RULES = ("broken_reference_counts", "broken_coverage", "broken_tenancy", "duplicate_atoms")

MakeHome = Callable[..., Resources]


def run_stages_of(
    home: Resources, *stages: Stage, hour: str | None = None, owner: str = "test"
) -> dict[str, StageReport]:
    """Run stages until nothing is pending; an error of a stage is raised here."""
    work = Work(hour or current_hour(), "run", home, owner)
    reports = run_stages(work, stages or (landing.STAGE, atoms.STAGE), 0, lambda _stage, _report: None)
    for report in reports.values():
        if report.error:
            raise report.error
    return reports


def ingest(home: Resources, *bodies: bytes) -> dict[str, StageReport]:
    """Enqueue requests, and run both stages on them."""
    enqueue(home.database, INGESTION_QUEUE, bodies)
    return run_stages_of(home)


def all_sources(home: Resources) -> list[Row]:
    """Return every source, the oldest first."""
    with home.database.read() as unit_of_work:
        return sources(unit_of_work)[::-1]


def states(home: Resources) -> list[tuple[str, int, int | None]]:
    """Return status, version and successor of every source, the oldest first."""
    return [(source["status"], source["version"], source["supersededBy"]) for source in all_sources(home)]


def content_of(home: Resources, source: Row) -> bytes:
    return b"".join(reconstruct(home, source["sourceId"], tenant=None))


def put_file(home: Resources, name: str, content: bytes) -> Path:
    """Write a file that messages may name."""
    path = home.settings.allowed_roots[0] / name
    path.write_bytes(content)
    return path
