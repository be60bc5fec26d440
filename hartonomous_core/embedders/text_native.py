"""Sentence vectors by our own kernels: int8 on the CPU, texts laid end to end without padding, a chunk of them per core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_core.embedders.native.bert_files import BertConfig
from hartonomous_core.embedders.native.packing import aligned
from hartonomous_core.embedders.native.records import INFINITE, JOB, ROWS, SCRATCH
from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.embedders.unit_vectors import unit_rows
from hartonomous_core.embedders.window_vectors import (
    embed_texts,
    embed_texts_and_tokens,
    refuse_windows,
)

if TYPE_CHECKING:  # llvmlite is imported where a model is loaded
    from hartonomous_core.embedders.native.processor import Processor

ARITHMETIC = "int8-2"
"""Names what is computed, as a part of a model's identity; counts up with every change of the vectors."""

_CHUNK_TOKENS = 180
"""Tokens that one core works on at a time: their activations stay in its cache."""


class NativeTextEmbedder:
    """A BERT-shaped sentence encoder in int8. Thread-safe; every call may use all `threads`."""

    dimension: int
    device = "cpu"

    def __init__(
        self,
        weights_path: Path,
        tokenizer_path: Path,
        config: BertConfig,
        *,
        threads: int | None = None,
        kernel: str | None = None,
        processor: Processor | None = None,
        compiled: Sequence[Path] = (),
        on_compile: Callable[[str], None] | None = None,
    ) -> None:
        """`kernel` is one of KERNELS, by default the fastest that the processor has; `threads` defaults to the cores this process may use;
        `processor` is what is compiled for, by default this one.

        What is compiled is kept in the first of the folders `compiled` that will do; before a compilation `on_compile` is told why it is,
        and whether that will be so the next time.
        Raises UnsupportedEncoder for weights of other shapes, EmbeddingError for a tokenizer of another model, ValueError for a kernel
        that the processor lacks and a window without room, and what safetensors and tokenizers raise for unreadable files.
        """
        from hartonomous_core.embedders.native.machine_code import load_kernel
        from hartonomous_core.embedders.native.processor import KERNELS, supported_kernels, this_processor
        from hartonomous_core.embedders.native.weights import Encoder

        processor = processor or this_processor()
        usable = supported_kernels(processor)
        self.kernel = kernel or usable[0]
        if self.kernel not in usable:
            raise ValueError(f"this processor cannot run kernel {self.kernel!r}: it has {', '.join(usable)}")
        self._config = config
        self._windows = TextWindows(tokenizer_path, config.window_tokens)
        self._encoder = Encoder(weights_path, config, KERNELS[self.kernel])
        self._refuse_ids(0, self._windows.tokens_known() - 1)
        self._code = load_kernel(self.kernel, processor, compiled, on_compile or _ignore)
        self._activation = KERNELS[self.kernel].activation
        self._threads = threads or usable_cores()
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="encoder")
        self._free: list[_Scratch] = []
        self._free_lock = threading.Lock()
        self.dimension = config.width

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text. It depends on that text alone, bit for bit.

        A text longer than the window is split; its vector is the mean of its windows' vectors, weighted by
        their tokens. Memory does not grow with the length of a text. A text of which the tokenizer keeps
        nothing (control characters only) gets the vector of an empty sentence.
        Raises ValueError for a text that is empty or white space, EmbeddingError where the model returns none.
        """
        return embed_texts(texts, self._windows, self.dimension, self.embed_windows)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The vectors of the tokens of each text, each in the context of its window, and of the text, which are those of `embed`."""
        return embed_texts_and_tokens(texts, self._windows, self.dimension, self.embed_windows)

    def embed_windows(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """The vectors of windows, as `Embedder.embed_windows` says."""
        refuse_windows(ids, lengths, self._config.window_tokens)  # the machine code looks no further than this
        vectors = np.empty((len(lengths), self.dimension))
        states = np.empty((len(ids), self.dimension), np.float32) if with_states else None
        if not len(lengths):
            return WindowVectors(vectors, states)
        longest_first = np.argsort(-lengths, kind="stable")  # no core is left with much when the others are done
        starts = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(lengths[longest_first], out=starts[1:])
        firsts = np.cumsum(lengths, dtype=np.int64) - lengths
        places = np.repeat(firsts[longest_first] - starts[:-1], lengths[longest_first]) + np.arange(starts[-1])
        pooled = np.empty((len(lengths), self.dimension), np.float32)
        of_tokens = None if states is None else np.empty_like(states)
        self._encode(ids[places].astype(np.int64), starts, pooled, of_tokens)
        vectors[longest_first] = unit_rows(pooled.astype(np.float64))  # a mean's divisor falls out here
        if states is not None and of_tokens is not None:
            states[places] = of_tokens
        return WindowVectors(vectors, states)

    def _encode(
        self,
        ids: NDArray[np.int64],
        starts: NDArray[np.int64],
        pooled: NDArray[np.float32],
        states: NDArray[np.float32] | None,
    ) -> None:
        """Fill `pooled` and `states` as JOB says; each thread takes the next chunk until there is none."""
        self._refuse_ids(ids.min(), ids.max())  # special tokens need not be in the vocabulary
        chunks, next_chunk = self._chunks(starts), np.zeros(1, np.int64)
        job = JOB.array(
            ids=ids.ctypes.data,
            starts=starts.ctypes.data,
            chunks=chunks.ctypes.data,
            chunk_count=len(chunks) - 1,
            next_chunk=next_chunk.ctypes.data,
            pooled=pooled.ctypes.data,
            sums_rows=self._config.pooling == "mean",
            states=0 if states is None else states.ctypes.data,
        )
        threads = min(self._threads, len(chunks) - 1)
        worst = self._work_on(job) if threads == 1 else max(self._pool.map(self._work_on, [job] * threads))
        if worst >= INFINITE:
            raise EmbeddingError("the model gave numbers that are not finite: the model file is not usable")

    def _work_on(self, job: NDArray[np.int64]) -> int:
        with self._free_lock:
            scratch = self._free.pop() if self._free else _Scratch(self._config, self._activation)
        worst = self._code.encode(self._encoder.record.ctypes.data, scratch.record.ctypes.data, job.ctypes.data)
        with self._free_lock:
            self._free.append(scratch)
        return worst

    def _chunks(self, starts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the first window of each chunk, and the end: windows in turn, until a chunk is full or each thread has one."""
        room = max(1, min(_CHUNK_TOKENS, -(-int(starts[-1]) // self._threads)))
        firsts, last = [0], len(starts) - 1
        while firsts[-1] < last:
            firsts.append(min(last, int(np.searchsorted(starts, starts[firsts[-1]] + room))))
        return np.array(firsts, np.int64)

    def _refuse_ids(self, least: int, greatest: int) -> None:
        """The machine code looks no further than this."""
        if least < 0 or greatest >= self._encoder.words:
            wrong = least if least < 0 else greatest
            raise EmbeddingError(
                f"the tokenizer gives token {wrong}, and the model has {self._encoder.words}: they do not belong together"
            )


class _Scratch:
    """Room for one chunk; `record` has the addresses."""

    def __init__(self, config: BertConfig, activation: str) -> None:
        rows = _CHUNK_TOKENS + config.window_tokens + ROWS
        longest = -(-config.window_tokens // 32) * 32
        wide = max(3 * config.width, config.inner) + 16  # rows a power of 2 apart would share a few sets of the cache
        self._arrays = {
            "hidden": aligned((rows, config.width), np.float32),
            "update": aligned((rows, config.width), np.float32),
            "wide": aligned((rows, wide), np.float32),
            "activations": aligned((rows, max(config.width, config.inner)), activation),
            "scales": aligned((rows,), np.float32),
            "keys": aligned((config.width // config.heads, longest), np.float32),
            "scores": aligned((ROWS, longest), np.float32),
        }
        self.record = SCRATCH.array(
            **{name: array.ctypes.data for name, array in self._arrays.items()},
            wide_stride=self._arrays["wide"].strides[0],
            activation_stride=self._arrays["activations"].strides[0],
            score_stride=self._arrays["scores"].strides[0],
        )


def _ignore(reason: str) -> None:
    """Nobody asked why something is compiled."""
