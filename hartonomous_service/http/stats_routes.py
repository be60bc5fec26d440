"""What a tenant has, in numbers."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.documents import Stats
from hartonomous_service.statistics import collect_stats

router = APIRouter(tags=["stats"])


@router.get("/stats", responses={200: {"model": Stats}})
def stats(
    resources: OpenResources,
    caller: Reader,
    all_tenants: Annotated[bool, Query(alias="allTenants", description="Of all tenants: with `admin` alone.")] = False,
) -> JSONResponse:
    """Count what the tenant has. `bytesOnDisk` and `queues` are of the whole server: null for a key without `admin`."""
    is_admin = "admin" in caller.scopes
    if all_tenants and not is_admin:
        raise HTTPException(403, "this key may not do that: it lacks the scope 'admin'")
    found = collect_stats(resources, tenant=None if all_tenants else caller.tenant)
    return JSONResponse(found if is_admin else {**found, "bytesOnDisk": None, "queues": None})
