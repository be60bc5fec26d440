"""Whether the server lives, whether it can work, what is wrong; and its metrics."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from hartonomous_resources.settings import Settings
from hartonomous_service.health import UNHEALTHY, check_health, require_readable
from hartonomous_service.http.access import Admin, OpenResources, Reader
from hartonomous_service.http.documents import Health

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does; ask nothing else."""
    return {"status": "alive"}


@router.get("/health/ready")
def ready(resources: OpenResources) -> dict[str, str]:
    """Answer 200 when the database can be read, 503 when it cannot: whether requests should come here."""
    require_readable(resources)
    return {"status": "ready"}


@router.get("/health", responses={200: {"model": Health}, 503: {"model": Health, "description": "One is unhealthy."}})
def health(request: Request, caller: Reader) -> JSONResponse:
    """Run every check, each with its duration: 200 for healthy and degraded, 503 where one is unhealthy.

    Counts are of the key's tenant, and of all with `admin`; how the server is counts for every key.
    """
    settings: Settings = request.app.state.settings
    found: dict[str, Any] = check_health(settings, None if "admin" in caller.scopes else caller.tenant)
    return JSONResponse(found, 503 if found["status"] == UNHEALTHY else 200)


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
def metrics(request: Request, caller: Admin) -> Response:
    """Return what Prometheus scrapes, of all tenants."""
    return Response(generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST)
