"""Cursors of lists: where a page ended, in words that only the server reads."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query

from hartonomous_service.errors import Invalid

MAX_PAGE = 1000
_NUMBER = re.compile("[0-9]{1,19}")

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many rows a page has at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=2000, description="Go on after a page: what that says as its `next`."),
]


def write_cursor(of: str, place: object) -> str | None:
    """Return the cursor for a place in the list `of`; None for None, after the last page."""
    return None if place is None else urlsafe_b64encode(f"{of}:{place}".encode()).decode().rstrip("=")


def read_cursor(of: str, cursor: str | None) -> str | None:
    """Return the place that a cursor of the list `of` stands for. Raises Invalid for one that this list never gave."""
    if cursor is None:
        return None
    try:
        name, separator, place = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")
    except ValueError:
        name = separator = place = ""
    if name != of or not separator:
        raise _foreign_cursor()
    return place


def read_number(of: str, cursor: str | None, most: int) -> int | None:
    """Return the number, 0 to `most`, that a cursor of the list `of` stands for. Raises Invalid for one that this list never gave."""
    place = read_cursor(of, cursor)
    if place is None:
        return None
    if not _NUMBER.fullmatch(place) or int(place) > most:
        raise _foreign_cursor()
    return int(place)


def _foreign_cursor() -> Invalid:
    return Invalid("it is none of this list: give what a page of it says as its next", argument="cursor")


def ask_page(of: str, cursor: str | None, call: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """Return the page of a call after a cursor of the list `of`. Raises Invalid for one that this list never gave."""
    try:
        return with_cursor(of, call(after=read_cursor(of, cursor)))
    except Invalid as error:
        if error.argument != "after":
            raise
        raise _foreign_cursor() from error


def with_cursor(of: str, page: dict[str, Any]) -> dict[str, Any]:
    """Return a page of a call with its `next` as a cursor."""
    return {**page, "next": write_cursor(of, page["next"])}
