"""Builds the app: routes, errors, and the resources that it keeps open."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_resources.resources import open_resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.telemetry import find_telemetry
from hartonomous_service.http import (
    atom_routes,
    dead_letter_routes,
    health_routes,
    inference_routes,
    job_routes,
    lineage_routes,
    model_routes,
    problems,
    search_routes,
    source_routes,
    stats_routes,
    upload_routes,
)
from hartonomous_service.http.access import RequireKey
from hartonomous_service.http.answered_requests import AnsweredRequests, Tell, log_request
from hartonomous_service.http.metrics import Metrics
from hartonomous_service.http.request_ids import RequestIds
from hartonomous_service.http.request_limits import Limits
from hartonomous_service.http.search_processes import SearchProcesses
from hartonomous_service.http.traced_requests import TracedRequests
from hartonomous_service.http.unknown_parameters import refuse_unknown
from hartonomous_service.search.questions import warm_answering_model

_THREADS_A_CORE = 4
"""Calls that are worked on at once; those beyond wait their turn, so that each is done soon."""
_COMPARED = 2
"""Pictures at once: each takes a child, of up to HARTONOMOUS_PARSER_MEMORY_BYTES. More wait unread, and hold no thread."""


def create_app(
    settings: Settings, *, without_keys: bool = False, search_processes: SearchProcesses | None = None
) -> FastAPI:
    """Return the app. Without keys everybody is tenant 0 with every right: for the loopback alone, under names that only mean it.

    Without processes for it the app searches itself.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = _THREADS_A_CORE * usable_cores()
        app.state.comparing = CapacityLimiter(_COMPARED)
        app.state.resources = open_resources(settings)
        app.openapi()  # made once: each request is held against it
        if search_processes is None:
            warm_answering_model(app.state.resources)
        metrics.watch(app.state.resources)
        try:
            yield
        finally:
            app.state.resources.close()
            if telemetry is not None:
                telemetry.flush()

    metrics = Metrics()
    tell: list[Tell] = [metrics.count_request, log_request]
    telemetry = find_telemetry()
    traced = TracedRequests(telemetry) if telemetry is not None else None
    if traced is not None:
        tell.append(traced.trace_request)
    middleware = [
        Middleware(RequestIds),
        Middleware(AnsweredRequests, tell=tell),
        Middleware(Limits, settings=settings),
        Middleware(RequireKey, settings=settings),
    ]
    app = FastAPI(
        title="Hartonomous",
        description="Say where every fragment that your AI used came from.",
        version=version("hartonomous"),
        lifespan=lifespan,
        middleware=middleware,
        dependencies=[Depends(refuse_unknown)],
        docs_url=None,  # the pages of it come from other servers
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        responses=problems.RESPONSES,
    )
    app.state.settings, app.state.without_keys, app.state.metrics = settings, without_keys, metrics
    app.state.traced = traced
    app.state.search_processes, app.state.readiness = search_processes, health_routes.Readiness()
    problems.add_handlers(app)
    for module in (
        source_routes,
        upload_routes,
        atom_routes,
        search_routes,
        lineage_routes,
        inference_routes,
        job_routes,
        dead_letter_routes,
        model_routes,
        stats_routes,
        health_routes,
    ):
        app.include_router(module.router)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name
