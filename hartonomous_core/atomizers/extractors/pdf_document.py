"""An open PDF that takes little memory: pdfium keeps what it reads of one, so it is opened anew from time to time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pypdfium2 as pdfium
from pypdfium2 import raw

from hartonomous_core.atomizers.sections import Partial

MOST_READ_BYTES = 32 * 1024 * 1024
"""Of an open document: pdfium keeps what it read of it, pictures too, until it is closed."""
_WHY_NOT = {
    raw.FPDF_ERR_PASSWORD: "it is encrypted: it opens only with a password",
    raw.FPDF_ERR_SECURITY: "it is encrypted in a way that is not read",
}


class Document:
    """A PDF; `opened` is the one of pdfium until the next page is asked for. Raises Partial for what does not open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = _CountedStream(stream)
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


class _CountedStream:
    """A stream that says how many bytes were read of it; pdfium reads into its own memory."""

    def __init__(self, stream: BinaryIO) -> None:
        self.size = 0
        self.seek, self.tell, self.read = stream.seek, stream.tell, stream.read
        self._stream = stream

    def readinto(self, buffer: memoryview) -> int:
        """Read as the stream does."""
        size: int = self._stream.readinto(buffer)  # type: ignore[attr-defined]
        self.size += size
        return size
