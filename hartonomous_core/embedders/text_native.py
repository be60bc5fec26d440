"""Sentence vectors by our own kernels: int8 on the CPU, texts laid end to end without padding, a chunk of them per core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_core.embedders.native.bert_files import BertConfig
from hartonomous_core.embedders.native.compiling import (
    cache_of,
    forget_compiled_code,
    holds_compiled_code,
    import_kernels,
)
from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, TokenEmbeddings
from hartonomous_core.embedders.text_windows import TextWindows, Window, refuse_blank
from hartonomous_core.embedders.unit_vectors import unit_rows

ARITHMETIC = "int8-1"
"""Names what is computed, as a part of a model's identity; counts up with every change of the vectors."""

_CHUNK_TOKENS = 180
"""Tokens that one core works on at a time: their activations stay in its cache."""
_BATCH_TOKENS = 1 << 15
_TEXTS_AT_ONCE = 4096


class NativeTextEmbedder:
    """A BERT-shaped sentence encoder in int8. Thread-safe; every call may use all `threads`."""

    dimension: int

    def __init__(
        self,
        weights_path: Path,
        tokenizer_path: Path,
        config: BertConfig,
        *,
        threads: int | None = None,
        kernel: str | None = None,
        compiled: Sequence[Path] = (),
        on_compile: Callable[[str], None] | None = None,
    ) -> None:
        """`kernel` is one of KERNELS, by default the fastest that the processor has; `threads` defaults to the cores this process may use.

        What is compiled is kept in the first of the folders `compiled` that will do; before a compilation `on_compile` is told why it is,
        and whether that will be so the next time.
        Raises UnsupportedEncoder for weights of other shapes, EmbeddingError for a tokenizer of another model, ValueError for a kernel
        that the processor lacks and a window without room, and what safetensors, tokenizers and numba raise for unreadable files.
        """
        from hartonomous_core.embedders.native.processor import KERNELS, supported_kernels
        from hartonomous_core.embedders.native.weights import read_encoder

        usable = supported_kernels()
        self.kernel = kernel or usable[0]
        if self.kernel not in usable:
            raise ValueError(f"this processor cannot run kernel {self.kernel!r}: it has {', '.join(usable)}")
        self._config = config
        self._windows = TextWindows(tokenizer_path, config.window_tokens)
        self._kernels = import_kernels(compiled)
        self._encoder = read_encoder(weights_path, config, KERNELS[self.kernel], self._kernels)
        self._refuse_ids(0, self._windows.largest_id())
        self._activation = KERNELS[self.kernel].activation
        self._threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")
        self._free: list[Any] = []
        self._free_lock = threading.Lock()
        self.dimension = config.width
        self._compile(on_compile or _ignore)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text. It depends on that text alone, bit for bit.

        A text longer than the window is split; its vector is the mean of its windows' vectors, weighted by
        their tokens. Memory does not grow with the length of a text. A text of which the tokenizer keeps
        nothing (control characters only) gets the vector of an empty sentence.
        Raises ValueError for a text that is empty or white space, EmbeddingError where the model returns none.
        """
        refuse_blank(texts)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        window_counts = np.zeros(len(texts), np.int64)
        for start in range(0, len(texts), _TEXTS_AT_ONCE):
            some = texts[start : start + _TEXTS_AT_ONCE]
            totals = np.zeros((len(some), self.dimension))
            for windows in _batches(self._windows.of(some)):
                of_windows = self._window_vectors(windows)
                numbers = [window.text for window in windows]
                weighted = _weighted(windows, of_windows)
                if len(windows) == numbers[-1] - numbers[0] + 1:  # a window for each text
                    totals[numbers[0] : numbers[-1] + 1] += weighted
                else:
                    np.add.at(totals, numbers, weighted)  # in turn, wherever a batch ends
                np.add.at(window_counts[start:], numbers, 1)
            vectors[start : start + len(some)] = unit_rows(totals)
        return Embeddings(vectors, window_counts)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The vectors of the tokens of each text, each in the context of its window, and of the text, which are those of `embed`."""
        refuse_blank(texts)
        made = []
        for _, windows in groupby(self._windows.of(texts), key=lambda window: window.text):
            total = np.zeros((1, self.dimension))  # summed as in `embed`
            states, spans = [], []
            for batch in _batches(windows):
                tokens: list[NDArray[np.float32]] = []
                of_windows = self._window_vectors(batch, tokens)
                np.add.at(total, [0] * len(batch), _weighted(batch, of_windows))
                first = len(self._windows.prefix)
                for window, of_window in zip(batch, tokens, strict=True):
                    states.append(of_window[first : first + len(window.spans)])
                    spans += window.spans
            of_tokens = np.concatenate(states)
            made.append(
                TokenEmbeddings(
                    unit_rows(total)[0].astype(np.float32),
                    unit_rows(of_tokens) if len(of_tokens) else of_tokens,
                    np.array(spans, np.int64).reshape(-1, 2),
                )
            )
        return made

    def _window_vectors(
        self, windows: Sequence[Window], tokens: list[NDArray[np.float32]] | None = None
    ) -> NDArray[np.float64]:
        """Return the unit vector of each window, (windows, dimension); leaves the states of its tokens in `tokens`, where given."""
        vectors = np.empty((len(windows), self.dimension))
        kept: dict[int, NDArray[np.float32]] = {}

        def encode(chunk: list[int]) -> None:
            starts = np.zeros(len(chunk) + 1, np.int64)
            np.cumsum([len(windows[at].tokens) for at in chunk], out=starts[1:])
            states = self._hidden_states(np.concatenate([windows[at].tokens for at in chunk]), starts)
            vectors[chunk] = unit_rows(self._pooled(states, starts).astype(np.float64))
            if tokens is not None:
                kept.update(zip(chunk, np.split(states, starts[1:-1]), strict=True))

        chunks = self._chunks(windows)
        if len(chunks) == 1:
            encode(chunks[0])
        else:
            list(self._pool.map(encode, chunks))
        if tokens is not None:
            tokens += [kept[at] for at in range(len(windows))]
        return vectors

    def _chunks(self, windows: Sequence[Window]) -> list[list[int]]:
        """Share windows out, long ones first, so that no core is left with much when the others are done."""
        total = sum(len(window.tokens) for window in windows)
        room = max(1, min(_CHUNK_TOKENS, -(-total // self._threads)))
        chunks: list[list[int]] = []
        filled = room
        for at in sorted(range(len(windows)), key=lambda at: -len(windows[at].tokens)):
            if filled >= room:
                chunks.append([])
                filled = 0
            chunks[-1].append(at)
            filled += len(windows[at].tokens)
        return chunks

    def _pooled(self, states: NDArray[np.float32], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """The mean's divisor falls out where the vector is brought to length 1."""
        return states[starts[:-1]] if self._config.pooling == "cls" else np.add.reduceat(states, starts[:-1], axis=0)

    def _hidden_states(self, ids: NDArray[np.int64], starts: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the state of every token in the last layer, (tokens, dimension)."""
        self._refuse_ids(ids.min(), ids.max())  # special tokens need not be in the vocabulary
        with self._free_lock:
            scratch = self._free.pop() if self._free else self._new_scratch()
        try:
            if not self._kernels.hidden_states(ids, starts, self._encoder, scratch):
                raise EmbeddingError("the model gave numbers that are not finite: the model file is not usable")
            states: NDArray[np.float32] = scratch.hidden[: len(ids)].copy()
            return states
        finally:
            with self._free_lock:
                self._free.append(scratch)

    def _refuse_ids(self, least: int, greatest: int) -> None:
        """The kernels look no further than this."""
        if least < 0 or greatest >= len(self._encoder.words):
            wrong = least if least < 0 else greatest
            raise EmbeddingError(
                f"the tokenizer gives token {wrong}, and the model has {len(self._encoder.words)}: they do not belong together"
            )

    def _new_scratch(self) -> Any:
        window = self._config.window_tokens
        return self._kernels.new_scratch(_CHUNK_TOKENS + window, window, self._config, self._activation)

    def _compile(self, on_compile: Callable[[str], None]) -> None:
        """Have the kernels ready before the first text comes: compiled, or read from where numba keeps them."""
        cache = cache_of(self._kernels)
        found = cache is not None and holds_compiled_code(cache)
        if cache is None:
            on_compile(
                "compiling the text encoder for this processor, some seconds, as will every process: there is no folder "
                "to keep the result in that this user owns and no other can write to"
            )
        elif not found:
            on_compile("compiling the text encoder for this processor, once: some seconds")
        ids, starts = np.zeros(1, np.int64), np.array([0, 1])
        try:
            self._hidden_states(ids, starts)
        except (EmbeddingError, OSError):
            raise
        except Exception as error:  # unpickling a damaged file raises anything
            if cache is None or not found:
                raise
            on_compile(f"compiling the text encoder anew: the code in {cache} does not load ({error!r})")
            forget_compiled_code(cache)
            self._hidden_states(ids, starts)


def _weighted(windows: Sequence[Window], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each window's vector times its tokens, (windows, dimension)."""
    return np.array([len(window.tokens) for window in windows])[:, None] * vectors


def _ignore(reason: str) -> None:
    """Nobody asked why something is compiled."""


def _batches(windows: Iterator[Window]) -> Iterator[list[Window]]:
    """Gather windows until there are enough to share out."""
    gathered: list[Window] = []
    tokens = 0
    for window in windows:
        gathered.append(window)
        tokens += len(window.tokens)
        if tokens >= _BATCH_TOKENS:
            yield gathered
            gathered, tokens = [], 0
    if gathered:
        yield gathered
