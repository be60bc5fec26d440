"""An atomizer of its own package, as somebody adds one: what a file says is not in its bytes as such, like the text of a picture."""

import zlib
from collections.abc import Iterator
from itertools import zip_longest
from typing import BinaryIO

from hartonomous_core.atomizers import Atom, Custom

CONTENT_TYPE = "application/x-squeezed-text"
CHUNK_BYTES = 16


def squeezed(*lines: str) -> bytes:
    """A file of these lines."""
    return zlib.compress("\n".join(lines).encode())


class SqueezedTextAtomizer:
    """Text compressed by zlib: its bytes as chunks of 16, and beside them each line, derived, with its number."""

    name = "squeezed-text"
    version = "1"
    reads_text = False
    gives_text = True

    def handles(self, content_type: str) -> bool:
        return content_type == CONTENT_TYPE

    def atomize(self, stream: BinaryIO, content_type: str) -> Iterator[Atom]:
        """Chunks and lines alternate. Raises ValueError at the end for a file that is cut off."""
        data = stream.read()
        chunks = [data[start : start + CHUNK_BYTES] for start in range(0, len(data), CHUNK_BYTES)]
        opened = zlib.decompressobj()
        lines = opened.decompress(data).decode().splitlines()
        for number, (chunk, line) in enumerate(zip_longest(chunks, lines), 1):
            if chunk:
                yield Atom(chunk, b"", "binary", "chunk", CONTENT_TYPE, None)
            if line:
                yield Atom(line.encode(), b"", "text", "line", "text/plain", line, "derived", {"line": number})
        if not opened.eof:
            raise ValueError("is cut off")


ENTRY = Custom(0, lambda unit: SqueezedTextAtomizer())
"""What the entry point of such a package names."""
