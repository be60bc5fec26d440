"""The pictures in a PDF, each once: those that lie in it as JPEG or JPEG 2000 as they are, the others as PNG.

Most lie in it as packed pixels, with their palette and their transparency elsewhere: pdfium puts them together.
"""

import math
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
import pypdfium2 as pdfium
from numpy.typing import NDArray
from pypdfium2 import raw

from hartonomous_core.atomizers.extractors.pdf_document import Document
from hartonomous_core.atomizers.members import Member, MemberItem

LEAST_SIDE = 8
"""Pixels: what is smaller is a line or a shadow, of which some programs make thousands."""
MOST_PIXELS = 20 * 1024 * 1024
"""Of a picture that is decoded, which takes some seven bytes of memory for each: 150 MiB."""
MOST_PIXELS_TOGETHER = 1024 * 1024 * 1024
"""Of all that are decoded, the same one on many pages each time: half a minute's work."""
MOST_PICTURES = 10_000
_DEEPEST = 3
"""Of forms within forms."""
_AS_THEY_ARE = {
    "DCTDecode": {b"\xff\xd8\xff": "jpg"},
    "JPXDecode": {b"\0\0\0\x0cjP  ": "jp2", b"\xff\x4f\xff\x51": "j2k"},
}
"""What is a file where this is the only filter but for simple ones, by its beginning."""
_BLOCK_BYTES = 256 * 1024
_ROWS_AT_ONCE = 64
_OPAQUE = 255
_UP = 2
"""The filter of PNG by which a row holds the difference from the one above it."""
_UNREADABLE = "that shows nothing, or cannot be read,"


def has_pictures(page: pdfium.PdfPage) -> bool:
    """Tell whether a page has pictures, in a third of the time in which pypdfium2 would list what is on it."""
    page_ = page.raw
    return _any_picture(
        (raw.FPDFPage_GetObject(page_, index) for index in range(raw.FPDFPage_CountObjects(page_))), _DEEPEST
    )


def _any_picture(objects: Iterator[Any], depth: int) -> bool:
    for each in objects:
        kind = raw.FPDFPageObj_GetType(each)
        if kind == raw.FPDF_PAGEOBJ_IMAGE:
            return True
        if kind == raw.FPDF_PAGEOBJ_FORM and depth > 1:
            count = raw.FPDFFormObj_CountObjects(each)
            if _any_picture((raw.FPDFFormObj_GetObject(each, index) for index in range(count)), depth - 1):
                return True
    return False


def pictures(document: Document, pages: list[int], problems: list[str]) -> Iterator[MemberItem]:
    """Yield the pictures on these pages as `page-3-picture-1.png`, with the locator {"page": 3, "box": [...]}, as text there has it.

    A picture that comes again is passed over. What is left out is added to `problems`.
    """
    reading = _Reading()
    for number in pages:
        try:
            with document.page(number) as page:
                taken = 0
                for found in page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=_DEEPEST):
                    box = _box(found)
                    if (picture := reading.picture(found)) is None:
                        continue
                    if reading.is_full:
                        problems.append(f"only its first {MOST_PICTURES:,} pictures were taken in")
                        return
                    taken += 1
                    yield Member(f"page-{number}-picture-{taken}.{picture.extension}", None, {"page": number, **box})
                    yield from picture.blocks()
        except pdfium.PdfiumError:
            reading.left_out[_UNREADABLE] += 1
    problems += [f"{n:,} picture{'s' * (n != 1)} {why} left out" for why, n in reading.left_out.items()]


class _File(NamedTuple):
    """A picture that is a file as it lies there."""

    data: bytes
    extension: str

    def digest(self) -> bytes:
        return sha256(self.data).digest()

    def blocks(self) -> Iterator[bytes]:
        yield from (self.data[at : at + _BLOCK_BYTES] for at in range(0, len(self.data), _BLOCK_BYTES))


