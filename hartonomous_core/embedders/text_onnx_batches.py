"""Sentence vectors from an ONNX encoder in padded batches, sorted by length: what a GPU wants. A processor computes the same, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.onnx_encoders import OutOfMemory, device_errors, open_encoder
from hartonomous_core.embedders.protocol import EmbeddingError, Embeddings, TokenEmbeddings, WindowVectors
from hartonomous_core.embedders.text_onnx import OnnxTextEmbedder
from hartonomous_core.embedders.text_windows import TextWindows
from hartonomous_core.embedders.unit_vectors import unit_rows
from hartonomous_core.embedders.window_vectors import embed_texts, embed_texts_and_tokens, refuse_windows

BATCH_TOKENS = 1 << 15
"""Tokens of a batch, padding included."""
_GATHERED = 4
"""Batches whose windows are gathered before they are sorted: within one, all are of nearly the same length."""
_MULTIPLE = 8
"""Batches are as wide as a multiple of this: matrix units want it, and there are fewer shapes."""
_LEAST_COSINE = 0.9999
_PROBE_LENGTHS = (1, 2, 7, 8, 9, 31, 64, 100)


class OnnxBatchEmbedder:
    """An ONNX sentence encoder with its tokenizer. Thread-safe. A vector is the same in any batch to cosine 0.9999, which is tried when it loads.

    The model is one that `open_encoder` takes, and gives sentence vectors (batch, dimension), or token vectors (batch, tokens, dimension),
    whose mean is taken: here, for which all of them are copied from the device.
    """

    dimension: int

    def __init__(
        self,
        onnx_path: Path,
        tokenizer_path: Path,
        *,
        window_tokens: int = 256,
        cuda: int | None = None,
        device: str = "cpu",
        threads: int = 1,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        """`cuda` is the number of a CUDA device, which `device` names in words; without, `threads` of the processor compute.

        Raises EmbeddingError for a model whose vectors depend on their batch or are others than those of a processor, as of one that is
        quantised while it runs; DeviceError where there is no such device; and as OnnxTextEmbedder does.
        """
        self.device = device
        self._windows, self._window_tokens = TextWindows(tokenizer_path, window_tokens), window_tokens
        self._encoder = open_encoder(onnx_path, threads=threads, cuda=cuda)
        self._batch_tokens = batch_tokens
        self._words = max(self._windows.tokens_known(), *(each + 1 for each in self._windows.special_tokens()), 1)
        reference = OnnxTextEmbedder(onnx_path, tokenizer_path, window_tokens=window_tokens)
        self.dimension = reference.dimension
        self._try_against(reference)

    def embed(self, texts: Sequence[str]) -> Embeddings:
        """One unit vector per text, as `Embedder.embed` says; a text longer than the window is split."""
        return embed_texts(texts, self._windows, self.dimension, self.embed_windows, _GATHERED * BATCH_TOKENS)

    def embed_tokens(self, texts: Sequence[str]) -> list[TokenEmbeddings]:
        """The vectors of the tokens of each text, each in the context of its window, and of the text."""
        return embed_texts_and_tokens(texts, self._windows, self.dimension, self.embed_windows)

    def embed_windows(
        self, ids: NDArray[np.int32], lengths: NDArray[np.int32], *, with_states: bool = False
    ) -> WindowVectors:
        """The vectors of windows, as `Embedder.embed_windows` says. Raises DeviceError where not even one at once has room."""
        refuse_windows(ids, lengths, self._window_tokens)
        self._refuse_ids(ids)
        firsts = np.cumsum(lengths, dtype=np.int64) - lengths
        vectors = np.empty((len(lengths), self.dimension))
        states: NDArray[np.float32] | None = None
        longest_first = np.argsort(-lengths, kind="stable")  # what takes the most memory comes first
        done = 0
        while done < len(lengths):
            width = min(-(-int(lengths[longest_first[done]]) // _MULTIPLE) * _MULTIPLE, self._window_tokens)
            some = longest_first[done : done + max(1, self._batch_tokens // width)]
            places = firsts[some, None] + np.arange(width)
            is_token = np.arange(width) < lengths[some, None]
            padded = np.where(is_token, ids[np.minimum(places, len(ids) - 1)], 0)
            try:
                sentences, tokens = self._run(padded, is_token, with_states=with_states)
            except OutOfMemory:
                if len(some) == 1:
                    raise
                self._batch_tokens = width * (len(some) // 2)
                continue
            vectors[some] = unit_rows(sentences.astype(np.float64))
            if tokens is not None:
                if states is None:  # as wide as the model makes them: a sentence vector may have another width
                    states = np.empty((len(ids), tokens.shape[2]), np.float32)
                states[places[is_token]] = tokens[is_token]
            done += len(some)
        return WindowVectors(vectors, states)

    def _run(
        self, padded: NDArray[np.int32], is_token: NDArray[np.bool_], *, with_states: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Return sentence vectors, and token vectors where they are wanted and there."""
        encoder = self._encoder
        binding = encoder.session.io_binding()
        for name, dtype in encoder.inputs:
            array = {"input_ids": padded, "attention_mask": is_token}.get(name, np.zeros_like(padded))
            binding.bind_cpu_input(name, np.ascontiguousarray(array, dtype))
        for name in encoder.outputs if with_states else encoder.outputs[:1]:
            binding.bind_output(name)  # what is not asked for stays on the device
        with device_errors():
            encoder.session.run_with_iobinding(binding)
            outputs = binding.copy_outputs_to_cpu()
        sentences = outputs[0]
        if sentences.ndim == 3 and sentences.shape[:2] == padded.shape:
            sentences = np.einsum("btd,bt->bd", sentences, is_token, dtype=np.float64)  # a mean's divisor falls out
        if sentences.ndim != 2 or len(sentences) != len(padded):
            raise EmbeddingError(
                f"model output {encoder.outputs[0]} has shape {outputs[0].shape} for {len(padded)} texts"
            )
        return sentences, outputs[-1] if with_states and outputs[-1].ndim == 3 else None

    def _refuse_ids(self, ids: NDArray[np.int32]) -> None:
        """A GPU looks no further than this: it would read whatever lies there."""
        if len(ids) and not 0 <= ids.min() <= ids.max() < self._words:
            wrong = ids.min() if ids.min() < 0 else ids.max()
            raise EmbeddingError(
                f"token {wrong} is none of the {self._words} of the model: tokens and model do not belong together"
            )

    def _try_against(self, reference: OnnxTextEmbedder) -> None:
        """Compare windows of all lengths in one batch, and alone, with those of the processor. Raises EmbeddingError."""
        lengths = np.array([min(each, self._window_tokens) for each in (*_PROBE_LENGTHS, 1 << 20)], np.int32)
        ids = np.random.default_rng(0).integers(0, self._words, lengths.sum(), dtype=np.int32)
        ids[-1] = self._words - 1
        of_processor = reference.embed_windows(ids, lengths, with_states=True)
        in_batch = self.embed_windows(ids, lengths, with_states=True)
        here, there = (each.states is not None and each.states.shape for each in (in_batch, of_processor))
        if here != there:
            raise EmbeddingError(f"token vectors computed in a batch have shape {here}, on the processor {there}")
        expected, together = of_processor.vectors, in_batch.vectors
        stops = np.cumsum(lengths)
        alone = np.concatenate(
            [
                self.embed_windows(ids[stop - length : stop], np.array([length], np.int32)).vectors
                for stop, length in zip(stops, lengths, strict=True)
            ]
        )
        for what, others in (("alone on the processor", expected), ("alone", alone)):
            worst = float((together * others).sum(axis=1).min())
            if worst < _LEAST_COSINE:
                raise EmbeddingError(
                    f"vectors computed in a batch and {what} differ, down to cosine {worst:.5f}: this model has to be computed text by text"
                )
