"""Sentence vectors from an ONNX encoder on a CPU: one text per inference call, one call per core.

Texts are never padded into batches. A dynamically quantised model takes its activation scale over the whole
batch, so that a vector would depend on its neighbours (down to cosine 0.94, measured); alone it does not, and
without padding it is also the fastest way on a CPU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, TokenEmbeddings

_KNOWN_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_SLICE = re.compile(r"(?s).{1,65536}(?!\S)|.{1,65536}")
"""Text is tokenised in slices that end before white space; only a run without any is cut inside a word."""


class TextEmbedder:
    """An ONNX sentence encoder with its tokenizer. Thread-safe; every call may use all `threads`.

    The model takes any of input_ids, attention_mask and token_type_ids (int32 or int64, (1, tokens)) and
    gives a sentence vector (1, dimension), or token vectors (1, tokens, dimension), whose mean is taken. An
    output named `sentence_embedding` is preferred, else the first one counts. Token vectors are those of `token_embeddings`, or of that
    output where it has them.
    """

    dimension: int

    def __init__(
        self, onnx_path: Path, tokenizer_path: Path, *, window_tokens: int = 256, threads: int | None = None
    ) -> None:
        """`window_tokens` counts special tokens too; `threads` defaults to the cores this process may use.

        Raises ValueError for a model with other inputs or a window without room, EmbeddingError for a model
        whose output has another shape, and what onnxruntime and tokenizers raise for unreadable files.
        """
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_file(str(tokenizer_path))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._prefix, self._suffix = self._special_tokens()
        self._content_tokens = window_tokens - len(self._prefix) - len(self._suffix)
        if self._content_tokens < 1:
            raise ValueError(f"a window of {window_tokens} tokens leaves no room beside the special tokens")

        self._session = _single_threaded_session(onnx_path)
        inputs = self._session.get_inputs()
        if unknown := {tensor.name for tensor in inputs} - _KNOWN_INPUTS:
            raise ValueError(f"{onnx_path} needs inputs that a text does not give: {', '.join(sorted(unknown))}")
        self._inputs = [(t.name, np.int32 if t.type == "tensor(int32)" else np.int64) for t in inputs]
        outputs = [tensor.name for tensor in self._session.get_outputs()]
        self._output = "sentence_embedding" if "sentence_embedding" in outputs else outputs[0]
        self._outputs = [self._output, *({"token_embeddings"} & set(outputs))]
        self._threads = threads or _usable_cores()
        self.dimension = len(self._embed_window(next(self._windows("a"))[0]))

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text. It depends on that text alone, bit for bit.

        A text longer than the window is split; its vector is the mean of its windows' vectors, weighted by
        their tokens. Memory does not grow with the length of a text. A text of which the tokenizer keeps
        nothing (control characters only) gets the vector of an empty sentence.
        Raises ValueError for a text that is empty or white space, EmbeddingError where the model returns none.
        """
        _refuse_blank(texts)
        vectors = np.empty((len(texts), self.dimension), np.float32)
        window_counts = np.empty(len(texts), np.int64)
        with self._pool(len(texts)) as pool:
            for row, (vector, window_count) in enumerate(pool.map(self._embed_text, texts)):
                vectors[row], window_counts[row] = vector, window_count
        return Embeddings(vectors, window_counts)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The vectors of the tokens of each text, each in the context of its window, and of the text, which are those of `embed`."""
        _refuse_blank(texts)
        with self._pool(len(texts)) as pool:
            return list(pool.map(self._embed_tokens_of, texts))

    def _pool(self, text_count: int) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max(1, min(self._threads, text_count)))

    def _embed_text(self, text: str) -> tuple[NDArray[np.float64], int]:
        total, window_count = np.zeros(self.dimension), 0
        for window, _ in self._windows(text):
            total += len(window) * self._embed_window(window)
            window_count += 1
        return _unit(total), window_count

    def _embed_tokens_of(self, text: str) -> TokenEmbeddings:
        total, tokens, offsets = np.zeros(self.dimension), [], []
        for window, spans in self._windows(text):
            outputs = self._run(window, self._outputs)
            total += len(window) * self._sentence_vector(outputs[0], len(window))
            if outputs[-1].ndim == 3:
                tokens.append(outputs[-1][0, len(self._prefix) :][: len(spans)])
                offsets += spans
        return TokenEmbeddings(
            _unit(total).astype(np.float32),
            _units(np.concatenate(tokens)) if tokens else np.empty((0, self.dimension), np.float32),
            np.array(offsets, np.int64).reshape(-1, 2),
        )

    def _windows(self, text: str) -> Iterator[tuple[list[int], list[tuple[int, int]]]]:
        """Yield the tokens of each window, special ones included, and where those of the text stand in it."""
        pending: list[int] = []
        spans: list[tuple[int, int]] = []
        size = self._content_tokens
        for part in _SLICE.finditer(text):
            encoding = self._tokenizer.encode(part.group(), add_special_tokens=False)
            pending += encoding.ids
            spans += [(part.start() + start, part.start() + stop) for start, stop in encoding.offsets]
            while len(pending) > size:
                yield [*self._prefix, *pending[:size], *self._suffix], spans[:size]
                del pending[:size], spans[:size]
        yield [*self._prefix, *pending, *self._suffix], spans

    def _embed_window(self, token_ids: list[int]) -> NDArray[np.float64]:
        (output,) = self._run(token_ids, [self._output])
        return self._sentence_vector(output, len(token_ids))

    def _run(self, token_ids: list[int], outputs: list[str]) -> list[NDArray[np.float32]]:
        shape = (1, len(token_ids))
        feed = {}
        for name, dtype in self._inputs:
            if name == "input_ids":
                feed[name] = np.array([token_ids], dtype)
            else:
                feed[name] = np.ones(shape, dtype) if name == "attention_mask" else np.zeros(shape, dtype)
        arrays: list[NDArray[np.float32]] = self._session.run(outputs, feed)
        return arrays

    def _sentence_vector(self, output: NDArray[np.float32], token_count: int) -> NDArray[np.float64]:
        if output.ndim == 3 and output.shape[:2] == (1, token_count):
            output = output.mean(axis=1)
        if output.ndim != 2 or len(output) != 1:
            raise EmbeddingError(f"model output {self._output} has shape {output.shape} for one text")
        return _unit(output[0].astype(np.float64))

    def _special_tokens(self) -> tuple[list[int], list[int]]:
        """Return what the tokenizer puts before and after a text, such as [CLS] and [SEP]."""
        encoding = self._tokenizer.encode("a")
        content = [at for at, special in enumerate(encoding.special_tokens_mask) if not special]
        return encoding.ids[: content[0]], encoding.ids[content[-1] + 1 :]


def _single_threaded_session(onnx_path: Path) -> Any:
    import onnxruntime

    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(onnx_path), options, providers=["CPUExecutionProvider"])


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    norm = float(np.linalg.norm(vector))
    if not np.isfinite(norm) or norm == 0.0:
        raise EmbeddingError(f"the model gave a vector of length {norm}: the model file is not usable")
    return vector / norm


def _units(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise EmbeddingError("the model gave a token a vector without direction: the model file is not usable")
    units: NDArray[np.float32] = vectors / norms
    return units


def _refuse_blank(texts: Sequence[str]) -> None:
    for position, text in enumerate(texts):
        if not text or text.isspace():
            raise ValueError(f"text {position} of {len(texts)} is empty: there is nothing to embed")


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
