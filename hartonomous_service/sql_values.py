"""Converts values of rows for the output of both consoles."""

import math
from typing import Any


def to_json_value(value: Any) -> Any:
    """Return a value that JSON can hold: bytes as hex, NaN and infinity as text."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
