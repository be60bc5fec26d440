"""What the tenant has, in numbers."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.documents import Stats
from hartonomous_service.statistics import collect_stats

router = APIRouter(tags=["stats"])


@router.get("/stats", responses={200: {"model": Stats}})
def stats(resources: OpenResources, caller: Reader) -> JSONResponse:
    """Count what the tenant has; bytes on disk and the queues are of the whole home."""
    return JSONResponse(collect_stats(resources, tenant=caller.tenant))
