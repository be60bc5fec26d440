"""The vector of a text is the mean of its windows' vectors, weighted by their tokens: who computes those may be another process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import Embeddings, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.text_windows import TextWindows, Window, refuse_blank
from hartonomous_core.embedders.unit_vectors import unit_rows

_BATCH_TOKENS = 1 << 15
_TEXTS_AT_ONCE = 4096


class EmbedWindows(Protocol):
    """What computes the vectors of windows."""

    def __call__(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """Do as `Embedder.embed_windows` does."""


def embed_texts(
    texts: Sequence[str],
    windows: TextWindows,
    dimension: int,
    embed_windows: EmbedWindows,
    batch_tokens: int = _BATCH_TOKENS,
) -> Embeddings:
    """Embed texts as `Embedder.embed` does; `embed_windows` gets about `batch_tokens` at a time.

    Raises ValueError for a text that is empty or white space, and what `embed_windows` raises.
    """
    refuse_blank(texts)
    vectors = np.empty((len(texts), dimension), np.float32)
    window_counts = np.zeros(len(texts), np.int64)
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        some = texts[start : start + _TEXTS_AT_ONCE]
        totals = np.zeros((len(some), dimension))
        for batch in _batches(windows.of(some), batch_tokens):
            ids, lengths = _flat(batch)
            weighted = lengths[:, None] * embed_windows(ids, lengths).vectors
            numbers = [window.text for window in batch]
            if len(batch) == numbers[-1] - numbers[0] + 1:  # a window for each text
                totals[numbers[0] : numbers[-1] + 1] += weighted
            else:
                np.add.at(totals, numbers, weighted)  # in turn, wherever a batch ends
            np.add.at(window_counts[start:], numbers, 1)
        vectors[start : start + len(some)] = unit_rows(totals)
    return Embeddings(vectors, window_counts)


def embed_texts_and_tokens(
    texts: Sequence[str],
    windows: TextWindows,
    dimension: int,
    embed_windows: EmbedWindows,
    batch_tokens: int = _BATCH_TOKENS,
) -> list[TokenEmbeddings]:
    """Embed texts and their tokens as `Embedder.embed_tokens` does. Raises as `embed_texts` does."""
    refuse_blank(texts)
    totals = np.zeros((len(texts), dimension))  # summed as in `embed_texts`
    states: list[list[NDArray[np.float32]]] = [[] for _ in texts]
    spans: list[list[tuple[int, int]]] = [[] for _ in texts]
    first = len(windows.prefix)
    for batch in _batches(windows.of(texts, with_spans=True), batch_tokens):
        ids, lengths = _flat(batch)
        embedded = embed_windows(ids, lengths, with_states=True)
        np.add.at(totals, [window.text for window in batch], lengths[:, None] * embedded.vectors)
        if embedded.states is None:
            continue
        for window, of_window in zip(batch, np.split(embedded.states, np.cumsum(lengths)[:-1]), strict=True):
            of_text = of_window[first : first + len(window.spans)]
            states[window.text].append(unit_rows(of_text) if len(of_text) else of_text)
            spans[window.text] += window.spans
    return [
        TokenEmbeddings(
            vector,
            np.concatenate(of_text or [np.empty((0, dimension), np.float32)]),
            np.array(places, np.int64).reshape(-1, 2),
        )
        for vector, of_text, places in zip(unit_rows(totals).astype(np.float32), states, spans, strict=True)
    ]


def refuse_windows(ids: NDArray[np.int32], lengths: NDArray[np.int32], window_tokens: int) -> None:
    """Raises ValueError unless these are windows of 1 to `window_tokens` tokens that take up all ids."""
    if len(lengths) and not 0 < lengths.min() <= lengths.max() <= window_tokens:
        raise ValueError(f"a window has 1 to {window_tokens} tokens, not {lengths.min()} or {lengths.max()}")
    if (total := int(lengths.sum(dtype=np.int64))) != len(ids):
        raise ValueError(f"the windows have {total} tokens, and {len(ids)} are there")


def _flat(batch: Sequence[Window]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the ids of the windows laid end to end, and how many each has."""
    lengths = np.array([len(window.tokens) for window in batch], np.int32)
    ids = chain.from_iterable(window.tokens for window in batch)
    return np.fromiter(ids, np.int32, int(lengths.sum())), lengths


def _batches(windows: Iterator[Window], batch_tokens: int) -> Iterator[list[Window]]:
    """Gather windows until there are enough to share out."""
    gathered: list[Window] = []
    tokens = 0
    for window in windows:
        if gathered and tokens + len(window.tokens) > batch_tokens:
            yield gathered
            gathered, tokens = [], 0
        gathered.append(window)
        tokens += len(window.tokens)
    if gathered:
        yield gathered
