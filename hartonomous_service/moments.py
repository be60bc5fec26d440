"""Reads dates and times as callers say them."""

from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import BeforeValidator

from hartonomous_core.clock import time_text
from hartonomous_service.arguments import Text


def read_moment(value: object) -> object:
    """Return a date or time as a stored time; what is neither text nor one of these stays. Raises ValueError."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if not isinstance(moment, datetime):
            return value
        return time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is no date or time; give one such as 2026-11-30 or 2026-11-30T09:30Z") from error


Moment = Annotated[Text, BeforeValidator(read_moment)]
"""A date or time of ISO 8601, in UTC where it does not say otherwise, or Python's own; it becomes a stored time."""
