"""Metadata of a stage for its asset's history: observations while it works, a materialisation at the end.

No content and no uri of a tenant goes to Dagster's storage.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from hartonomous_assets.stage import Stage, StageReport, Work
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.database.transactions import ask, query
from hartonomous_resources.work.models import active_embedding_models

_REPORT_SECONDS = 5.0


class ProgressObserver:
    """Logs an observation of a stage that is at work, at most every few seconds.

    A materialisation is logged once, at the end: it wakes whatever waits for the asset. Counting takes longer the more
    the hour holds, so it may use a twentieth of the time.
    """

    def __init__(self, context: dg.AssetExecutionContext, work: Work) -> None:
        self._context = context
        self._work = work
        self._next: dict[str, float] = {}
        self._first = time.monotonic() + _REPORT_SECONDS

    def __call__(self, stage: Stage, report: StageReport) -> None:
        started = time.monotonic()
        if started < self._next.get(stage.name, self._first):
            return
        metadata = metadata_of(stage, self._work, report)
        self._context.log_event(
            dg.AssetObservation(asset_key=stage.spec.key, partition=self._work.hour, metadata=metadata)
        )
        ended = time.monotonic()
        self._next[stage.name] = ended + max(_REPORT_SECONDS, 20 * (ended - started))


def metadata_of(stage: Stage, work: Work, report: StageReport) -> dict[str, dg.MetadataValue]:
    """Return row counts of the hour, what waits, what this run did and how long it took, as numbers, because the page plots them."""
    rows = stage.totals(work)
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/partition_row_count": dg.MetadataValue.int(sum(row["rows"] for row in rows)),
        "seconds": dg.MetadataValue.float(round(report.seconds, 3)),
        "steps": dg.MetadataValue.int(report.steps),
        "seconds the oldest has waited": dg.MetadataValue.float(_oldest_pending_seconds(stage, work)),
        "the hour holds": markdown_table(rows),
        "this run did": markdown_table([{"what": name, "count": count} for name, count in report.counts.items()]),
    }
    done = report.counts.get(stage.main_count, 0)
    if done and report.seconds:
        metadata["per second"] = dg.MetadataValue.float(round(done / report.seconds, 1))
    if report.counts.get("embedded"):
        metadata["device"] = dg.MetadataValue.text(work.resources.compute.device())
        models = [
            f"{row['name']} ({row['precision']})" for row in ask(work.resources.database, active_embedding_models)
        ]
        metadata["models"] = dg.MetadataValue.text(", ".join(models))
    return metadata


def _oldest_pending_seconds(stage: Stage, work: Work) -> float:
    [oldest] = query(work.resources.database, "oldest_pending", hour=work.hour)
    return seconds_since(oldest[stage.name])


def seconds_since(time_: str | None) -> float:
    """Return how many seconds ago a stored time was; 0 for None, for a time to come, and for text that is no time, written by hand."""
    try:
        since = datetime.fromisoformat(time_ or "")
    except ValueError:
        return 0.0
    passed = datetime.now(UTC) - (since if since.tzinfo else since.replace(tzinfo=UTC))
    return max(0.0, round(passed.total_seconds(), 1))


def markdown_table(rows: Sequence[Row]) -> dg.MetadataValue:
    """Format rows as a table of Markdown."""
    if not rows:
        return dg.MetadataValue.text("nothing")
    header = "| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]) + "\n"
    return dg.MetadataValue.md(
        header + "\n".join("| " + " | ".join(str(v) for v in row.values()) + " |" for row in rows)
    )
