"""Which embedding models there are."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from hartonomous_service.embedding_models import list_models
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.model_documents import EmbeddingModels

router = APIRouter(tags=["models"])


@router.get("/models", responses={200: {"model": EmbeddingModels}})
def models(resources: OpenResources, caller: Reader) -> JSONResponse:
    """List the embedding models, and which one answers questions. For a key without `admin` nothing is counted, for that is of all tenants."""
    is_admin = "admin" in caller.scopes
    found = list_models(resources, counted=is_admin)
    if not is_admin:
        found["models"] = [{**row, "loadedFrom": None} for row in found["models"]]
    return JSONResponse(found)
