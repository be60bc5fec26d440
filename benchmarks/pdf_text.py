"""Text of a PDF, with the place of each block, against pypdfium2 alone, which gives the text of each page; in turn, in one process."""

import io
import random
import time
from collections.abc import Callable

import pypdfium2
from common import Figure, arguments, ewt_documents, finish
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph, SimpleDocTemplate

from hartonomous_core.atomizers.extractors import pdf


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    data = document(ewt_documents(options.data), options.pages)
    ours, alone = [], []
    for _ in range(options.rounds):
        for measured, read in ((ours, as_ours), (alone, as_pypdfium2)):
            measured.append(seconds_of(read, data))
    ratios = sorted(theirs / own for own, theirs in zip(ours, alone, strict=True))
    pages, characters = len(pypdfium2.PdfDocument(data)), as_pypdfium2(data)
    assert as_ours(data) > 0.95 * characters
    figures = [
        Figure("pages", pages),
        Figure("characters", characters),
        Figure("pypdfium2 alone, processor's time", pages / min(alone), "pages/s"),
        Figure("ours, processor's time", pages / min(ours), "pages/s"),
        Figure("speed against pypdfium2 alone, median", ratios[len(ratios) // 2], "x", at_least=0.5),
        Figure("the same, worst", ratios[0], "x"),
    ]
    return finish(figures, options.json)


def document(texts: list[str], pages: int) -> bytes:
    """Some three thousand characters a page, as reports have them."""
    draw, style, target = random.Random(5), getSampleStyleSheet()["BodyText"], io.BytesIO()
    story = []
    while sum(len(each.text) for each in story) < 3200 * pages:
        text = " ".join(draw.choice(texts).split()).encode("ascii", "ignore").decode()
        story.append(Paragraph(text.replace("&", "&amp;").replace("<", "&lt;"), style))
    SimpleDocTemplate(target).build(story)
    return target.getvalue()


def seconds_of(read: Callable[[bytes], int], data: bytes) -> float:
    started = time.process_time()
    read(data)
    return time.process_time() - started


def as_ours(data: bytes) -> int:
    """Return how many characters are read."""
    return sum(len(section.text) for section in pdf.extract(io.BytesIO(data), "application/pdf"))


def as_pypdfium2(data: bytes) -> int:
    """Return how many characters are read."""
    found = 0
    document = pypdfium2.PdfDocument(data)
    for page in document:
        text = page.get_textpage()
        found += len(text.get_text_range())
        text.close()
        page.close()
    document.close()
    return found


if __name__ == "__main__":
    raise SystemExit(main())
