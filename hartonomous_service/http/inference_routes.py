"""Inferences: what models were given, and what they answered."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse

from hartonomous_service import inference_pages, inferences, recorded_inferences
from hartonomous_service.http.access import OpenResources, Reader, Writer
from hartonomous_service.http.documents import Inference, InferencePage, Recorded, RecordedList
from hartonomous_service.http.list_pages import Cursor, Limit, ask_page

router = APIRouter(prefix="/inferences", tags=["inferences"])


async def _read_body(request: Request) -> bytes:
    return await request.body()


def _body_schema() -> dict[str, Any]:
    one = inferences.InferenceRecord.model_json_schema(ref_template="#/components/schemas/{model}")
    one["properties"].pop("tenantId")  # the caller's, or an error
    several = {"type": "array", "items": one, "minItems": 1, "maxItems": inferences.MOST_AT_ONCE}
    return {"required": True, "content": {"application/json": {"schema": {"anyOf": [one, several]}}}}


@router.post("", responses={200: {"model": Recorded | RecordedList}}, openapi_extra={"requestBody": _body_schema()})
def record_inferences(
    resources: OpenResources, caller: Writer, body: Annotated[bytes, Depends(_read_body)]
) -> JSONResponse:
    """Record an inference, or a list of them in one transaction; of a list, one that is refused does not stop the others.

    Recording the same again changes nothing; what was not recorded yet, such as the answer, is added under the same id.
    """
    return JSONResponse(inferences.record_json(resources, body, tenant=caller.tenant))


@router.get("", responses={200: {"model": InferencePage}})
def list_inferences(
    resources: OpenResources,
    caller: Reader,
    model: Annotated[str | None, Query(description="Only inferences of this model.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> JSONResponse:
    """List inferences, the latest first."""
    ask = partial(inference_pages.page_inferences, resources, tenant=caller.tenant, model=model, limit=limit)
    return JSONResponse(ask_page("inferences", cursor, ask))


@router.get("/{inference_id:path}", responses={200: {"model": Inference}})
def get_inference(resources: OpenResources, caller: Reader, inference_id: str) -> JSONResponse:
    """Return one inference with the atoms that the model was given and those that it produced."""
    return JSONResponse(recorded_inferences.show_inference(resources, inference_id, tenant=caller.tenant))
