"""Atoms, by their SHA-256: what one is, where it stands, and its lineage."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response

from hartonomous_service.atom_records import show_atom
from hartonomous_service.http.access import OpenResources, Reader
from hartonomous_service.http.documents import Atom, PlacePage
from hartonomous_service.http.lineage_routes import ANSWERS, Options, answer_lineage
from hartonomous_service.http.list_pages import Cursor, Limit, ask_page
from hartonomous_service.place_pages import page_places

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
    """List where the atom stands in current sources, by source and place; how often, the atom says."""
    ask = partial(page_places, resources, atom_hash, tenant=caller.tenant, limit=limit)
    return JSONResponse(ask_page(f"places/{atom_hash[:8].lower()}", cursor, ask))  # of any spelling of the atom


@router.get("/{atom_hash}/lineage", responses={200: ANSWERS})
def get_atom_lineage(
    resources: OpenResources,
    caller: Reader,
    atom_hash: AtomHash,
    options: Options,
) -> Response:
    """Show where the atom came from (upstream) and what was made from it (downstream), the nearest first."""
    return answer_lineage(resources, caller.tenant, f"Atom:{atom_hash}", options)
