"""Atoms, by their SHA-256: what one is, where it stands, and its lineage."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response

from hartonomous_service.arguments import MAX_SKIP
from hartonomous_service.atom_records import show_atom
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.documents import Atom, PlacePage
from hartonomous_service.http.lineage_routes import ANSWERS, Options, answer_lineage
from hartonomous_service.http.list_pages import Cursor, Limit, read_number, write_cursor
from hartonomous_service.search import list_places

router = APIRouter(prefix="/atoms", tags=["atoms"])

AtomHash = Annotated[
    str,
    Path(
        pattern="^[0-9a-fA-F]{8,64}$",
        description="SHA-256 of the atom's bytes, of text its UTF-8: 64 hex digits, or the first 8 or more.",
    ),
]


@router.get("/{atom_hash}", responses={200: {"model": Atom}})
def get_atom(resources: OpenResources, caller: Reader, atom_hash: AtomHash) -> JSONResponse:
    """Return one atom: its text, what it is, and in how many places of how many current sources it stands."""
    return JSONResponse(show_atom(resources, atom_hash, tenant=caller.tenant))


@router.get("/{atom_hash}/places", responses={200: {"model": PlacePage}})
def list_atom_places(
    resources: OpenResources, caller: Reader, atom_hash: AtomHash, limit: Limit = 100, cursor: Cursor = None
) -> JSONResponse:
    """List where the atom stands in current sources, by source and place."""
    skip = read_number("places", cursor, MAX_SKIP) or 0
    page = list_places(resources, atom_hash, tenant=caller.tenant, limit=limit, skip=skip)
    following = skip + limit if page.pop("truncated") else None
    return JSONResponse({**page, "next": write_cursor("places", following)})


@router.get("/{atom_hash}/lineage", responses={200: ANSWERS})
def get_atom_lineage(
    resources: OpenResources,
    caller: Reader,
    atom_hash: AtomHash,
    options: Options,
) -> Response:
    """Show where the atom came from (upstream) and what was made from it (downstream), the nearest first."""
    return answer_lineage(resources, caller.tenant, f"Atom:{atom_hash}", options)
