"""Cuts whole rows into batches at places that their own bytes choose, so that rows put in change the batches beside them and no others."""

import io
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.atomizers.chunks import MAX_CHUNK_BYTES, ChunkAtomizer

LEAST_BYTES, MOST_BYTES = 2 * 1024, 8 * 1024
"""Of a batch: beside a longer row, and at the end, it may be shorter. A row that is longer is a batch by itself."""
_OF_BYTES = np.array([crc32(bytes([byte])) for byte in range(256)], np.uint32)
_FACTOR = np.uint32(0x9E3779B1)
"""An odd number of 32 bits whose bits are mixed: 2^32 divided by the golden ratio."""


class Batch(NamedTuple):
    """A batch of whole rows, how many rows come before it, and which part of it these bytes are: a row of more than 64 KiB has several."""

    content: bytes
    rows_before: int
    part: int


class RowBatches:
    """Takes rows as they come. Of those with which a batch could end, that of the least hash ends it, however they were read."""

    def __init__(self) -> None:
        self._data = b""
        self._ends = np.zeros(0, np.int64)
        self._hashes = np.zeros(0, np.uint32)
        self._rows_before = 0

    def add(self, data: bytes, ends: Sequence[int]) -> Iterator[Batch]:
        """Yield the batches that end in these rows; `ends` says where each ends, the last of them at the end of `data`."""
        of_data = np.array(ends, np.int64)
        self._ends = np.concatenate([self._ends, of_data + len(self._data)])
        self._hashes = np.concatenate([self._hashes, _hashes(data, of_data)])
        self._data += data
        yield from self._take(MOST_BYTES)

    def finish(self) -> Iterator[Batch]:
        """Yield what is left."""
        yield from self._take(0)

    def _take(self, least_left: int) -> Iterator[Batch]:
        start = first = 0
        while len(self._data) - start > least_left:
            last = self._last_row(start, first)
            end = int(self._ends[last])
            for part, content in enumerate(_parts(self._data[start:end])):
                yield Batch(content, self._rows_before + first, part)
            start, first = end, last + 1
        self._data = self._data[start:]
        self._rows_before += first
        self._ends, self._hashes = self._ends[first:] - start, self._hashes[first:]

    def _last_row(self, start: int, first: int) -> int:
        """Return which row ends the batch that begins at `start`, with the row `first`."""
        low = int(np.searchsorted(self._ends, start + LEAST_BYTES))
        high = int(np.searchsorted(self._ends, start + MOST_BYTES, "right"))
        if high == len(self._ends):
            return high - 1  # only at the end of all
        if low < high:
            return low + int(self._hashes[low:high].argmin())
        return max(first, high - 1)


def _hashes(data: bytes, ends: NDArray[np.int64]) -> NDArray[np.uint32]:
    """Return a hash of each row."""
    if not len(ends):
        return np.zeros(0, np.uint32)
    starts = np.concatenate([[0], ends[:-1]])
    hashes = np.add.reduceat(_OF_BYTES[np.frombuffer(data, np.uint8)], starts, dtype=np.uint32) * _FACTOR
    hashes ^= hashes >> np.uint32(15)
    return hashes * _FACTOR


def _parts(batch: bytes) -> Iterator[bytes]:
    """Yield a batch, or the parts of one that is a single row of more bytes than any atom should have."""
    if len(batch) <= MAX_CHUNK_BYTES:
        yield batch
        return
    for atom in ChunkAtomizer().atomize(io.BytesIO(batch)):
        yield atom.content
