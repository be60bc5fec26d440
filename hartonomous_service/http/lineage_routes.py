"""Lineage: where an atom, a source or an answer came from, what was made of it, and what would be affected if it went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from hartonomous_resources.graph.protocol import Direction
from hartonomous_resources.resources import Resources
from hartonomous_service.errors import Invalid
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.lineage_documents import Impact, Lineage
from hartonomous_service.http.media_types import choose_media_type
from hartonomous_service.lineage.formats import DocumentFormat, render
from hartonomous_service.lineage.queries import MAX_DEPTH, LineageQuery, find_impact, find_lineage

router = APIRouter(tags=["lineage"])

MEDIA_TYPES: dict[DocumentFormat, str] = {
    "json": "application/json",
    "mermaid": "text/vnd.mermaid",
    "dot": "text/vnd.graphviz",
    "prov-json": "application/provenance+json",
    "svg": "image/svg+xml",
}
_FORMATS = {kind: how for how, kind in MEDIA_TYPES.items()}
_PICTURES: tuple[DocumentFormat, ...] = ("mermaid", "dot", "svg")
_MAX_NODES = 10_000
_MAX_NODES_OF_PICTURES = 1000
_DEFAULT_NODES = {True: 100, False: 1000}
"""Of pictures, as many as a person can take in."""
_ALONE = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
"""Names and uris in a document come from whoever sent the files."""

NodeName = Annotated[
    str,
    Query(
        max_length=2000,
        description="SHA-256 of an atom (or its first 8 digits or more), id of a source, or any node, as in Run:KEY.",
    ),
]


@dataclass(frozen=True, slots=True)
class LineageOptions:
    """What of a lineage is wanted, and as what."""

    how: DocumentFormat
    direction: Direction
    depth: int
    limit: int | None
    as_of: str | None
    after: str | None


def _read_options(
    how: Annotated[DocumentFormat | None, Query(alias="format", description="Goes before the header Accept.")] = None,
    direction: Direction = "both",
    depth: Annotated[int, Query(ge=1, le=MAX_DEPTH, description="How many edges are followed in each direction.")] = 4,
    limit: Annotated[
        int | None,
        Query(ge=1, le=_MAX_NODES, description="How many nodes at most; 100 of a picture, else 1,000, unless said."),
    ] = None,
    as_of: Annotated[
        str | None, Query(alias="asOf", description="Only what existed at this ISO 8601 time; else UTC.")
    ] = None,
    after: Annotated[str | None, Query(description="Go on after a page: what that says as its `next`.")] = None,
    accept: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> LineageOptions:
    return LineageOptions(how or _choose_format(accept), direction, depth, limit, as_of, after)


Options = Annotated[LineageOptions, Depends(_read_options)]

ANSWERS: dict[str, Any] = {
    "model": Lineage,
    "description": "The nodes and edges, the nearest first.",
    "content": {kind: {"schema": {"type": "string"}} for kind in MEDIA_TYPES.values() if kind != "application/json"},
}
"""For OpenAPI: the documents beside JSON."""


@router.get("/lineage", responses={200: ANSWERS})
def lineage(
    resources: OpenResources,
    caller: Reader,
    name: NodeName,
    options: Options,
) -> Response:
    """Show where a node came from (upstream) and what was made from it (downstream), the nearest first."""
    return answer_lineage(resources, caller.tenant, name, options)


@router.get("/impact", responses={200: {"model": Impact}})
def impact(
    resources: OpenResources,
    caller: Reader,
    name: NodeName,
    limit: Annotated[int, Query(ge=1, le=_MAX_NODES, description="How many nodes are listed; all are counted.")] = 1000,
) -> JSONResponse:
    """Show everything that depends on a node, at any distance: what its removal or replacement would affect."""
    return JSONResponse(find_impact(resources, name, tenant=caller.tenant, limit=limit))


def answer_lineage(resources: Resources, tenant: int, name: str, options: LineageOptions) -> Response:
    """Find a lineage and write it in the format that is wanted."""
    how, limit = options.how, options.limit
    is_picture = how in _PICTURES
    if is_picture and limit is not None and limit > _MAX_NODES_OF_PICTURES:
        raise Invalid(f"a picture has {_MAX_NODES_OF_PICTURES:,} nodes at most", argument="limit")
    query = LineageQuery(
        name,
        tenant,
        options.depth,
        limit or _DEFAULT_NODES[is_picture],
        options.direction,
        options.as_of,
        options.after,
    )
    found = find_lineage(resources, query)
    headers = {"Vary": "Accept", **_ALONE}
    if how == "json":
        return JSONResponse(found, headers=headers)
    return Response(render(found, how), media_type=MEDIA_TYPES[how], headers=headers)


def _choose_format(accept: str | None) -> DocumentFormat:
    """Return the format that the header Accept asks for. Raises HTTPException 406 for one that is none of ours."""
    chosen = choose_media_type(accept, list(_FORMATS))
    if chosen is None:
        raise HTTPException(406, f"there are {', '.join(_FORMATS)}; or give format={'|'.join(MEDIA_TYPES)}")
    return _FORMATS[chosen]
