"""What the machine code is told: numbers of 64 bits side by side, by name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Record:
    """The names, in their order."""

    names: tuple[str, ...]

    def array(self, **values: int) -> NDArray[np.int64]:
        """Return the numbers; every name has one."""
        if set(values) != set(self.names):
            raise TypeError(f"not the fields of this record: {sorted(set(values) ^ set(self.names))}")
        return np.array([values[name] for name in self.names], np.int64)


INFINITE = 0x7F800000
"""Bits of float32 infinity; of a magnitude that is no number, they are more."""
ROWS = 6
"""Rows that products are computed of together."""
PRODUCTS = ("query_key_value", "attended", "widened", "narrowed")
MODEL = Record(
    (
        *("words", "positions", "embedding_norm", "attention_norms", "output_norms"),
        *(f"{product}_{part}" for product in PRODUCTS for part in ("weights", "correction", "scale", "bias")),
        *("layers", "width", "inner", "heads", "epsilon"),
    )
)
"""Addresses of the weights, float32 (norms: gain, then bias) but for the matrices of packing.py; sizes; the address of epsilon, float32."""
SCRATCH = Record(
    (
        *("hidden", "update", "wide", "wide_stride", "activations", "activation_stride", "scales", "keys", "scores"),
        "score_stride",
    )
)
"""Room for a chunk of texts, float32 but for activations: addresses and strides.

Rows, of the first four: those of the chunk and ROWS - 1 beyond. hidden, update: (rows, width); wide: (rows, at least the greater of inner width
and 3 * width); activations: (rows, the greater of width and inner width); scales: (rows,); keys: (width of a head, longest), scores: (ROWS, longest),
where longest is that of the longest text, rounded up to a multiple of 32.
"""
JOB = Record(("ids", "starts", "chunks", "chunk_count", "next_chunk", "pooled", "sums_rows", "states"))
"""Texts laid end to end: addresses, of int64 but for the results.

ids: (tokens,); starts: (texts + 1,), where each text begins, and the end; chunks: (chunk_count + 1,), the first text of each chunk, and the end;
next_chunk: (1,), 0 at first, which all threads count up. pooled: float32 (texts, width), the sum of a text's rows, added in turn, or, where
sums_rows is 0, its first row; states: float32 (tokens, width), or 0 where they are not wanted.
"""
