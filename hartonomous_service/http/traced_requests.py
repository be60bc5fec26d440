"""A span and a measurement for each request, by the template of its route, for OpenTelemetry."""

from __future__ import annotations

import time

from starlette.types import Scope

from hartonomous_resources.telemetry import Telemetry
from hartonomous_service.http.answered_requests import route_of

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DURATION, _TOLD = "http.server.request.duration", "From the head of a request to the end of its answer."


class TracedRequests:
    """Is told of each request once it is answered; one that says by `traceparent` which trace it is of is part of that."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._tracer = telemetry.tracer
        self._seconds = telemetry.meter.create_histogram(_DURATION, "s", _TOLD) if telemetry.meter else None

    def trace_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Record a request that has just been answered."""
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"  # what clients make up is no name
        route = route_of(scope)
        said: dict[str, str | int] = {"http.request.method": method, "http.response.status_code": status}
        if route is not None:
            said["http.route"] = route
        if status >= 500:
            said["error.type"] = str(status)
        if self._seconds is not None:
            self._seconds.record(seconds, said)
        if self._tracer is not None:
            from opentelemetry.propagate import extract
            from opentelemetry.trace import SpanKind, StatusCode

            ended = time.time_ns()
            sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            span = self._tracer.start_span(
                f"{method} {route}" if route else method,
                extract({name: sent[name] for name in ("traceparent", "tracestate") if name in sent}),
                SpanKind.SERVER,
                {**said, "hartonomous.request_id": scope.get("request_id", "")},
                start_time=ended - int(seconds * 1e9),
            )
            if status >= 500:
                span.set_status(StatusCode.ERROR)
            span.end(ended)
