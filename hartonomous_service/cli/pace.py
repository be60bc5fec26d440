"""How fast work goes on, from how far it was during the last minute, and what is left of it, in words."""

import time
from collections import deque
from collections.abc import Callable
from itertools import pairwise

from rich.filesize import decimal

_WINDOW_SECONDS = 60.0
_LEAST_STEPS = 5
"""So many are looked at, however long they take: of fewer, a long one would count for the pace of all."""
_LEAST_SECONDS = 1.0
"""What was done in less says little about the rest."""
STEADY_SECONDS = 10.0
"""How long embedding must go on before its pace says when it ends: it goes in jumps, and begins slowly."""


class Pace:
    """A number that grows as work is done: how much of it a second; known once it has grown for `least_seconds`.

    Work goes in steps: between two nothing seems to happen. So the pace is taken from one step to another, not from one look to another.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, least_seconds: float = _LEAST_SECONDS) -> None:
        self._clock = clock
        self._least_seconds = least_seconds
        self._began: tuple[float, float] | None = None
        """The last look before the first step."""
        self._steps: deque[tuple[float, float]] = deque()
        """When it had grown, and to what."""

    def look(self, done: float) -> float:
        """Note how far it is now; returns how much a second was done lately, 0.0 where that is not known yet."""
        now, steps = self._clock(), self._steps
        if self._began is None or done < (steps[-1][1] if steps else self._began[1]):
            steps.clear()  # there was more to do than was known
            self._began = now, done
        if not steps and done == self._began[1]:
            self._began = now, done  # it has not begun yet
            return 0.0
        if not steps or done > steps[-1][1]:
            steps.append((now, done))
        reached_at, reached = steps[-1]
        while len(steps) > _LEAST_STEPS and steps[1][0] <= reached_at - _WINDOW_SECONDS:
            steps.popleft()
        # what the first step did was begun before the first look: once there are others, they say more
        since, before = self._began if len(steps) < _LEAST_STEPS else steps[0]
        if reached_at - self._began[0] < self._least_seconds:
            return 0.0
        longest_step = max((later - earlier for (earlier, _), (later, _) in pairwise(steps)), default=0.0)
        standing_still = max(0.0, now - reached_at - longest_step) if len(steps) > 1 else now - reached_at
        return (reached - before) / (reached_at - since + standing_still)


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
