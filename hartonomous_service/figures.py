"""The figures of a home that a scrape of metrics shows: what stages have done, what waits and since when."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.job_handlers import known_job_types


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What a stage has done since the database was made. `done` counts sources, atoms, embeddings, positions or events."""

    runs: int
    seconds: float
    done: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much waits or is at work, and for how many seconds the oldest of it has."""

    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Of all tenants. `waiting` has both queues, `sources` and `jobs`; `jobs` counts all jobs by status."""

    stages: Mapping[str, StageFigures]
    waiting: Mapping[str, Waiting]
    jobs: Mapping[str, int]
    dead_letters: int


def measure_home(resources: Resources) -> Figures:
    """Read all figures in one transaction. Raises as every call that reads does."""

    def read(unit_of_work: UnitOfWork) -> Figures:
        totals = unit_of_work.query("stage_totals")
        return Figures(
            {row["stage"]: StageFigures(row["runs"], row["seconds"], row["done"]) for row in totals},
            waiting_work(unit_of_work),
            {row["status"]: row["n"] for row in unit_of_work.query("stats_jobs", tenant_id=None)},
            unit_of_work.query("dead_letter_count", tenant_id=None, hour=None)[0]["n"],
        )

    return ask(resources.database, read)


def waiting_work(unit_of_work: UnitOfWork) -> dict[str, Waiting]:
    """Return what waits for the stages, by kind; jobs of types that nothing here does are not counted."""
    types = json.dumps(known_job_types())
    now = datetime.now(UTC)
    found = {INGESTION_QUEUE: Waiting(0, 0.0), PROVENANCE_QUEUE: Waiting(0, 0.0)}
    for row in unit_of_work.query("waiting_work", job_types=types):
        since = datetime.fromisoformat(row["since"]) if row["since"] else now
        found[row["kind"]] = Waiting(row["n"], max(0.0, (now - since).total_seconds()))
    return found
