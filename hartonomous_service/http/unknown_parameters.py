"""Refuses parameters of the query that a call does not have: a filter that is misspelt would else find everything."""

from __future__ import annotations

from fastapi import FastAPI, Request

from hartonomous_service.errors import Invalid


async def refuse_unknown(request: Request) -> None:
    """Raise Invalid where the query names what the call's OpenAPI does not."""
    if not request.query_params:
        return
    app: FastAPI = request.app
    call = app.openapi()["paths"][request.scope["route"].path_format][request.method.lower()]
    known = [each["name"] for each in call.get("parameters", ()) if each["in"] == "query"]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        there_are = f"there are {', '.join(known)}" if known else "this call has none"
        raise Invalid(f"no such parameter; {there_are}", argument=", ".join(unknown))
