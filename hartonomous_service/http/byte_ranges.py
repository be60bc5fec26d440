"""Single byte ranges and conditions (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re

from starlette.exceptions import HTTPException

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,19})-(\d{0,19})\s*", re.ASCII | re.IGNORECASE)


def read_range(header: str | None, if_range: str | None, etag: str, length: int) -> tuple[int, int] | None:
    """Return first and stop, exclusive, of the range that is asked for; None where all is: several ranges, or what is no range, ask for all.

    Raises HTTPException 416 for a range that lies behind the end.
    """
    found = _RANGE.fullmatch(header) if header else None
    if not found or found.groups() == ("", "") or (if_range is not None and if_range.strip() != etag):
        return None
    first, last = found.groups()
    if not first:
        start, stop = max(0, length - int(last)), length
    else:
        start, stop = int(first), min(int(last) + 1, length) if last else length
        if last and int(last) < start:
            return None
    if start >= length or start >= stop:
        raise HTTPException(416, f"there are {length:,} bytes", headers={"Content-Range": f"bytes */{length}"})
    return start, stop


def is_known(if_none_match: str | None, etag: str) -> bool:
    """Tell whether the client has these bytes already."""
    tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in tags or tags == ["*"]
