"""How much the model is given at a time: so that a stop is quick, and a batch takes about a second."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError

import numpy as np

from hartonomous_core.embedders.protocol import Embeddings, Items
from hartonomous_resources.compute.protocol import Compute, ModelIdentity

_FIRST_BATCH = 64
_BATCH_SECONDS = 1.0
"""What a batch should take the model: whoever stops loses no more than the batch in flight."""

_CHARACTERS_AT_ONCE = 24_000
"""Of the texts of one call of the model, half a second of two cores, however large a batch is: who stops waits for the end of a call."""
_CHARACTERS_OF_A_PICTURE = 250
"""One takes as long as so many."""


class Pace:
    """How many texts the model embeds in about a second, up to as many as the settings claim at once."""

    def __init__(self, most: int, least: int) -> None:
        self._most, self._least = most, least
        self.batch_size = min(_FIRST_BATCH, most)

    def note(self, texts: int, seconds: float) -> None:
        """Let the next batch be as large as one should have been that took so long."""
        worth_it = max(self._least, int(texts * _BATCH_SECONDS / max(seconds, 1e-6)))
        self.batch_size = min(worth_it, self._most)


def embed_until_stopped(compute: Compute, model: ModelIdentity, items: Items, stopped: threading.Event) -> Embeddings:
    """Embed texts or pictures in calls that are short. Raises CancelledError once it is stopped, and as `Compute.embed` does."""
    parts = []
    for some in _slices(items):
        if stopped.is_set():
            raise CancelledError  # nobody waits for it
        parts.append(compute.embed(model, some))
    return Embeddings(
        np.concatenate([part.vectors for part in parts]), np.concatenate([part.window_counts for part in parts])
    )


def _slices(items: Items) -> Iterator[Items]:
    """Cut texts into parts of so many characters that a call of the model is short; a text that is longer is a part of its own."""
    first = characters = 0
    for at, item in enumerate(items):
        size = len(item) if isinstance(item, str) else _CHARACTERS_OF_A_PICTURE
        if at > first and characters + size > _CHARACTERS_AT_ONCE:
            yield items[first:at]
            first, characters = at, 0
        characters += size
    yield items[first:]
