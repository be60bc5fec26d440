"""Times and ids as the tables hold them."""

import secrets
import time
from datetime import UTC, datetime, timedelta

HOUR_FORMAT = "%Y-%m-%d-%H:00"
"""Key of the hourly partition `ingest_hour`, and the value of every IngestHour column."""


def timestamp(seconds_from_now: float = 0.0) -> str:
    """UTC time as the tables hold it, 2026-11-23T09:44:16.123Z; text order is time order."""
    return time_text(datetime.now(UTC) + timedelta(seconds=seconds_from_now))


def time_text(moment: datetime) -> str:
    """A moment of any zone as the tables hold it, to the millisecond."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def current_hour() -> str:
    """The running hour's partition key."""
    return datetime.now(UTC).strftime(HOUR_FORMAT)


def hour_of(time: str) -> str:
    """The partition key of the hour of a time as the tables hold it."""
    return f"{time[:10]}-{time[11:13]}:00"


def is_hour(value: object) -> bool:
    """Whether a value is a partition key."""
    try:
        return isinstance(value, str) and datetime.strptime(value, HOUR_FORMAT).strftime(HOUR_FORMAT) == value
    except ValueError:
        return False


def bounds_of(hour: str) -> tuple[str, str]:
    """When the hour of a partition key begins, and when it is over."""
    begin = datetime.strptime(hour, HOUR_FORMAT)
    first, last = (f"{moment:%Y-%m-%dT%H:%M:%S}.000Z" for moment in (begin, begin + timedelta(hours=1)))
    return first, last


def time_ordered_uuid() -> str:
    """A version 7 UUID (RFC 9562): 48 bits of milliseconds, then random."""
    milliseconds = time.time_ns() // 1_000_000
    random = secrets.randbits(74)
    value = (milliseconds << 80) | (7 << 76) | ((random >> 62) << 64) | (2 << 62) | (random & (2**62 - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
