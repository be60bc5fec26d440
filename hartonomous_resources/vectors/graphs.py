"""Graphs of many rows (HNSW, by usearch): where to look for the nearest of millions, in a millisecond."""

import threading

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.vectors.quantized import QuantizedRows, quantized_question

BREADTHS = (128, 256, 512, 1024)
"""How many rows a search of a graph goes through: the least of these that finds enough."""

_NEIGHBOURS = 16
_LOOKED_AT_BY_ADDING = 128

GraphBytes = memoryview | bytes | bytearray


class Graph:
    """A graph of rows of a tenant, by their AtomEmbeddingIds. Their components are in it: cosines do not depend on the scale.

    A search goes through `breadth` rows. Without keys (which only a graph that is read can do) no table of them is made.
    """

    def __init__(self, dimension: int, breadth: int = BREADTHS[0], with_keys: bool = True) -> None:
        from usearch.index import Index

        self.breadth = breadth
        self._index = Index(
            ndim=dimension,
            metric="cos",
            dtype="i8",
            connectivity=_NEIGHBOURS,
            expansion_add=_LOOKED_AT_BY_ADDING,
            expansion_search=breadth,
            enable_key_lookups=with_keys,
        )
        self._data: GraphBytes | None = None
        self._turn = threading.Lock()

    @classmethod
    def read(cls, data: GraphBytes, dimension: int, breadth: int) -> "Graph":
        """Read a graph where it lies, such as in a mapped file."""
        graph = cls(dimension, breadth, with_keys=False)
        graph._index.view(memoryview(data))
        graph._data = data  # usearch keeps only its address
        return graph

    @classmethod
    def copied(cls, data: GraphBytes, dimension: int) -> "Graph":
        """Read a graph into memory, where rows can be added to it."""
        graph = cls(dimension)
        graph._index.load(memoryview(data))
        return graph

    def add(self, rows: QuantizedRows) -> None:
        """Add rows, by all cores."""
        if len(rows):
            self._index.add(rows.embedding_ids, rows.components)

    def save(self) -> GraphBytes:
        """The graph as `read` and `copied` take it."""
        return self._index.save() or b""

    def nearest(self, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The ids of about `count` rows near the query, in no order that counts."""
        components = quantized_question(query).components[0]
        with self._turn:  # usearch gives threads that search at once the same memory to work in
            return np.asarray(self._index.search(components, count).keys, dtype=np.int64)
