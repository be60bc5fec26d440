"""What a process remembers of its latest searches: vectors of questions, and which sentences of which texts answer them.

Both depend on texts and the model alone, so neither can be out of date. Each tenant has its own: else it would show, by the time that an answer
takes, that another one has asked the same, or was shown the same texts. All that shows of others is how busy they are.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.compute.protocol import Compute, ModelIdentity
from hartonomous_service.search.highlighting import Span

MOST_HITS = 100
"""Sentences of more hits are not remembered."""
_MOST = 4096
"""Questions, and lists of sentences, that are remembered: with 384 dimensions and 10 hits some 10 MB in all, 16 MB at the most."""

Key = tuple[int, ModelIdentity, bytes]
V = TypeVar("V")


class Latest(Generic[V]):
    """Values by key; with too many, the one used least recently goes. Thread-safe."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._values: OrderedDict[Key, V] = OrderedDict()
        self._lock = threading.Lock()

    def get_or_make(self, key: Key, make: Callable[[], V]) -> V:
        """Return the value of a key; where there is none, it is made, by two threads at once perhaps."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        made = make()
        with self._lock:
            self._values[key] = made
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        return made


class Remembered:
    """What is remembered of the searches that a compute embedded for."""

    def __init__(self) -> None:
        self._questions: Latest[NDArray[np.float32]] = Latest()
        self._sentences: Latest[NDArray[np.int64]] = Latest()

    def vector(
        self, tenant: int, model: ModelIdentity, question: str, embed: Callable[[], NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Return the unit vector of a question, float32 (d,)."""
        return self._questions.get_or_make((tenant, model, _digest([question])), embed)

    def sentences(
        self,
        tenant: int,
        model: ModelIdentity,
        question: str,
        texts: Sequence[str],
        choose: Callable[[], list[Span | None]],
    ) -> list[Span | None]:
        """Return which sentence of each text answers a question, as `answering_sentences` does."""
        if len(texts) > MOST_HITS:
            return choose()

        def pack() -> NDArray[np.int64]:
            return np.array([span or (-1, -1) for span in choose()], dtype=np.int64).reshape(-1, 2)

        packed = self._sentences.get_or_make((tenant, model, _digest([question, *texts])), pack)
        return [None if start < 0 else (start, stop) for start, stop in packed.tolist()]


_OF_COMPUTE: WeakKeyDictionary[Compute, Remembered] = WeakKeyDictionary()


def remembered(compute: Compute) -> Remembered:
    """Return what is remembered of searches with this compute, for as long as it is there."""
    return _OF_COMPUTE.setdefault(compute, Remembered())


def _digest(texts: Iterable[str]) -> bytes:
    digest = hashlib.sha256()
    for text in texts:
        data = text.encode(errors="surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()
