"""Who asks: the key of a request, its tenant, and what it may do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from hartonomous_resources.resources import Resources
from hartonomous_service.keys import Caller, Scope, find_caller

_BEARER = HTTPBearer(auto_error=False, description="A key, as `hartonomous keys create` prints it once.")

OPEN_CALLER = Caller(key_id="without-keys", tenant=0, scopes=frozenset({"read", "write", "admin"}))
"""Who asks a server that was started without keys."""


def resources_of(request: Request) -> Resources:
    """Return the resources that the server has open."""
    opened: Resources = request.app.state.resources
    return opened


OpenResources = Annotated[Resources, Depends(resources_of)]


def _caller_with(scope: Scope) -> Callable[..., Caller]:
    def caller(
        request: Request,
        resources: OpenResources,
        presented: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    ) -> Caller:
        found = OPEN_CALLER if request.app.state.without_keys else _find(resources, presented)
        if scope not in found.scopes:
            raise HTTPException(403, f"this key may not do that: it lacks the scope {scope!r}")
        request.scope["caller"] = found
        return found

    return caller


def _find(resources: Resources, presented: HTTPAuthorizationCredentials | None) -> Caller:
    found = None if presented is None else find_caller(resources, presented.credentials)
    if found is None:
        said = "give a key: Authorization: Bearer KEY" if presented is None else "this key is not known, or no longer"
        raise HTTPException(401, said, headers={"WWW-Authenticate": "Bearer"})
    return found


Reader = Annotated[Caller, Depends(_caller_with("read"))]
Writer = Annotated[Caller, Depends(_caller_with("write"))]
Admin = Annotated[Caller, Depends(_caller_with("admin"))]
