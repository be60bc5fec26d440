"""Every error as problem+json (RFC 9457), whatever raised it."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.logs import LOGGER
from hartonomous_service.errors import (
    OUTAGES,
    Conflict,
    Invalid,
    NotFound,
    Remedy,
    ServiceError,
    Unavailable,
    to_service_error,
)
from hartonomous_service.http.answered_requests import route_of
from hartonomous_service.http.request_ids import HEADER
from hartonomous_service.printable import plain_words, printable

MEDIA_TYPE = "application/problem+json"

STATUS_OF: Mapping[type[ServiceError], HTTPStatus] = {
    NotFound: HTTPStatus.NOT_FOUND,
    Invalid: HTTPStatus.UNPROCESSABLE_ENTITY,
    Conflict: HTTPStatus.CONFLICT,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}

REMEDIES: Mapping[Remedy, str] = {
    "find_atoms": "GET /search finds the hashes of atoms",
    "list_dead_letters": "GET /dead-letters shows what is there",
    "list_failed_jobs": "GET /jobs?status=Failed shows those that did",
    "list_inferences": "GET /inferences shows what is recorded",
    "list_jobs": "GET /jobs shows what is there",
    "list_sources": "GET /sources shows what is there",
    "search_by_words": "mode=lexical works without",
    "upload": "PATCH /uploads/SHA256 sends them",
}
"""What helps against an error, in calls of HTTP; the others are for who runs the server."""

RETRY_AFTER_SECONDS = 5
_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")


class Problem(BaseModel):
    """An error. `detail` says what is wrong, with which input, and what to do."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", examples=["about:blank"])
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    request_id: str = Field(
        alias="requestId", description="The same as in the header X-Request-Id and in the server's log."
    )


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "An error.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""What every route may answer besides, for OpenAPI."""


def problem(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """Build the response for an error; no credentials and no control characters get into it."""
    identity = request.scope.get("request_id", "")
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": printable(without_credentials(detail)),
        "requestId": identity,
        **more,
    }
    # of what nobody expected the answer is made outside of all middleware
    return JSONResponse(document, status, headers={HEADER: identity, **(headers or {})}, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Have the app answer errors of the service, of FastAPI and of Starlette, and what nobody expected."""
    for kind in (ServiceError, *OUTAGES):
        app.add_exception_handler(kind, problem_of_service)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_starlette)
    app.add_exception_handler(Exception, _of_ourselves)


def problem_of_service(request: Request, error: Exception) -> JSONResponse:
    """Build the response for an error of the service, or an outage; raises any other error again."""
    found = to_service_error(error)
    helps = REMEDIES.get(found.remedy) if found.remedy else None
    said = f"{found}; {helps}" if helps else str(found)
    status = STATUS_OF[type(found)]
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        LOGGER.warning("request %s: %s", request.scope.get("request_id"), without_credentials(said))
        return problem(request, status, said, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
    return problem(request, status, said)


def _of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - what the handler is registered for
    errors = [
        {"where": ".".join(map(str, each["loc"])), "problem": plain_words(each["msg"])} for each in error.errors()
    ]
    said = "; ".join(f"{each['where']}: {each['problem']}" for each in errors)
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, said, errors=errors)


def _of_starlette(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - what the handler is registered for
    headers = error.headers
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": ", ".join(_allowed_methods(request))}
    return problem(request, error.status_code, str(error.detail), headers=headers)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes of the path: Starlette names those of the first."""
    scopes = {method: {**request.scope, "method": method} for method in _METHODS}
    return [
        method
        for method, scope in scopes.items()
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]


def _of_ourselves(request: Request, error: Exception) -> JSONResponse:
    """Say nothing of what went wrong inside: the log has it, under the same id."""
    identity = request.scope.get("request_id", "")
    LOGGER.error("request %s: %s %s failed", identity, request.method, route_of(request.scope), exc_info=error)
    said = f"the server met an error that it does not know; its log has it as request {identity}"
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, said)
