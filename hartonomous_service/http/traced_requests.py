"""A span and a measurement for each request, by the template of its route, and a span for each search, for OpenTelemetry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from starlette.types import Scope

from hartonomous_resources.telemetry import Telemetry, find_telemetry
from hartonomous_service.http.answered_requests import route_of

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DURATION, _TOLD = "http.server.request.duration", "From the head of a request to the end of its answer."
_BEGUN = "span"
"""Where the scope of a request has its span, where that was begun before its end."""


class TracedRequests:
    """Is told of each request once it is answered; one that says by `traceparent` which trace it is of is part of that."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._tracer = telemetry.tracer
        self._seconds = telemetry.meter.create_histogram(_DURATION, "s", _TOLD) if telemetry.meter else None

    def begin(self, scope: Scope) -> dict[str, str]:
        """Begin the span of a request before its end, and return what makes spans in other processes part of it; nothing without a tracer."""
        within: dict[str, str] = {}
        if self._tracer is not None:
            from opentelemetry.propagate import inject
            from opentelemetry.trace import set_span_in_context

            scope[_BEGUN] = _start(self._tracer, scope, time.time_ns())
            inject(within, set_span_in_context(scope[_BEGUN]))
        return within

    def trace_request(self, scope: Scope, status: int, seconds: float) -> None:
        """Record a request that has just been answered."""
        route = route_of(scope)
        said: dict[str, str | int] = {"http.request.method": _method(scope), "http.response.status_code": status}
        if route is not None:
            said["http.route"] = route
        if status >= 500:
            said["error.type"] = str(status)
        if self._seconds is not None:
            self._seconds.record(seconds, said)
        if self._tracer is not None:
            from opentelemetry.trace import StatusCode

            ended = time.time_ns()
            span = scope.get(_BEGUN) or _start(self._tracer, scope, ended - int(seconds * 1e9))
            span.set_attributes({**said, "hartonomous.request_id": scope.get("request_id", "")})
            if status >= 500:
                span.set_status(StatusCode.ERROR)
            span.end(ended)


def _start(tracer: Tracer, scope: Scope, began: int) -> Span:
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind

    method, route = _method(scope), route_of(scope)
    sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return tracer.start_span(
        f"{method} {route}" if route else method,
        extract({name: sent[name] for name in ("traceparent", "tracestate") if name in sent}),
        SpanKind.SERVER,
        start_time=began,
    )


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "_OTHER"  # what clients make up is no name


@contextmanager
def traced_search(within: Mapping[str, str]) -> Iterator[None]:
    """Make a span `search` of what is done, part of the request of which `TracedRequests.begin` said this, in whichever process."""
    telemetry = find_telemetry() if within else None
    if telemetry is None or telemetry.tracer is None:
        yield
        return
    from opentelemetry.propagate import extract

    with telemetry.tracer.start_as_current_span(
        "search", extract(within), record_exception=False, set_status_on_exception=False
    ):
        yield
