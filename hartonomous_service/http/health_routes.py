"""Whether the server lives, whether it can work, what is wrong; and its metrics."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.check_outcomes import UNHEALTHY
from hartonomous_service.errors import OUTAGES
from hartonomous_service.health import check_health, require_readable
from hartonomous_service.http.access import Admin, OpenResources, Reader
from hartonomous_service.http.documents import Health

router = APIRouter(tags=["health"])

_READY_SECONDS = 1.0


class Readiness:
    """Whether the database can be read: it is asked once a second at most, for this call needs no key."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._until = 0.0
        self._outage: Exception | None = None

    async def require(self, resources: Resources) -> None:
        """Raise what says that it cannot be read."""
        async with self._lock:
            if time.monotonic() >= self._until:
                self._outage = None
                try:
                    await run_in_threadpool(require_readable, resources)
                except OUTAGES as outage:
                    self._outage = outage
                self._until = time.monotonic() + _READY_SECONDS
        if self._outage is not None:
            raise self._outage.with_traceback(None)


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does; ask nothing else."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready(request: Request, resources: OpenResources) -> dict[str, str]:
    """Answer 200 when the database can be read, 503 when it cannot: whether requests should come here."""
    readiness: Readiness = request.app.state.readiness
    await readiness.require(resources)
    return {"status": "ready"}


@router.get("/health", responses={200: {"model": Health}, 503: {"model": Health, "description": "One is unhealthy."}})
def health(request: Request, caller: Reader) -> JSONResponse:
    """Run every check, each with its duration: 200 for healthy and degraded, 503 where one is unhealthy.

    Counts are of the key's tenant, and of all with `admin`; how the server is counts for every key.
    """
    settings: Settings = request.app.state.settings
    whose = None if "admin" in caller.scopes else caller.tenant
    found: dict[str, Any] = check_health(settings, whose, needs_daemon=True)
    return JSONResponse(found, 503 if found["status"] == UNHEALTHY else 200)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, caller: Admin) -> Response:
    """Return what Prometheus scrapes, of all tenants."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
