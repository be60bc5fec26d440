"""Sources: those that are there, one by one and in pages; their bytes and atoms."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Header, Path
from fastapi.responses import JSONResponse, Response, StreamingResponse

from hartonomous_core.vocabulary import SourceStatus
from hartonomous_resources.resources import Resources
from hartonomous_service import source_pages, withdrawals
from hartonomous_service import source_records as calls
from hartonomous_service.arguments import MAX_ID
from hartonomous_service.http.access import OpenResources, Reader, Writer
from hartonomous_service.http.byte_ranges import is_known, read_range
from hartonomous_service.http.list_pages import Cursor, Limit, read_number, with_cursor
from hartonomous_service.http.source_documents import AtomPage, Source, SourcePage
from hartonomous_service.keys import Caller
from hartonomous_service.thumbnails import thumbnail

router = APIRouter(prefix="/sources", tags=["sources"])

SourceId = Annotated[int, Path(ge=1, le=MAX_ID)]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BYTES = {"content": {"*/*": _BINARY}}


@router.get("/{source_id}", responses={200: {"model": Source}})
def get_source(resources: OpenResources, caller: Reader, source_id: SourceId) -> JSONResponse:
    """Return one source with its counts."""
    return JSONResponse(calls.show_source(resources, source_id, tenant=caller.tenant))


@router.get("", responses={200: {"model": SourcePage}})
def list_sources(
    resources: OpenResources,
    caller: Reader,
    status: SourceStatus | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> JSONResponse:
    """List sources, the latest first."""
    page = source_pages.page_sources(
        resources, tenant=caller.tenant, status=status, limit=limit, below=read_number("sources", cursor, MAX_ID)
    )
    return JSONResponse(with_cursor("sources", page))


@router.post("/{source_id}/withdraw", responses={200: {"model": Source}})
def withdraw_source(resources: OpenResources, caller: Writer, source_id: SourceId) -> JSONResponse:
    """Withdraw a source that is not atomized yet, also while somebody works on it: it becomes a dead letter; 409 for any other."""
    return JSONResponse(withdrawals.withdraw_source(resources, source_id, tenant=caller.tenant))


@router.get("/{source_id}/atoms", responses={200: {"model": AtomPage}})
def list_source_atoms(
    resources: OpenResources, caller: Reader, source_id: SourceId, limit: Limit = 100, cursor: Cursor = None
) -> JSONResponse:
    """List the atoms of a source in order, with the places of their bytes."""
    of = f"atoms/{source_id}"
    page = source_pages.page_source_atoms(
        resources, source_id, tenant=caller.tenant, limit=limit, from_ordinal=read_number(of, cursor, MAX_ID) or 0
    )
    return JSONResponse(with_cursor(of, page))


@router.get(
    "/{source_id}/content",
    response_class=StreamingResponse,
    responses={
        200: {"description": "All bytes.", **_BYTES},
        206: {"description": "The bytes of the range.", **_BYTES},
        304: {"description": "The client has them."},
        416: {"description": "The range lies behind the end."},
    },
)
def get_content(
    resources: OpenResources,
    caller: Reader,
    source_id: SourceId,
    byte_range: Annotated[str | None, Header(alias="Range", description="One range, as `bytes=0-499`.")] = None,
    if_range: Annotated[str | None, Header(alias="If-Range")] = None,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """Return the bytes of a source, each atom checked by its hash on the way; where one is wrong the connection breaks off."""
    length, etag, headers = _describe_content(resources, caller, source_id)
    if is_known(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    wanted = read_range(byte_range, if_range, etag, length)
    first, stop = wanted or (0, length)
    headers["Content-Length"] = str(stop - first)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{stop - 1}/{length}"
    blocks = calls.reconstruct(resources, source_id, first, stop, tenant=caller.tenant)
    return StreamingResponse(blocks, 206 if wanted else 200, headers=headers)


@router.head(
    "/{source_id}/content",
    response_class=Response,
    responses={
        200: {
            "description": "Their length, type and hash.",
            "headers": {
                "Content-Length": {"schema": {"type": "integer"}},
                "ETag": {"schema": {"type": "string"}, "description": "Their SHA-256, in quotes."},
                "Accept-Ranges": {"schema": {"type": "string"}},
            },
        },
        304: {"description": "The client has them."},
    },
)
def head_content(
    resources: OpenResources,
    caller: Reader,
    source_id: SourceId,
    if_none_match: Annotated[str | None, Header(alias="If-None-Match")] = None,
) -> Response:
    """Say what `get_content` would send, and read none of it."""
    length, etag, headers = _describe_content(resources, caller, source_id)
    if is_known(if_none_match, etag):
        return Response(status_code=304, headers=headers)
    return Response(headers={**headers, "Content-Length": str(length)})


@router.get(
    "/{source_id}/thumbnail",
    response_class=Response,
    responses={200: {"description": "A JPEG.", "content": {"image/jpeg": _BINARY}}},
)
def get_thumbnail(resources: OpenResources, caller: Reader, source_id: SourceId) -> Response:
    """Return what is seen of a picture, 256 pixels a side at most; 404 for what is none."""
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": "private, no-cache"}
    return Response(thumbnail(resources, source_id, tenant=caller.tenant), media_type="image/jpeg", headers=headers)


def _describe_content(resources: Resources, caller: Caller, source_id: int) -> tuple[int, str, dict[str, str]]:
    """Return length, ETag and the headers that every answer about the bytes has. Raises NotFound or Conflict."""
    source = calls.show_atomized(resources, source_id, tenant=caller.tenant)
    etag = f'"{source["contentHash"]}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Content-Type": _safe_type(source["contentType"]),
        "Content-Disposition": _disposition(source["sourceUri"]),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    return source["byteLength"], etag, headers


def _safe_type(content_type: str) -> str:
    """Return the type that a sender gave, unless a header cannot hold it."""
    return content_type if content_type.isascii() and content_type.isprintable() else "application/octet-stream"


def _disposition(source_uri: str) -> str:
    name = source_uri.rstrip("/").rpartition("/")[2] or "source"
    return f"attachment; filename*=UTF-8''{quote(name[-200:], safe='')}"
