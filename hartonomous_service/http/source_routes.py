"""Sources: those that are there, one by one and in pages."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse

from hartonomous_core.vocabulary import SourceStatus
from hartonomous_service import source_records as calls
from hartonomous_service.arguments import MAX_ID
from hartonomous_service.http.access import OpenResources, Reader

router = APIRouter(prefix="/sources", tags=["sources"])

SourceId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("/{source_id}")
def get_source(resources: OpenResources, caller: Reader, source_id: SourceId) -> JSONResponse:
    """Return one source with its counts."""
    return JSONResponse(calls.show_source(resources, source_id, tenant=caller.tenant))


@router.get("")
def list_sources(
    resources: OpenResources,
    caller: Reader,
    status: SourceStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> JSONResponse:
    """List sources, the latest first."""
    return JSONResponse(calls.list_sources(resources, tenant=caller.tenant, status=status, limit=limit))
