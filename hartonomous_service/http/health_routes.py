"""Whether the server lives, whether it can work, and what is wrong."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from hartonomous_resources.settings import Settings
from hartonomous_service.health import UNHEALTHY, check_health
from hartonomous_service.http.access import Reader

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Answer as long as the process does; asks nothing else."""
    return {"status": "alive"}


@router.get("/health")
def health(request: Request, caller: Reader) -> JSONResponse:
    """Run every check, each with its duration; 503 where one is unhealthy."""
    settings: Settings = request.app.state.settings
    found: dict[str, Any] = check_health(settings)
    return JSONResponse(found, 503 if found["status"] == UNHEALTHY else 200)
