"""Reads what narrows a search, as callers say it."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator

from hartonomous_service.arguments import Name, Text

_MEDIA_TYPE = re.compile(r"([\w.+!#$&^-]+/)(\*|[\w.+!#$&^-]+)", re.ASCII)


def _read_media_type(value: str) -> str:
    found = _MEDIA_TYPE.fullmatch(value.strip().lower())
    if not found:
        raise ValueError(f"{value!r} is no media type; give one such as text/csv, or text/* for every type of text")
    return found[1] if found[2] == "*" else found[0]


UriPrefix = Name
MediaType = Annotated[Text, AfterValidator(_read_media_type)]
"""A media type without parameters, or a family of them (text/*), as AtomFilter has it."""
Metadata = Mapping[Name, Text]
