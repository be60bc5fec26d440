"""Dead letters: what could not be taken in, why, and how it is tried again or given up."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse

from hartonomous_service import dead_letters as calls
from hartonomous_service.arguments import MAX_ID
from hartonomous_service.http.access import Admin, OpenResources, Reader
from hartonomous_service.http.documents import DeadLetter, DeadLetterPage, Discarded, Replayed
from hartonomous_service.http.list_pages import Cursor, Limit, read_number, with_cursor

router = APIRouter(prefix="/dead-letters", tags=["dead letters"])

DeadLetterId = Annotated[int, Path(ge=1, le=MAX_ID)]


@router.get("", responses={200: {"model": DeadLetterPage}})
def list_dead_letters(
    resources: OpenResources, caller: Reader, limit: Limit = 100, cursor: Cursor = None
) -> JSONResponse:
    """List dead letters, the latest first."""
    after = read_number("dead-letters", cursor, MAX_ID)
    page = calls.page_dead_letters(resources, tenant=caller.tenant, limit=limit, after=after)
    return JSONResponse(with_cursor("dead-letters", page))


@router.get("/{dead_letter_id}", responses={200: {"model": DeadLetter}})
def get_dead_letter(resources: OpenResources, caller: Reader, dead_letter_id: DeadLetterId) -> JSONResponse:
    """Return one dead letter: what it was, why it was given up, and what a replay does."""
    return JSONResponse(calls.show_dead_letter(resources, dead_letter_id, tenant=caller.tenant))


@router.post("/{dead_letter_id}/replay", responses={200: {"model": Replayed}})
def replay_dead_letter(resources: OpenResources, caller: Admin, dead_letter_id: DeadLetterId) -> JSONResponse:
    """Try a dead letter again: a message or a source goes back on its queue, a job becomes Pending; 409 where it cannot be."""
    return JSONResponse(calls.replay_dead_letter(resources, dead_letter_id, tenant=caller.tenant))


@router.delete("/{dead_letter_id}", responses={200: {"model": Discarded}})
def discard_dead_letter(resources: OpenResources, caller: Admin, dead_letter_id: DeadLetterId) -> JSONResponse:
    """Delete a dead letter for good, with the bytes that were kept for a replay."""
    return JSONResponse(calls.discard_dead_letter(resources, dead_letter_id, tenant=caller.tenant))