class _Pixels(NamedTuple):
    """A picture that is decoded: height by width by blue, green, red, alpha."""

    values: NDArray[np.uint8]
    extension: str = "png"

    def digest(self) -> bytes:
        digest = sha256(repr(self.values.shape).encode())
        for row in self.values:  # each by itself, for all together would be there twice
            digest.update(row)
        return digest.digest()

    def blocks(self) -> Iterator[bytes]:
        """Yield a PNG of 8 bits, of the fewest channels that hold it."""
        blue, green, red, alpha = (self.values[..., channel] for channel in range(4))
        is_grey = np.array_equal(blue, green) and np.array_equal(green, red)
        is_opaque = bool((alpha == _OPAQUE).all())
        channels = [*([0] if is_grey else [2, 1, 0]), *([] if is_opaque else [3])]
        height, width, _ = self.values.shape
        kind = 2 * (not is_grey) + 4 * (not is_opaque)
        yield b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">2L5B", width, height, 8, kind, 0, 0, 0))
        packer = zlib.compressobj()
        above = np.zeros((1, width * len(channels)), np.uint8)
        for at in range(0, height, _ROWS_AT_ONCE):
            rows = self.values[at : at + _ROWS_AT_ONCE, :, channels].reshape(-1, above.shape[1])
            differences = rows - np.concatenate([above, rows[:-1]])
            above = rows[-1:]
            if packed := packer.compress(np.insert(differences, 0, _UP, axis=1).tobytes()):
                yield _chunk(b"IDAT", packed)
        yield _chunk(b"IDAT", packer.flush()) + _chunk(b"IEND", b"")


class _Reading:
    """The pictures of one document: which were met, how much was decoded, and what is left out, why."""

    def __init__(self) -> None:
        self.left_out = Counter[str]()
        self._seen: set[bytes] = set()
        self._pixels_left = MOST_PIXELS_TOGETHER

    @property
    def is_full(self) -> bool:
        """Whether there are more than are taken in."""
        return len(self._seen) > MOST_PICTURES

    def picture(self, found: pdfium.PdfImage) -> _File | _Pixels | None:
        """Return what a picture is; None where it came before, is small, or is left out."""
        try:
            width, height = found.get_px_size()
            if min(width, height) < LEAST_SIDE:
                return None
            picture = _file(found) or self._decoded(found, width, height)
        except pdfium.PdfiumError:
            self.left_out[_UNREADABLE] += 1
            return None
        if picture is None or (digest := picture.digest()) in self._seen:
            return None
        self._seen.add(digest)
        return picture

    def _decoded(self, found: pdfium.PdfImage, width: int, height: int) -> _Pixels | None:
        if width * height > MOST_PIXELS:
            self.left_out[f"of more than {MOST_PIXELS:,} pixels"] += 1
            return None
        if width * height > self._pixels_left:
            self.left_out[f"beyond the first {MOST_PIXELS_TOGETHER:,} pixels"] += 1
            return None
        self._pixels_left -= width * height
        found.set_matrix(pdfium.PdfMatrix(width, 0, 0, height))  # a pixel for each pixel
        bitmap = found.get_bitmap(render=True, scale_to_original=False)
        if bitmap.format != raw.FPDFBitmap_BGRA:
            raise pdfium.PdfiumError("pixels of another format")
        rows = np.frombuffer(bitmap.buffer, np.uint8).reshape(bitmap.height, bitmap.stride)
        pixels = rows[:, : 4 * bitmap.width].reshape(
            bitmap.height, bitmap.width, 4
        )  # they hold the buffer, and that the bitmap
        if not pixels[..., 3].any():  # what pdfium makes of what it cannot decode
            raise pdfium.PdfiumError("nothing is shown")
        return _Pixels(pixels)


def _file(found: pdfium.PdfImage) -> _File | None:
    """Return a picture that is a file once simple filters are undone."""
    filters = found.get_filters(skip_simple=True)
    beginnings = _AS_THEY_ARE.get(filters[0], {}) if len(filters) == 1 else {}
    if not beginnings:
        return None
    data = bytes(found.get_data(decode_simple=True))
    return next((_File(data, extension) for start, extension in beginnings.items() if data.startswith(start)), None)


def _box(found: pdfium.PdfImage) -> dict[str, object]:
    """Return where a picture stands on its page, as {"box": [left, bottom, right, top]} in points; empty where that is nowhere."""
    try:
        sides = found.get_bounds()
        form = found.container
        while form is not None:
            sides = form.get_matrix().on_rect(*sides)
            form = form.container
    except pdfium.PdfiumError:
        return {}
    return {"box": [round(side, 1) for side in sides]} if all(map(math.isfinite, sides)) else {}


def _chunk(kind: bytes, data: bytes) -> bytes:
    """Return a part of a PNG."""
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
