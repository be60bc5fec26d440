"""What people read in a PDF: the blocks of text of each page, in the order in which the file holds them; then its attachments and pictures.

That order is the writer's, and nearly always the reader's: a column comes after the one before it. Left out are what is filled in forms,
comments, and what is written in pictures.
"""

import ctypes
import re
from collections.abc import Generator, Iterable, Iterator
from typing import BinaryIO, NamedTuple

import pypdfium2 as pdfium
from pypdfium2 import raw

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.pdf_document import Document
from hartonomous_core.atomizers.extractors.pdf_files import attachments
from hartonomous_core.atomizers.extractors.pdf_pictures import has_pictures, pictures
from hartonomous_core.atomizers.sections import Partial, Section

MOST_PAGES = 50_000
MOST_CHARACTERS = 1_000_000
"""Of a page."""
_NAMED_PROBLEMS = 5
_TAIL_BYTES = 4096
_WIDEST_GAP = 0.75
"""Between two lines of a block, as a part of the height of a line."""
_SIMILAR = 1.25
"""How much higher than the other a line of the same block may be."""
_FULL = 0.7
"""A line of at least this part of the longest line of its block goes on in the next; a shorter one was ended by the writer."""
_BROKEN = re.compile("[\x02\xad]\\s*(.?)")
"""What pdfium takes for a hyphen at the end of a line, or a soft hyphen, and what follows it."""
_LINE = re.compile("[^\n\r]+")
_NOT_SHOWN = "".join(map(chr, range(33)))
_HYPHEN = "\x02"
_AROUND_HYPHEN = re.compile("[^\x00- ][\x00- ]*\x02[\x00- ]*(?=[^\x00- ])[^\x00- ]")
"""A letter, what pdfium takes for a hyphen, and the next letter."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_NAMES = ("untitled", "anonymous")
"""What programs write where nobody gave a title or an author."""
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_Box = tuple[float, float, float, float]
"""Left, bottom, right, top in points."""


class _Line(NamedTuple):
    """A line of a page. `height`: of its highest letter, whichever way it is turned."""

    text: str
    box: _Box
    height: float


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield title and author, then the blocks of each page; once all text is read, the names of attachments, these, and the pictures.

    The locators: {"part": "metadata"}; {"page": n, "box": [x0, y0, x1, y1]}, pages counted from 1, in points from the lower left corner of
    the page before it is turned; {"part": "attachments"}. Raises Partial for what is encrypted, damaged, too large, or holds pages without
    text.
    """
    document = Document(stream)
    problems: list[str] = []
    try:
        yield from _metadata(document)
        with_pictures = yield from _text_of_pages(document, problems)
        if _ends_early(stream):
            problems.append("its end is missing")
        yield from attachments(document, problems)
        yield from pictures(document, with_pictures, problems)
    finally:
        document.close()
    if problems:
        raise Partial("; ".join(problems))


def _text_of_pages(document: Document, problems: list[str]) -> Generator[Section, None, list[int]]:
    """Yield the blocks of text; returns the numbers of the pages that have pictures."""
    lost = scans = 0
    has_text = False
    with_pictures: list[int] = []
    count = len(document)
    for number in range(1, min(count, MOST_PAGES) + 1):
        try:
            with document.page(number) as page:
                lines, is_cut = _lines(page)
                if has_pictures(page):
                    with_pictures.append(number)
                    scans += not lines
        except pdfium.PdfiumError:
            lost += 1
            if lost <= _NAMED_PROBLEMS:
                problems.append(f"page {number} cannot be read")
            continue
        if is_cut:
            problems.append(f"of page {number} only the first {MOST_CHARACTERS:,} characters were read")
        for block in _blocks(lines):
            has_text = True
            box = [round(side, 1) for side in _around(line.box for line in block)]
            yield Section(_text(block), {"page": number, "box": box})
    if lost > _NAMED_PROBLEMS:
        problems.append(f"{lost:,} of its pages cannot be read")
    if count > MOST_PAGES:
        problems.append(f"only its first {MOST_PAGES:,} of {count:,} pages were read")
    if scans and has_text:
        problems.append(f"{scans:,} of its {count:,} pages hold pictures and no text")
    elif not has_text and not lost:
        problems.append("it holds pictures of pages and no text" if scans else "no text was found in it")
    return with_pictures


