"""Searches, with every mode, filter and field of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from anyio import fail_after
from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from hartonomous_core.vocabulary import Modality
from hartonomous_resources.resources import Resources
from hartonomous_service import search as calls
from hartonomous_service.errors import Invalid
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.bodies import read_small
from hartonomous_service.http.documents import Found
from hartonomous_service.http.search_processes import SearchProcesses, as_json
from hartonomous_service.http.traced_requests import TracedRequests, traced_search
from hartonomous_service.search.look_alikes import MOST_BYTES
from hartonomous_service.search.regions import read_coordinates
from hartonomous_service.search.searching import MAX_RESULTS

router = APIRouter(tags=["search"])

_MAX_QUESTION = 10_000
_MAX_NUMBERS = 200
_PICTURE_SECONDS = 60.0
"""In which a picture to compare has to come, once it has its turn."""
_PARAMETERS = {
    "content_type": "contentType",
    "picture": "body",
    "received_since": "since",
    "received_until": "until",
    "source_id": "sourceId",
    "text": "q",
    "uri_prefix": "uri",
}
"""Parameters by the argument of the call that they set, where it has another name."""


async def _read_filter(
    source_id: Annotated[int | None, Query(alias="sourceId")] = None,
    uri: Annotated[
        str | None, Query(description="Only in sources whose uri begins so, or in files within them.")
    ] = None,
    content_type: Annotated[str | None, Query(alias="contentType", examples=["text/*"])] = None,
    since: Annotated[str | None, Query(description="Only in sources received at or after this time.")] = None,
    until: Annotated[str | None, Query(description="Only in sources received before this time.")] = None,
    metadata: Annotated[list[str] | None, Query(description="KEY=VALUE, may be repeated.")] = None,
    group: Literal["source"] | None = None,
) -> dict[str, Any]:
    """Return which sources are searched, and whether each gives one hit, as arguments of the calls."""
    return {
        "source_id": source_id,
        "uri_prefix": uri,
        "content_type": content_type,
        "received_since": since,
        "received_until": until,
        "metadata": _read_metadata(metadata or []) or None,
        "group": group,
    }


OfSources = Annotated[dict[str, Any], Depends(_read_filter)]


@router.get("/search", responses={200: {"model": Found}})
async def search(
    request: Request,
    resources: OpenResources,
    caller: Reader,
    of_sources: OfSources,
    q: Annotated[
        str | None,
        Query(
            description="What to look for; in spatial mode a point or a box may stand for it.", max_length=_MAX_QUESTION
        ),
    ] = None,
    k: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="How many results.")] = 10,
    mode: Literal["hybrid", "semantic", "lexical", "spatial"] = "hybrid",
    modality: Modality | None = None,
    at: Annotated[
        str | None,
        Query(description="In spatial mode: near this point.", examples=["0.5,-0.2,0"], max_length=_MAX_NUMBERS),
    ] = None,
    box: Annotated[
        str | None,
        Query(
            description="In spatial mode: only in this box, from its lowest corner to its highest.",
            examples=["-1,-1,-1,0,0,0"],
            max_length=_MAX_NUMBERS,
        ),
    ] = None,
    radius: Annotated[float | None, Query(description="In spatial mode: no farther away than this.")] = None,
    context: Annotated[int, Query(ge=0, le=10, description="Texts before and after each result.")] = 0,
    highlight: Annotated[
        bool, Query(description="Mark in each result the sentence that answers, which takes as long as the search.")
    ] = False,
) -> Response:
    """Find atoms, and the sources and byte offsets where each occurs."""
    asked: dict[str, Any] = {
        "text": q,
        "tenant": caller.tenant,
        "k": k,
        "mode": mode,
        "modality": modality,
        **of_sources,
        "at": None if at is None else read_coordinates(at, "at"),
        "box": None if box is None else read_coordinates(box, "box"),
        "radius": radius,
        "context": context,
        "highlight": highlight,
    }
    traced: TracedRequests | None = request.app.state.traced
    trace = traced.begin(request.scope) if traced is not None else {}
    processes: SearchProcesses | None = request.app.state.search_processes
    with request.app.state.metrics.searches.labels(mode).time(), _naming_parameters():
        if processes is not None:
            body = await processes.search(trace, **asked)
        else:
            body = as_json(await run_in_threadpool(_search, resources, trace, asked))
    return Response(body, media_type="application/json")


@router.post(
    "/search/like",
    responses={200: {"model": Found}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def search_like(
    request: Request,
    resources: OpenResources,
    caller: Reader,
    of_sources: OfSources,
    k: Annotated[int, Query(ge=1, le=MAX_RESULTS, description="How many results.")] = 10,
) -> Response:
    """Find the pictures that look most like one, of which the body is the file: PNG, JPEG, GIF, WebP, TIFF or BMP."""
    async with request.app.state.comparing:
        picture = await _read_picture(request)
        with request.app.state.metrics.searches.labels("like").time(), _naming_parameters():
            found = await run_in_threadpool(
                calls.search_like, resources, picture, tenant=caller.tenant, k=k, **of_sources
            )
    return Response(as_json(found), media_type="application/json")


async def _read_picture(request: Request) -> bytes:
    """Return the body. Raises HTTPException 408 where it takes so long that others would wait for it, 413 where it is too large."""
    try:
        with fail_after(_PICTURE_SECONDS):
            return await read_small(request, MOST_BYTES)
    except TimeoutError as late:
        raise HTTPException(408, f"the picture did not come within {_PICTURE_SECONDS:g} seconds") from late


@contextmanager
def _naming_parameters() -> Iterator[None]:
    """Raise Invalid with the name that the parameter has here."""
    try:
        yield
    except Invalid as error:
        if error.argument not in _PARAMETERS:
            raise
        raise Invalid(error.problem, argument=_PARAMETERS[error.argument], remedy=error.remedy) from error


def _search(resources: Resources, trace: dict[str, str], asked: dict[str, Any]) -> dict[str, Any]:
    with traced_search(trace):
        return calls.search(resources, **asked)


def _read_metadata(given: list[str]) -> dict[str, str]:
    read: dict[str, str] = {}
    for pair in given:
        key, separator, value = pair.partition("=")
        if not key or not separator or read.setdefault(key, value) != value:
            raise Invalid("give KEY=VALUE, each key with one value", argument="metadata")
    return read
