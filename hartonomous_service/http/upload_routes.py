"""Takes in sources: raw bytes, a form, a file that lies here, or what was uploaded before in pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from anyio import CancelScope
from fastapi import APIRouter, Header, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from hartonomous_core.atomizers.charset_names import media_type
from hartonomous_core.json_objects import UnreadableJson, read_object
from hartonomous_core.messages import first_problem
from hartonomous_resources.resources import Resources
from hartonomous_service import uploads as calls
from hartonomous_service.allowed_files import enqueue_uri
from hartonomous_service.errors import Invalid
from hartonomous_service.http.access import OpenResources, Reader, Writer
from hartonomous_service.http.bodies import in_thread, os_errors_as_unavailable, pour, read_small
from hartonomous_service.http.form_parts import FormParts
from hartonomous_service.http.source_documents import FileToIngest, QueuedFile, Source
from hartonomous_service.replays import Answer, Claim, InProgress, claim_key
from hartonomous_service.submitting import Submission, build_request

router = APIRouter(tags=["sources"])

Sha256 = Annotated[str, Path(pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of all bytes, in hex.")]

_MOST_JSON_BYTES = 256 * 1024
_UNTOLD = "application/x-www-form-urlencoded"
"""What curl says of any bytes, where it is not told of what type they are."""
_UNTOLD_OF_FILE = "application/octet-stream"
"""What curl and browsers say of the file of a form whose extension they do not know."""

_BINARY = {"type": "string", "format": "binary"}
_FORM = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": _BINARY,
        "sourceUri": {"type": "string"},
        "sourceId": {"type": "string"},
        "metadata": {"type": "string", "description": "A JSON object."},
    },
}
_BODY = {
    "requestBody": {
        "content": {
            "application/octet-stream": {"schema": _BINARY},
            "text/plain": {"schema": {"type": "string"}},
            "multipart/form-data": {"schema": _FORM},
            "application/json": {"schema": FileToIngest.model_json_schema()},
        }
    }
}
_PIECE = {"requestBody": {"content": {"application/octet-stream": {"schema": _BINARY}}}}
_REPLAYED = {"Idempotent-Replayed": {"schema": {"type": "string"}, "description": "true for an answer given before."}}
_LOCATION = {"Location": {"schema": {"type": "string"}}}
_OFFSET = {"Upload-Offset": {"schema": {"type": "integer"}}}


@dataclass(frozen=True, slots=True)
class _Named:
    """How the sender calls what it sends."""

    source_uri: str | None
    source_id: str | None
    content_type: str | None
    metadata: Mapping[str, object] | None

    def arguments(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("source_uri", "source_id", "content_type", "metadata")}


@router.post(
    "/sources",
    status_code=201,
    openapi_extra=_BODY,
    responses={
        200: {"model": Source, "description": "It was there already.", "headers": _LOCATION | _REPLAYED},
        201: {"model": Source, "description": "It is landed.", "headers": _LOCATION | _REPLAYED},
        202: {"model": QueuedFile, "description": "The file waits to be read.", "headers": _REPLAYED},
    },
)
async def create_source(
    request: Request,
    resources: OpenResources,
    caller: Writer,
    source_uri: Annotated[str | None, Query(alias="sourceUri", min_length=1, max_length=16384)] = None,
    source_id: Annotated[str | None, Query(alias="sourceId", min_length=1, max_length=1000)] = None,
    metadata: Annotated[str | None, Query(description="A JSON object.")] = None,
    content_hash: Annotated[
        str | None,
        Query(alias="contentHash", pattern="^[0-9a-fA-F]{64}$", description="Of what was uploaded; no body then."),
    ] = None,
    idempotency_key: Annotated[str | None, Header(pattern="^[!-~]{1,255}$")] = None,
) -> Response:
    """Make a source of the body: of all of it, or nothing.

    The body is the bytes, and its Content-Type theirs; or a form with one file; or, as application/json, the uri of a file that lies
    where the server may read it. With `contentHash` it is what was uploaded before.
    """
    sent = request.headers.get("content-type")
    kind = media_type(sent or "")
    told = None if kind == _UNTOLD else sent
    named = _Named(source_uri, source_id, told, _read_metadata(metadata))
    with os_errors_as_unavailable():
        async with _claimed(resources, caller.tenant, idempotency_key) as claim:
            answer = await _take_in(request, resources, caller.tenant, named, kind, content_hash, claim)
    return _respond(answer, claim)


async def _take_in(
    request: Request,
    resources: Resources,
    tenant: int,
    named: _Named,
    kind: str,
    content_hash: str | None,
    claim: Claim | None,
) -> Answer:
    if content_hash is not None:
        if await read_small(request, 0):
            raise Invalid("with contentHash there is no body")
        return await in_thread(
            calls.submit_upload, resources, content_hash, tenant=tenant, claim=claim, **named.arguments()
        )
    if kind == "application/json":
        if (named.source_uri, named.source_id, named.metadata) != (None, None, None):
            raise Invalid("of type application/json the body names a file: give sourceUri, sourceId and metadata there")
        return await _enqueue(request, resources, tenant, claim)
    return await _land(request, resources, tenant, named, kind == "multipart/form-data", claim)


@asynccontextmanager
async def _claimed(resources: Resources, tenant: int, key: str | None) -> AsyncIterator[Claim | None]:
    if key is None:
        yield None
        return
    try:
        claim = await in_thread(claim_key, resources, tenant, key)
    except InProgress as error:
        raise HTTPException(409, str(error), headers={"Retry-After": "1"}) from error
    try:
        yield claim
    except BaseException:
        with CancelScope(shield=True):
            await in_thread(claim.release)
        raise


async def _land(
    request: Request, resources: Resources, tenant: int, named: _Named, is_form: bool, claim: Claim | None
) -> Answer:
    most = resources.settings.max_source_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most and not is_form:
        raise HTTPException(413, f"more than {most:,} bytes")
    if not is_form:
        build_request(tenant, **named.arguments())  # what cannot be is said before the bytes come
    submission = await in_thread(Submission, resources, tenant)
    try:
        form = FormParts(request.headers["content-type"], submission.write) if is_form else None

        def write(block: bytes) -> None:
            if claim is not None:
                claim.renew()
            (form or submission).write(block)

        await pour(request, write)
        if form is not None:
            named = _name_by(form, named)
        made = build_request(tenant, **named.arguments())
        return await in_thread(calls.land, submission, made, resources, claim)
    finally:
        submission.close()


def _name_by(form: FormParts, named: _Named) -> _Named:
    fields = form.finish()
    return _Named(
        fields.get("sourceUri") or named.source_uri or (None if fields.get("sourceId") else form.file_name),
        fields.get("sourceId") or named.source_id,
        None if media_type(form.file_type or "") == _UNTOLD_OF_FILE else form.file_type,
        _read_metadata(fields["metadata"]) if "metadata" in fields else named.metadata,
    )


async def _enqueue(request: Request, resources: Resources, tenant: int, claim: Claim | None) -> Answer:
    body = await read_small(request, _MOST_JSON_BYTES)
    try:
        given = FileToIngest.model_validate(read_object(body))
    except UnreadableJson as error:
        raise Invalid(str(error)) from error
    except ValidationError as error:
        raise Invalid(first_problem(error)) from error
    return await in_thread(
        enqueue_uri,
        resources,
        given.uri,
        tenant=tenant,
        source_uri=given.sourceUri,
        source_id=given.sourceId,
        content_type=given.contentType,
        metadata=given.metadata,
        claim=claim,
    )


def _respond(answer: Answer, claim: Claim | None) -> Response:
    headers = {}
    if "sourceId" in answer.document:
        headers["Location"] = f"/sources/{answer.document['sourceId']}"
    if claim is not None and claim.first is not None:
        headers["Idempotent-Replayed"] = "true"
    return JSONResponse(answer.document, answer.status, headers=headers)


def _read_metadata(text: str | None) -> dict[str, object] | None:
    try:
        return None if text is None else read_object(text)
    except UnreadableJson as error:
        raise Invalid(str(error), argument="metadata") from error


@router.head("/uploads/{sha256}", responses={200: {"headers": _OFFSET}})
def find_upload(resources: OpenResources, caller: Reader, sha256: Sha256) -> Response:
    """Say how many bytes of an upload are there; `Upload-Complete: ?1` where nothing need be sent. 404 where none are."""
    offset, is_complete = calls.find_upload(resources, sha256, tenant=caller.tenant)
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Complete": f"?{int(is_complete)}",
        "Cache-Control": "no-store",
    }
    return Response(headers=headers)


@router.patch(
    "/uploads/{sha256}",
    status_code=204,
    openapi_extra=_PIECE,
    responses={204: {"description": "It is stored.", "headers": _OFFSET}},
)
async def continue_upload(
    request: Request,
    resources: OpenResources,
    caller: Writer,
    sha256: Sha256,
    upload_offset: Annotated[int, Header(ge=0, le=2**63 - 1)],
    upload_complete: Annotated[str, Header(pattern=r"^\?[01]$", description="?1 with the last piece.")] = "?0",
) -> Response:
    """Append to an upload. What came stays, also when the client vanishes; the last piece checks the hash.

    409 where it is to be continued elsewhere: `Upload-Offset` says where.
    """
    with os_errors_as_unavailable():
        try:
            upload = await in_thread(calls.continue_upload, resources, sha256, upload_offset, tenant=caller.tenant)
        except calls.OtherOffset as error:
            raise HTTPException(409, str(error), headers={"Upload-Offset": str(error.offset)}) from error
        try:
            await pour(request, lambda block: calls.append(upload, block))
            end = await in_thread(upload.finish)
        finally:
            upload.close()
        if upload_complete == "?1":
            await in_thread(calls.check_upload, resources, sha256, tenant=caller.tenant)
    return Response(status_code=204, headers={"Upload-Offset": str(end)})
