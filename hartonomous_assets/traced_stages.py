"""A span for each step in which a stage did something, and one for the run around them, for OpenTelemetry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hartonomous_resources.telemetry import find_telemetry

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


class TracedSteps:
    """Makes the spans of one run's steps; none without a tracer."""

    def __init__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer

    def add(self, stage: str, seconds: float, counts: Mapping[str, int]) -> None:
        """Tell of a step that has just ended, and of what it did."""
        did = {f"hartonomous.count.{name.replace(' ', '_')}": count for name, count in counts.items()}
        self._add(stage, seconds, did, has_failed=False)

    def fail(self, stage: str, seconds: float, error: Exception) -> None:
        """Tell of a step that failed: by the class of the error, whose words may be of a tenant."""
        self._add(stage, seconds, {"error.type": type(error).__name__}, has_failed=True)

    def _add(self, stage: str, seconds: float, said: Mapping[str, str | int], *, has_failed: bool) -> None:
        if self._tracer is None:
            return
        from opentelemetry.trace import StatusCode

        ended = time.time_ns()
        span = self._tracer.start_span(
            f"stage {stage}",
            attributes={"hartonomous.stage": stage, **said},
            start_time=ended - int(seconds * 1e9),
        )
        if has_failed:
            span.set_status(StatusCode.ERROR)
        span.end(ended)


@contextmanager
def trace_hour(hour: str, run_id: str) -> Iterator[TracedSteps]:
    """Make what is done for an hour of a run one trace, which is sent at its end."""
    telemetry = find_telemetry()
    if telemetry is None or telemetry.tracer is None:
        yield TracedSteps(None)
        return
    try:
        said = {"hartonomous.hour": hour, "hartonomous.run_id": run_id}
        with telemetry.tracer.start_as_current_span("run", attributes=said, record_exception=False):
            yield TracedSteps(telemetry.tracer)
    finally:
        telemetry.flush()