def _metadata(document: Document) -> Iterator[Section]:
    said = (" ".join(_readable(document.opened.get_metadata_value(key)).split()) for key in ("Title", "Author"))
    if text := "\n\n".join(name for name in said if name and name.lower() not in _NO_NAMES):
        yield Section(text, {"part": "metadata"})


def _lines(page: pdfium.PdfPage) -> tuple[list[_Line], bool]:
    """Return the lines of a page that say anything, and whether there would be more. Raises PdfiumError."""
    text = page.get_textpage()
    try:
        count = text.count_chars()
        return list(_read_lines(text.raw, min(count, MOST_CHARACTERS))), count > MOST_CHARACTERS
    finally:
        text.close()


def _read_lines(page: object, count: int) -> Iterator[_Line]:
    characters = _characters(page, count)
    for found in _LINE.finditer(characters):
        line = found[0]
        shown = line.strip(_NOT_SHOWN)
        if not shown:
            continue
        start = found.start() + line.index(shown[0])
        text = shown.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        boxes = [*_boxes_of_ends(page, shown, start)]
        if boxes and _readable(text).strip():
            height = max(max(right - left, top - bottom) for left, bottom, right, top in boxes)
            yield _Line(" ".join(text.split()), _around(boxes), height)


def _characters(page: object, count: int) -> str:
    """Return the first characters of a page, each at its number: as U+FFFE it gives a hyphen at once, and as 2 by itself.

    pdfium gives all of them at once, but leaves some out: where that is so, each is asked for, which takes three times as long.
    """
    units = (ctypes.c_ushort * (count + 1))()
    got = raw.FPDFText_GetText(page, 0, count, units)
    characters = bytes(units).decode("utf-16-le", "surrogatepass")[:count].replace("\ufffe", _HYPHEN)
    if got == count + 1 and len(characters) == count and not _SURROGATE.search(characters):
        return characters
    return "".join(chr(raw.FPDFText_GetUnicode(page, at)) for at in range(count))


def _boxes_of_ends(page: object, shown: str, start: int) -> Iterator[_Box]:
    """Yield the boxes of the first and the last letter, also of what stands before and behind a hyphen: that is another line to the eye.

    Those of all letters would take ten times as long, and say the same.
    """
    box = raw.FS_RECTF()
    ends = {0, len(shown) - 1}
    for hyphen in _AROUND_HYPHEN.finditer(shown) if _HYPHEN in shown else ():
        ends |= {hyphen.start(), hyphen.end() - 1}
    for at in sorted(ends):
        if raw.FPDFText_GetLooseCharBox(page, start + at, ctypes.byref(box)):
            yield box.left, box.bottom, box.right, box.top


def _blocks(lines: list[_Line]) -> Iterator[list[_Line]]:
    """Yield lines of one size that stand close to one another, in order."""
    block: list[_Line] = []
    for line in lines:
        if block and not _goes_on(block[-1], line):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _goes_on(line: _Line, following: _Line) -> bool:
    low, high = sorted((line.height, following.height))
    (a0, b0, a1, b1), (c0, d0, c1, d1) = line.box, following.box
    gap = max(c0 - a1, a0 - c1, d0 - b1, b0 - d1)
    return high <= low * _SIMILAR and gap <= high * _WIDEST_GAP


def _text(block: list[_Line]) -> str:
    full = _FULL * max(len(line.text) for line in block)
    said = [part for line in block for part in (line.text, " " if len(line.text) >= full else "\n")]
    return _readable("".join(said[:-1]))


def _readable(text: str) -> str:
    """Return text with broken words joined, and without what is no character."""
    joined = _BROKEN.sub(lambda broken: broken[1] if broken[1].islower() else f"-{broken[1]}", text)
    return _UNREADABLE.sub("", joined)


def _around(boxes: Iterable[_Box]) -> _Box:
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _ends_early(stream: BinaryIO) -> bool:
    """Whether the file does not end as a PDF does: pdfium reads what is there of it, and does not say so."""
    stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
    return b"%%EOF" not in stream.read(_TAIL_BYTES)
