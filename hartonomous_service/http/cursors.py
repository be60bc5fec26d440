"""Cursors of lists: where the next page begins, as a text that nobody is to look into."""

from __future__ import annotations

import base64
import binascii

from hartonomous_service.arguments import MAX_ID
from hartonomous_service.errors import Invalid


def write_cursor(place: int | None) -> str | None:
    """Return the cursor of a place; None for that of the end."""
    return None if place is None else base64.urlsafe_b64encode(b"v1:%d" % place).decode().rstrip("=")


def read_cursor(cursor: str | None) -> int | None:
    """Return the place of a cursor. Raises Invalid for one that we did not give."""
    if cursor is None:
        return None
    try:
        version, _, place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).partition(b":")
        if version == b"v1" and place.isdigit() and int(place) <= MAX_ID:
            return int(place)
    except (ValueError, binascii.Error):
        pass
    raise Invalid("give the `next` of the page before", argument="cursor")
