"""Content-defined chunks of any bytes: an insertion moves only the cuts beside it, so copies deduplicate.

The cuts are FastCDC's: Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based
Storage Systems", IEEE TPDS 31(9), 2020, as implemented by pyfastcdc.
"""

from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import BinaryIO

from hartonomous_core.atomizers.protocol import Atom

MIN_CHUNK_BYTES = 8 * 1024
AVERAGE_CHUNK_BYTES = 32 * 1024
MAX_CHUNK_BYTES = 64 * 1024


class ChunkAtomizer:
    """Handles every content type: modality 'binary', subtype 'chunk', no suffix, no text."""

    name = "chunks"
    needs_utf8 = False
    gives_text = False

    @cached_property
    def version(self) -> str:
        """Own version and that of the library that decides the cuts."""
        return f"1+pyfastcdc-{version('pyfastcdc')}"

    def handles(self, content_type: str) -> bool:
        """True: any bytes can be cut into chunks."""
        return True

    def atomize(self, stream: BinaryIO, content_type: str = "application/octet-stream") -> Iterator[Atom]:
        """Yield chunks of 8 to 64 KiB (the last may be shorter); concatenated they are the stream.

        FastCDC counts its average from `MIN_CHUNK_BYTES` on: chunks of random bytes are nearer to 40 KiB.
        Memory: one buffer of 128 KiB.
        """
        from pyfastcdc import FastCDC

        cutter = FastCDC(AVERAGE_CHUNK_BYTES, min_size=MIN_CHUNK_BYTES, max_size=MAX_CHUNK_BYTES)
        # cut_stream refills its buffer until it is full or the stream ends: short reads cannot move a cut.
        for chunk in cutter.cut_stream(stream):
            # The chunk is a view of a buffer that the next step overwrites.
            yield Atom(bytes(chunk.data), b"", "binary", "chunk", "application/octet-stream", None)
