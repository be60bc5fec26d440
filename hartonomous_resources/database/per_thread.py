"""Connections, of which each thread has its own."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class PerThread(Generic[T]):
    """What each thread holds, by purpose. What threads held that have ended is closed when another one begins to hold something."""

    def __init__(self, close: Callable[[T], None]) -> None:
        self._close = close
        self._lock = threading.Lock()
        self._held: dict[tuple[threading.Thread, str], T] = {}

    def get(self, purpose: str = "") -> T | None:
        """What the calling thread holds."""
        return self._held.get((threading.current_thread(), purpose))

    def keep(self, value: T, purpose: str = "") -> None:
        """Hold it for the calling thread."""
        with self._lock:
            ended = [self._held.pop(key) for key in list(self._held) if not key[0].is_alive()]
            self._held[threading.current_thread(), purpose] = value
        for left in ended:
            self._close(left)

    def drop(self, purpose: str = "") -> None:
        """Close what the calling thread holds."""
        with self._lock:
            dropped = self._held.pop((threading.current_thread(), purpose), None)
        if dropped is not None:
            self._close(dropped)

    def close(self) -> None:
        """Close what any thread holds; none of them may be using it."""
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        for value in held:
            self._close(value)
