"""Values of rows, as both consoles show them."""

import math
from typing import Any


def to_json_value(value: Any) -> Any:
    """A value as JSON can hold it: bytes in hex, NaN and infinity as text."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
