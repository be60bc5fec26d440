"""Traces and metrics for OpenTelemetry, as its own environment variables say; where none asks for it, nothing of it is imported.

What is sent are names of routes and stages, hours, statuses, counts and times: no text, no uri, no key.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hartonomous_resources.logs import LOGGER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_EXPORTER = "OTEL_{}_EXPORTER"
_ENDPOINT_OF = "OTEL_EXPORTER_OTLP_{}_ENDPOINT"
_PROTOCOLS = ("", "http/protobuf")
_MOST_SECONDS_TO_SEND = 5.0
"""A receiver that is down would hold a process up for 10 s with its traces, and for as long again with its metrics."""


@dataclass(frozen=True, slots=True)
class Telemetry:
    """What makes spans and measures; each None where its kind is not asked for."""

    tracer: Tracer | None
    meter: Meter | None
    _traces: TracerProvider | None
    _metrics: MeterProvider | None

    def flush(self) -> None:
        """Send what waits: before a process ends that nobody lets end by itself, as Dagster's runs."""
        _call_at_once([provider.force_flush for provider in (self._traces, self._metrics) if provider])


@cache
def find_telemetry() -> Telemetry | None:
    """Return what this process sends by; None where OTEL_* does not ask for any, or it cannot be had, which a warning says once."""
    traces, metrics = _is_asked_for("TRACES"), _is_asked_for("METRICS")
    if not (traces or metrics):
        return None
    if problem := _find_problem():
        LOGGER.warning("nothing is sent to OpenTelemetry: %s", problem)
        return None
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    # Whoever names the service otherwise does so by OTEL_SERVICE_NAME, which goes before what is given here.
    resource = Resource.create({} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: "hartonomous"})
    tracing = _trace(resource) if traces else None
    measuring = _measure(resource) if metrics else None
    atexit.register(_call_at_once, [provider.shutdown for provider in (tracing, measuring) if provider])
    return Telemetry(
        tracing.get_tracer("hartonomous") if tracing else None,
        measuring.get_meter("hartonomous") if measuring else None,
        tracing,
        measuring,
    )


def _call_at_once(send: Sequence[Callable[[], object]]) -> None:
    """Call all of these, and wait no longer for them than a receiver that answers needs."""
    threads = [threading.Thread(target=each, daemon=True) for each in send]
    deadline = time.monotonic() + _MOST_SECONDS_TO_SEND
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _is_asked_for(kind: str) -> bool:
    """Tell whether the variables ask for TRACES or METRICS: an endpoint does, or an exporter by name, unless that is none."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    exporter = os.environ.get(_EXPORTER.format(kind), "").strip().lower()
    if exporter:
        return exporter != "none"
    return bool(os.environ.get(_ENDPOINT) or os.environ.get(_ENDPOINT_OF.format(kind)))


def _find_problem() -> str | None:
    exporters = {os.environ.get(_EXPORTER.format(kind), "").strip().lower() for kind in ("TRACES", "METRICS")}
    if unknown := exporters - {"", "otlp", "none"}:
        return f"OTEL_TRACES_EXPORTER and OTEL_METRICS_EXPORTER may be otlp or none, not {min(unknown)}"
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "").strip().lower()
    if protocol not in _PROTOCOLS:
        return f"OTEL_EXPORTER_OTLP_PROTOCOL may be http/protobuf (port 4318 of a collector), not {protocol}"
    try:
        is_installed = bool(
            find_spec("opentelemetry.sdk.trace") and find_spec("opentelemetry.exporter.otlp.proto.http")
        )
    except ModuleNotFoundError:  # of a package above these
        is_installed = False
    if not is_installed:
        return (
            f"{_ENDPOINT} asks for it, and it is not installed: pip install 'hartonomous[otel]', or unset the variable"
        )
    return None


def _trace(resource: Resource) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def _measure(resource: Resource) -> MeterProvider:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    readers = [PeriodicExportingMetricReader(OTLPMetricExporter())]
    return MeterProvider(resource=resource, metric_readers=readers, shutdown_on_exit=False)
