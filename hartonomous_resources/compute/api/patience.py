"""How long an API is waited for, and how long it asks to be left alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a question may take: tries, seconds of one and of all, the first pause in seconds, which doubles, and the longest."""

    tries: int = 5
    try_seconds: float = 60.0
    all_seconds: float = 150.0  # half of a lease
    pause_seconds: float = 0.5
    longest_pause_seconds: float = 20.0


def seconds_of(retry_after: str | None) -> float | None:
    """Return for how many seconds a Retry-After (RFC 9110, 10.2.3: seconds or a date) asks; None where it is neither."""
    if retry_after is None:
        return None
    if re.fullmatch(r"[0-9]{1,10}", retry_after):
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
