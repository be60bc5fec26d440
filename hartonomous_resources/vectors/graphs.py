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


_FEW_ROWS = 10_000
"""Rows that one thread adds: several that add to a small graph at once leave parts of it where a search hardly comes (recall 0.94 was seen)."""


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
        """Add rows; many, by all cores."""
        if len(rows):
            threads = 1 if len(rows) <= _FEW_ROWS else 0  # 0: all
            self._index.add(rows.embedding_ids, rows.components, threads=threads)

    def save(self) -> bytearray:
        """The graph as `read` and `copied` take it."""
        return bytearray(self._index.save() or b"")

    def nearest(self, query: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """The ids of about `count` rows near the query, in no order that counts."""
        components = quantized_question(query).components[0]
        with self._turn:  # usearch gives threads that search at once the same memory to work in
            return np.asarray(self._index.search(components, count).keys, dtype=np.int64)


def places_in(data: GraphBytes) -> int:
    """How many rows a saved graph has places for, those of `keep_only` that went included."""
    return len(_components_in(data))


def keep_only(data: bytearray, digests: NDArray[np.uint64]) -> None:
    """Take out of a saved graph the components of all rows but of those with these digests.

    The place of a row that goes stays, as a step from others to others, at a right angle to all of them.
    """
    there = _components_in(data)
    there[~np.isin(digests_of(there), digests)] = 0


def digests_of(components: NDArray[np.int8]) -> NDArray[np.uint64]:
    """A number for each row, uint64 (n,), that tells its components from others."""
    if rest := components.shape[1] % 8:
        components = np.pad(components, ((0, 0), (0, 8 - rest)))
    words = components.view("<u8")
    odd = np.random.default_rng(0).integers(2**63, size=words.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    digests: NDArray[np.uint64] = words @ odd
    return digests


def _components_in(data: GraphBytes) -> NDArray[np.int8]:
    """The components in a saved graph, where they lie: usearch writes how many and of which dimension, and then one after another."""
    rows, dimension = np.frombuffer(data, dtype="<u4", count=2).tolist()
    return np.frombuffer(data, dtype=np.int8, count=rows * dimension, offset=8).reshape(rows, dimension)
