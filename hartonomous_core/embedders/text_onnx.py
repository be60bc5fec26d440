"""Sentence vectors from an ONNX encoder on a CPU: one text per inference call, one call per core.

Texts are never padded into batches. A dynamically quantised model takes its activation scale over the whole
batch, so that a vector would depend on its neighbours (down to cosine 0.94, measured); alone it does not, and
without padding it is also the fastest way on a CPU.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_core.embedders.onnx_encoders import open_encoder
from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.text_windows import TextWindows, refuse_blank
from hartonomous_core.embedders.unit_vectors import unit_rows
from hartonomous_core.embedders.window_vectors import refuse_windows


class OnnxTextEmbedder:
    """An ONNX sentence encoder with its tokenizer. Thread-safe; every call may use all `threads`.

    The model is one that `open_encoder` takes, and gives a sentence vector (1, dimension), or token vectors (1, tokens, dimension), whose
    mean is taken.
    """

    dimension: int
    device = "cpu"

    def __init__(
        self, onnx_path: Path, tokenizer_path: Path, *, window_tokens: int = 256, threads: int | None = None
    ) -> None:
        """`window_tokens` counts special tokens too; `threads` defaults to the cores this process may use.

        Raises ValueError for a model with other inputs or a window without room, EmbeddingError for a model
        whose output has another shape, and what onnxruntime and tokenizers raise for unreadable files.
        """
        self._windows, self._window_tokens = TextWindows(tokenizer_path, window_tokens), window_tokens
        self._encoder = open_encoder(onnx_path)
        self._threads = threads or usable_cores()
        self.dimension = len(self._embed_window(next(self._windows.of(["a"])).tokens))

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text. It depends on that text alone, bit for bit.

        A text longer than the window is split; its vector is the mean of its windows' vectors, weighted by
        their tokens. Memory does not grow with the length of a text. A text of which the tokenizer keeps
        nothing (control characters only) gets the vector of an empty sentence.
        Raises ValueError for a text that is empty or white space, EmbeddingError where the model returns none.
        """
        refuse_blank(texts)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        window_counts = np.empty(len(texts), np.int64)
        with self._pool(len(texts)) as pool:
            for row, (vector, window_count) in enumerate(pool.map(self._embed_text, texts)):
                vectors[row], window_counts[row] = vector, window_count
        return Embeddings(vectors, window_counts)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The vectors of the tokens of each text, each in the context of its window, and of the text, which are those of `embed`."""
        refuse_blank(texts)
        with self._pool(len(texts)) as pool:
            return list(pool.map(self._embed_tokens_of, texts))

    def embed_windows(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """The vectors of windows, as `Embedder.embed_windows` says; a token that the model does not have is whatever onnxruntime raises."""
        refuse_windows(ids, lengths, self._window_tokens)
        stops = np.cumsum(lengths, dtype=np.int64)
        windows = [ids[stop - length : stop].tolist() for stop, length in zip(stops, lengths, strict=True)]
        outputs = self._encoder.outputs if with_states else self._encoder.outputs[:1]
        vectors, states = np.empty((len(windows), self.dimension)), []
        with self._pool(len(windows)) as pool:
            for row, of_window in enumerate(pool.map(lambda tokens: self._run(tokens, outputs), windows)):
                vectors[row] = self._sentence_vector(of_window[0], len(windows[row]))
                if with_states and of_window[-1].ndim == 3:
                    states.append(of_window[-1][0])
        return WindowVectors(vectors, np.concatenate(states) if states else None)

    def _pool(self, text_count: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max(1, min(self._threads, text_count)))

    def _embed_text(self, text: str) -> tuple[NDArray[np.float64], int]:
        total, window_count = np.zeros(self.dimension), 0
        for window in self._windows.of([text]):
            total += len(window.tokens) * self._embed_window(window.tokens)
            window_count += 1
        return unit_rows(total[None])[0], window_count

    def _embed_tokens_of(self, text: str) -> TokenEmbeddings:
        total, tokens, offsets = np.zeros(self.dimension), [], []
        for window in self._windows.of([text], with_spans=True):
            outputs = self._run(window.tokens, self._encoder.outputs)
            total += len(window.tokens) * self._sentence_vector(outputs[0], len(window.tokens))
            if outputs[-1].ndim == 3:
                tokens.append(outputs[-1][0, len(self._windows.prefix) :][: len(window.spans)])
                offsets += window.spans
        return TokenEmbeddings(
            unit_rows(total[None])[0].astype(np.float32),
            unit_rows(np.concatenate(tokens)) if tokens else np.empty((0, self.dimension), np.float32),
            np.array(offsets, np.int64).reshape(-1, 2),
        )

    def _embed_window(self, token_ids: list[int]) -> NDArray[np.float64]:
        (output,) = self._run(token_ids, self._encoder.outputs[:1])
        return self._sentence_vector(output, len(token_ids))

    def _run(self, token_ids: list[int], outputs: list[str]) -> list[NDArray[np.float32]]:
        shape = (1, len(token_ids))
        feed = {}
        for name, dtype in self._encoder.inputs:
            if name == "input_ids":
                feed[name] = np.array([token_ids], dtype)
            else:
                feed[name] = np.ones(shape, dtype) if name == "attention_mask" else np.zeros(shape, dtype)
        arrays: list[NDArray[np.float32]] = self._encoder.session.run(outputs, feed)
        return arrays

    def _sentence_vector(self, output: NDArray[np.float32], token_count: int) -> NDArray[np.float64]:
        if output.ndim == 3 and output.shape[:2] == (1, token_count):
            output = output.mean(axis=1)
        if output.ndim != 2 or len(output) != 1:
            raise EmbeddingError(f"model output {self._encoder.outputs[0]} has shape {output.shape} for one text")
        vector: NDArray[np.float64] = unit_rows(output.astype(np.float64))[0]
        return vector
