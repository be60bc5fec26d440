"""Graphs of many rows (HNSW, by usearch): where to look for the nearest of millions, in a millisecond."""

import threading

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.vectors.quantized import QuantizedRows, quantized_question

_NEIGHBOURS = 16
_LOOKED_AT_BY_ADDING = 128
_LOOKED_AT_AT_LEAST = 256


class Graph:
    """A graph of rows of a tenant, by their AtomEmbeddingIds. Their components are in it: cosines do not depend on the scale."""

    def __init__(self, dimension: int) -> None:
        from usearch.index import Index

        self._index = Index(
            ndim=dimension,
            metric="cos",
            dtype="i8",
            connectivity=_NEIGHBOURS,
            expansion_add=_LOOKED_AT_BY_ADDING,
            expansion_search=_LOOKED_AT_AT_LEAST,
        )
        self._data: memoryview | None = None
        self._turn = threading.Lock()

    @classmethod
    def read(cls, data: memoryview, dimension: int) -> "Graph":
        """Read a graph where it lies, such as in a mapped file."""
        graph = cls(dimension)
        graph._index.view(data)
        graph._data = data  # usearch keeps only its address
        return graph

    def add(self, rows: QuantizedRows) -> None:
        """Add rows, by all cores."""
        if len(rows):
            self._index.add(rows.embedding_ids, rows.components)

    def save(self) -> bytes:
        """The graph as `read` takes it."""
        return bytes(self._index.save() or b"")

    def nearest(self, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The ids of about `count` rows near the query, in no order that counts."""
        components = quantized_question(query).components[0]
        with self._turn:  # usearch gives threads that search at once the same memory to work in
            return np.asarray(self._index.search(components, count).keys, dtype=np.int64)
