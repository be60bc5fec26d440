"""An open PDF that takes little memory: pdfium keeps what it reads of one, so it is opened anew from time to time.

And it reads each object that it meets as a whole, the pictures on a page, too, for their text: of large ones it sees only that they are there.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2 as pdfium
from pypdfium2 import raw

from hartonomous_core.atomizers.sections import Partial, Section

MOST_READ_BYTES = 32 * 1024 * 1024
"""Of an open document: pdfium keeps what it read of it, pictures too, until it is closed."""
MOST_PICTURE_BYTES = 32 * 1024 * 1024
"""Of a picture as it lies in the file."""
_LONGEST_DICTIONARY = 4096
_BLOCK_BYTES = 1024 * 1024
_STREAM, _END, _OBJECT = b"stream", b"end", b" obj"
_LENGTH = re.compile(rb"/Length\s+\d+(?:\s+\d+\s+R)?")
_AFTER_STREAM = re.compile(rb"stream\r?\n")
_NOTHING = b"endstream\nendobj\n"
_WHY_NOT = {
    raw.FPDF_ERR_PASSWORD: "it is encrypted: it opens only with a password",
    raw.FPDF_ERR_SECURITY: "it is encrypted in a way that is not read",
}

_Patch = tuple[int, bytes]
"""Where other bytes are to be read, and which."""


class Document:
    """A PDF; `opened` is the one of pdfium until the next page is asked for. Raises Partial for what does not open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = _PatchedStream(stream, list(_without_large_pictures(stream)))
        self.opened = self._open()

    def __len__(self) -> int:
        return len(self.opened)

    @contextmanager
    def page(self, number: int) -> Iterator[pdfium.PdfPage]:
        """Open a page, counted from 1, and close it. Raises PdfiumError where it cannot be read, and Partial."""
        if self._stream.size > MOST_READ_BYTES:
            self.opened.close()
            self.opened = self._open()
        page = self.opened[number - 1]
        try:
            yield page
        finally:
            page.close()

    def close(self) -> None:
        """Close it."""
        self.opened.close()

    def _open(self) -> pdfium.PdfDocument:
        try:
            document = pdfium.PdfDocument(self._stream)
        except pdfium.PdfiumError as problem:
            raise Partial(_WHY_NOT.get(problem.err_code, "it is damaged: no page of it can be read")) from problem
        self._stream.size = 0
        return document


def count_pages(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield how many there are, as text. Raises Partial for what does not open."""
    document = Document(stream)
    try:
        yield Section(str(len(document)))
    finally:
        document.close()


class _PatchedStream:
    """A stream some bytes of which are others; it says how many bytes were read of it, which pdfium has in its own memory."""

    def __init__(self, stream: BinaryIO, patches: list[_Patch]) -> None:
        self.size = 0
        self.seek, self.tell, self.read = stream.seek, stream.tell, stream.read
        self._stream = stream
        self._patches = patches

    def readinto(self, buffer: memoryview) -> int:
        """Read as the stream does."""
        begin = self._stream.tell()
        size: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self.size += size
        for at, patch in self._patches:
            first, last = max(begin, at), min(begin + size, at + len(patch))
            if first < last:
                buffer[first - begin : last - begin] = patch[first - at : last - at]
        return size


def _without_large_pictures(stream: BinaryIO) -> Iterator[_Patch]:
    """Yield what says of each picture that takes more than `MOST_PICTURE_BYTES` in the file that it has no bytes."""
    if stream.seek(0, 2) <= MOST_PICTURE_BYTES:
        return
    stream.seek(0)
    picture: tuple[int, int, int] | None = None
    buffer, start = b"", 0  # the last bytes that were read, and where the first of them stands
    searched = 0
    while block := stream.read(_BLOCK_BYTES):
        kept = buffer[-_LONGEST_DICTIONARY:]
        start += len(buffer) - len(kept)
        buffer = kept + block
        while (at := buffer.find(_STREAM, max(0, searched - start), len(buffer) - 1)) >= 0:
            searched = start + at + len(_STREAM)
            if buffer[max(0, at - len(_END)) : at] != _END:
                picture = _picture(buffer, start, at)
            elif picture is not None:
                data, length, width = picture
                if start + at - len(_END) - data > MOST_PICTURE_BYTES:
                    yield length, b"/Length" + b"0".rjust(width - len(b"/Length"))
                    yield data, _NOTHING
                picture = None
        searched = max(searched, start + len(buffer) - len(_STREAM) - 1)


def _picture(buffer: bytes, start: int, at: int) -> tuple[int, int, int] | None:
    """Return, of the picture whose dictionary ends here, where its bytes begin, and where its length stands and how wide; None for what is none."""
    begins = _AFTER_STREAM.match(buffer, at)
    first = buffer.rfind(_OBJECT, max(0, at - _LONGEST_DICTIONARY), at)
    length = _LENGTH.search(buffer, max(0, first), at)
    if first < 0 or begins is None or length is None or b"/Image" not in buffer[first:at]:
        return None
    return start + begins.end(), start + length.start(), length.end() - length.start()
