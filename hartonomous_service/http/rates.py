"""Token buckets in memory: how often each of many may do something."""

from __future__ import annotations

import time
from collections.abc import Callable

_MOST = 10_000
"""Buckets that are kept: beyond, the one asked least recently goes, and is full again when it is asked next."""


class TokenBuckets:
    """A bucket for each name: `burst` tokens, refilled at `rate` tokens a second.

    For one event loop or one thread: nothing is locked.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Tokens, and when there were so many; the one asked least recently first."""

    def wait(self, name: str) -> float:
        """Return the seconds until a token is there, 0 where one is, and take none."""
        return max(0.0, (1 - self._tokens(name)) / self._rate)

    def take(self, name: str) -> float:
        """Take a token where one is there and return 0, else the seconds until one is."""
        wait = self.wait(name)
        if wait == 0:
            tokens = self._tokens(name) - 1
            self._buckets.pop(name, None)
            if len(self._buckets) >= _MOST:
                del self._buckets[next(iter(self._buckets))]
            self._buckets[name] = (tokens, self._clock())
        return wait

    def _tokens(self, name: str) -> float:
        if name not in self._buckets:
            return self._burst
        tokens, since = self._buckets[name]
        return min(self._burst, tokens + (self._clock() - since) * self._rate)
