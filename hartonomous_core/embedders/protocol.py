"""The interface of embedders: items of one kind in, a unit vector for each out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

ItemKind = Literal["texts", "pixels", "samples"]
Items = Sequence[str] | Sequence[NDArray[np.uint8]] | Sequence[NDArray[np.float32]]
"""Texts; pixels, uint8 (height, width, channels); or sound, float32 (samples,)."""

_KIND_OF_ARRAY: dict[str, ItemKind] = {"uint8": "pixels", "float32": "samples"}


class EmbeddingError(RuntimeError):
    """The model returned something that is not a vector: NaN, infinite, zero or of the wrong shape."""


class DeviceError(RuntimeError):
    """The device failed, or has no memory left: the model is to be loaded anew, there or elsewhere. Nothing is wrong with what was to be embedded."""


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """vectors: float32 (n, dimension), unit length. window_counts: int64 (n,), above 1 for an item that was split and averaged."""

    vectors: NDArray[np.float32]
    window_counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenEmbeddings:
    """The vectors of one text's tokens, each in its context, beside the text's own.

    vector: float32 (dimension,), as `Embedder.embed` gives it; tokens: float32 (n, dimension), unit length; offsets: int64 (n, 2), where each
    token begins and ends in the text, in characters. n is 0 where the model gives a vector for the whole text only.
    """

    vector: NDArray[np.float32]
    tokens: NDArray[np.float32]
    offsets: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class WindowVectors:
    """vectors: float64 (windows, dimension), unit length. states: float32 (tokens, width) as the model gives them; None without."""

    vectors: NDArray[np.float64]
    states: NDArray[np.float32] | None = None


class Embedder(Protocol):
    """A loaded model. Any threads may call it. `device` says in words what computes it: `cpu`, or a GPU. All raise DeviceError where that fails."""

    @property
    def device(self) -> str: ...

    def embed(self, items: Any, /) -> Embeddings:
        """Embed items of the one kind that the model takes; the caller has checked that (`first_of_another_kind`).

        The vector of an item never depends on its neighbours: bit for bit, or, where a device computes padded batches, to cosine 0.9999.
        Raises ValueError for an item that cannot be embedded, EmbeddingError
        where the model returns no valid vector.
        """

    def embed_tokens(self, texts: Sequence[str], /) -> Sequence[TokenEmbeddings]:
        """Embed texts and their tokens. Raises as `embed` does, and ValueError where the model takes no texts."""

    def embed_windows(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """Embed windows of token ids, (tokens,), laid end to end; `lengths` has the tokens of each, special ones included.

        The vector of a window never depends on its neighbours, as in `embed`. Raises ValueError for a window that is empty or longer than
        the model's and where the model takes no texts, EmbeddingError as `embed` does and for a token that the model does not have.
        """


def first_of_another_kind(items: Items, kind: ItemKind) -> int | None:
    """Return the position of the first item that is not of this kind; None where all are."""
    return next((position for position, item in enumerate(items) if _kind_of(item) != kind), None)


def _kind_of(item: object) -> ItemKind | None:
    if isinstance(item, str):
        return "texts"
    return _KIND_OF_ARRAY.get(item.dtype.name) if isinstance(item, np.ndarray) else None
