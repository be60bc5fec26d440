"""Content-defined chunks of any bytes: an insertion moves only the cuts beside it, so copies deduplicate.

The cuts are FastCDC's: Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based
Storage Systems", IEEE TPDS 31(9), 2020, as implemented by pyfastcdc.
"""

from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.protocol import Atom, Context

MIN_CHUNK_BYTES = 8 * 1024
AVERAGE_CHUNK_BYTES = 32 * 1024
MAX_CHUNK_BYTES = 64 * 1024


class ChunkSizes(NamedTuple):
    """Bytes of a chunk."""

    least: int = MIN_CHUNK_BYTES
    average: int = AVERAGE_CHUNK_BYTES
    most: int = MAX_CHUNK_BYTES


SIZES_OF_ANYTHING = ChunkSizes()
SIZES_OF_TEXT = ChunkSizes(256, 1024, 4 * 1024)
"""Of the bytes of text that is not UTF-8: a row put first into a file of 100 kB changes less than a twentieth of it."""


class ChunkAtomizer:
    """Handles every content type: modality 'binary', subtype 'chunk', no suffix, no text."""

    name = "chunks"
    reads_text = False
    gives_text = False
    has_members = False

    def __init__(self, sizes: ChunkSizes = SIZES_OF_ANYTHING) -> None:
        self._sizes = sizes

    @cached_property
    def version(self) -> str:
        """Own version and that of the library that decides the cuts."""
        return f"1+pyfastcdc-{version('pyfastcdc')}"

    def handles(self, content_type: str) -> bool:
        """True: any bytes can be cut into chunks."""
        return True

    def atomize(
        self, stream: BinaryIO, content_type: str = "application/octet-stream", context: Context | None = None
    ) -> Iterator[Atom]:
        """Yield chunks of 8 to 64 KiB, unless of other sizes (the last may be shorter); concatenated they are the stream.

        FastCDC counts its average from the least on: chunks of random bytes are nearer to 40 KiB.
        Memory: one buffer of 128 KiB.
        """
        from pyfastcdc import FastCDC

        cutter = FastCDC(self._sizes.average, min_size=self._sizes.least, max_size=self._sizes.most)
        # cut_stream refills its buffer until it is full or the stream ends: short reads cannot move a cut.
        for chunk in cutter.cut_stream(stream):
            # The chunk is a view of a buffer that the next step overwrites.
            yield Atom(bytes(chunk.data), b"", "binary", "chunk", "application/octet-stream", None)
