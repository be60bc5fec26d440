"""Times, hours and ids in the form that the tables store."""

import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Literal

HOUR_FORMAT = "%Y-%m-%d-%H:00"
"""Key of the partition `ingest_hour`, and the value of every IngestHour column."""

Period = Literal["hour", "day"]
"""How long a partition of a database is. The key of a day is its first hour, so all keys have one form."""


def timestamp(seconds_from_now: float = 0.0) -> str:
    """Return the UTC time now, or so many seconds from now, as the tables store it, 2026-11-23T09:44:16.123Z; text order is time order."""
    return time_text(datetime.now(UTC) + timedelta(seconds=seconds_from_now))


def time_text(moment: datetime) -> str:
    """Format a moment of any time zone as the tables store it: UTC, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def current_hour(period: Period = "hour") -> str:
    """Return the partition key of the running hour, or of the running day."""
    return hour_of(timestamp(), period)


def hour_of(time: str, period: Period = "hour") -> str:
    """Return the partition key of the hour, or of the day, in which a stored time lies."""
    return f"{time[:10]}-{time[11:13] if period == 'hour' else '00'}:00"


def is_hour(value: object, period: Period = "hour") -> bool:
    """Return whether a value is a partition key of hours, or of days."""
    try:
        return (
            isinstance(value, str)
            and datetime.strptime(value, HOUR_FORMAT).strftime(HOUR_FORMAT) == value
            and (period == "hour" or value.endswith("-00:00"))
        )
    except ValueError:
        return False


def time_ordered_uuid() -> str:
    """Make a version 7 UUID (RFC 9562): 48 bits of milliseconds, then random bits."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds << 80) | (7 << 76) | ((random >> 62) << 64) | (2 << 62) | (random & (2**62 - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
