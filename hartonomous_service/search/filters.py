"""Reads what narrows a search, as callers say it."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from hartonomous_core.clock import time_text
from hartonomous_service.arguments import Name, Text

_MEDIA_TYPE = re.compile(r"([\w.+!#$&^-]+/)(\*|[\w.+!#$&^-]+)", re.ASCII)


def _read_media_type(value: str) -> str:
    found = _MEDIA_TYPE.fullmatch(value.strip().lower())
    if not found:
        raise ValueError(f"{value!r} is no media type; give one such as text/csv, or text/* for every type of text")
    return found[1] if found[2] == "*" else found[0]


def _read_moment(value: object) -> object:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        if not isinstance(moment, datetime):
            return value
        return time_text(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{value!r} is no date or time; give one such as 2026-11-30 or 2026-11-30T09:30Z") from error


UriPrefix = Name
MediaType = Annotated[Text, AfterValidator(_read_media_type)]
"""A media type without parameters, or a family of them (text/*), as AtomFilter has it."""
Moment = Annotated[Text, BeforeValidator(_read_moment)]
"""A date or time of ISO 8601, in UTC where it does not say otherwise, or Python's own; it becomes a stored time."""
Metadata = Mapping[Name, Text]
