"""How fast work goes on, from how far it was during the last half minute, and what is left of it, in words."""

import math
import time
from collections import deque
from collections.abc import Callable

from rich.filesize import decimal

_WINDOW_SECONDS = 30.0
_LEAST_SECONDS = 1.0
"""What was done in less says little about the rest."""


class Pace:
    """A number that grows as work is done: how much of it a second; known once it has grown for `least_seconds`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, least_seconds: float = _LEAST_SECONDS) -> None:
        self._clock = clock
        self._least_seconds = least_seconds
        self._looks: deque[tuple[float, float]] = deque()
        self._grown_at = -math.inf

    def look(self, done: float) -> float:
        """Note how far it is now; returns how much a second was done lately, 0.0 where that is not known yet."""
        now = self._clock()
        looks = self._looks
        if looks and done < looks[-1][1]:
            looks.clear()  # there was more to do than was known
        if len(looks) == 1 and done == looks[0][1]:
            looks.clear()  # it has not begun yet
        if looks and done > looks[-1][1]:
            self._grown_at = now
        looks.append((now, done))
        while len(looks) > 2 and looks[1][0] <= now - _WINDOW_SECONDS:
            looks.popleft()
        since, before = looks[0]
        return (done - before) / (now - since) if self._grown_at - since >= self._least_seconds else 0.0


def describe_bytes(done: int, total: int, rate: float) -> str:
    """Say how many bytes are done, how fast, and how long the others will take: "1.2 MB of 3.0 GB, 14.2 MB/s, 3 min left"."""
    return _with_rate(f"{decimal(done)} of {decimal(total)}", total - done, rate, f"{decimal(round(rate))}/s")


def describe_number(said: str, left: float, rate: float) -> str:
    """Say the same of anything that is counted: "3,400 embeddings wait, 210/s, 16 s left"."""
    return _with_rate(said, left, rate, f"{rate:,.0f}/s" if rate >= 10 else f"{rate:,.1f}/s")


def describe_waiting(said: str, left: int, pace: Pace) -> str:
    """Say the same of what gets less, given what says its pace."""
    return describe_number(said, left, pace.look(-left))


def _with_rate(said: str, left: float, rate: float, rate_in_words: str) -> str:
    return f"{said}, {rate_in_words}, {_duration(left / rate)} left" if rate > 0 else said


def _duration(seconds: float) -> str:
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 99.5 else f"{hours:,.0f} h"
