"""A stage, the work it is given and the progress it reports. The loop in chain.py runs stages and knows nothing of what they do."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hartonomous_core.clock import current_hour
from hartonomous_resources.database.database_errors import DatabaseError, TransactionConflict
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.transactions import query
from hartonomous_resources.processes import this_process
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.source_files import MACHINE_ERRORS

if TYPE_CHECKING:
    from dagster import AssetSpec


class StageUnavailable(Exception):
    """Something outside that the stage needs is down: its asset fails, its work waits, the other stages go on."""


def may_succeed_later(error: BaseException) -> bool:
    """Return whether the same work may succeed later: something outside is down, or others were in the way."""
    return isinstance(error, StageUnavailable | DatabaseError)


def is_outage(error: BaseException) -> bool:
    """Return whether something outside failed and not what was worked on, so that no attempt is counted.

    A conflict is counted: what always conflicts, such as a row that can never be unique, must not hold up the others for ever.
    """
    return may_succeed_later(error) and not isinstance(error, TransactionConflict)


@contextmanager
def os_errors_as_outage() -> Iterator[None]:
    """Turn an OSError that is the machine's or a network drive's fault, and not the file's, into StageUnavailable."""
    try:
        yield
    except OSError as error:
        if error.errno not in MACHINE_ERRORS:
            raise
        raise StageUnavailable(f"files cannot be read or kept now: {os.strerror(error.errno)}") from error


@dataclass(frozen=True, slots=True)
class Progress:
    """What one bounded step did, as counts by name. Without counts there is nothing to do now, unless it says otherwise."""

    counts: dict[str, int] = field(default_factory=dict)
    others_are_working: bool = False
    """Another run is doing what there is to do: this run is not over before that one has done it, or has died."""

    is_unfinished: bool = False
    """Something goes on beside the loop, and a later step writes what comes of it."""


IDLE = Progress()


@dataclass(frozen=True, slots=True)
class Work:
    """One hour in one run: what a stage works on."""

    hour: str
    run_id: str
    resources: Resources
    owner: str = field(default_factory=lambda: str(this_process()))
    alone: bool = False
    """Whether somebody selected this stage and no other."""

    @property
    def is_current_hour(self) -> bool:
        """Only the running hour takes on new sources; an older one finishes what it holds."""
        return self.hour == current_hour(self.resources.period)

    def log_fields(self, stage: str, tenant: int | None = None, source: int | None = None) -> dict[str, object]:
        """Return the fields of a structured log line."""
        fields = {"run_id": self.run_id, "hour": self.hour, "stage": stage, "tenant": tenant, "source": source}
        return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: its asset, and a generator that does one bounded step per item.

    A step commits what it did before it yields, so stopping between two steps loses nothing. Closing the generator
    releases what it has claimed.
    """

    spec: "AssetSpec"
    steps: Callable[[Work], Generator[Progress]]
    totals: Callable[[Work], list[Row]]
    """What the hour holds now, as a small table; its column `rows` adds up to the row count."""

    batch_size: Callable[[Settings], int] = lambda _settings: 1
    """How many items it takes at a time."""

    main_count: str = ""
    """The count by which its speed is told."""

    @property
    def name(self) -> str:
        return self.spec.key.path[-1]


@dataclass
class StageReport:
    """What a stage did in this run."""

    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    steps: int = 0
    error: Exception | None = None

    def add(self, progress: Progress, seconds: float) -> None:
        """Count one step."""
        self.seconds += seconds
        if progress.counts:
            self.steps += 1
        for name, count in progress.counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


def hour_table(statement: str) -> Callable[[Work], list[Row]]:
    """Return the `totals` of a stage whose rows are in the database: they run a named statement over the hour."""

    def totals(work: Work) -> list[Row]:
        return query(work.resources.database, statement, hour=work.hour)

    return totals
