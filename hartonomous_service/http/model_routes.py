"""Which embedding models there are."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from hartonomous_service.embedding_models import list_models
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.model_documents import EmbeddingModels

router = APIRouter(tags=["models"])

_OF_ALL_TENANTS = ("filled", "vectors", "waiting", "failed", "bytesOnDisk", "loadedFrom")


@router.get("/models", responses={200: {"model": EmbeddingModels}})
def models(resources: OpenResources, caller: Reader) -> JSONResponse:
    """List the embedding models, and which one answers questions. What is counted of all tenants is null for a key without `admin`."""
    found = list_models(resources)
    if "admin" not in caller.scopes:
        found["models"] = [{**row, **dict.fromkeys(_OF_ALL_TENANTS)} for row in found["models"]]
    return JSONResponse(found)
