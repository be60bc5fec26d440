"""How many of the words that the better of two other programs finds in a PDF are found by ours, in the same order."""

import io
from collections.abc import Callable

import pytest
from pdfminer.high_level import extract_text
from pypdf import PdfReader
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, SimpleDocTemplate, Table, TableStyle

from tests.unit.pdf_files import PDF, drawn
from tests.unit.test_office_words import LEAST, Words, share_found

STYLES = getSampleStyleSheet()


class LatinWords(Words):
    """What the fonts that every reader has can show."""

    def sentence(self, least: int = 4, most: int = 14) -> str:
        shown = [word for word in super().sentence(least, most).split() if word.isascii()]
        return " ".join(shown) + "."

    def paragraph(self) -> Paragraph:
        return Paragraph(" ".join(self.sentence() for _ in range(6)), STYLES["BodyText"])


def headings(words: LatinWords) -> bytes:
    target = io.BytesIO()
    story = []
    for level in (1, 2, 3, 2, 1, 2):
        story.append(Paragraph(words.sentence(), STYLES[f"Heading{level}"]))
        story += [words.paragraph() for _ in range(3)]
    SimpleDocTemplate(target).build(story)
    return target.getvalue()


def two_columns(words: LatinWords) -> bytes:
    target = io.BytesIO()
    document = BaseDocTemplate(target, pagesize=A4)
    frames = [Frame(x, 50, 240, 700, id=str(x)) for x in (40, 310)]
    document.addPageTemplates(PageTemplate("columns", frames))
    document.build([words.paragraph() for _ in range(24)])
    return target.getvalue()


def table(words: LatinWords) -> bytes:
    target = io.BytesIO()
    rows = [[words.sentence(1, 3) for _ in range(4)] for _ in range(30)]
    style = TableStyle([("GRID", (0, 0), (-1, -1), 0.5, colors.black)])
    SimpleDocTemplate(target).build([words.paragraph(), Table(rows, style=style), words.paragraph()])
    return target.getvalue()


def rotated(words: LatinWords) -> bytes:
    def draw(canvas: object) -> None:
        for _ in range(2):
            canvas.setPageRotation(90)  # type: ignore[attr-defined]
            canvas.rotate(90)  # type: ignore[attr-defined]
            canvas.translate(0, -600)  # type: ignore[attr-defined]
            for line in range(25):
                canvas.drawString(60, 540 - 14 * line, words.sentence())  # type: ignore[attr-defined]
            canvas.showPage()  # type: ignore[attr-defined]

    return drawn(draw, pagesize=landscape(A4)[::-1])


def unicode(words: LatinWords) -> bytes:
    pdfmetrics.registerFont(TTFont("Vera", "Vera.ttf"))
    pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))

    def draw(canvas: object) -> None:
        for line in range(40):
            canvas.setFont("Vera", 10)  # type: ignore[attr-defined]
            canvas.drawString(
                60, 780 - 18 * line, f"{words.sentence()} Größe, café, naïve, Ærøskøbing – «œuvre» №{line}"
            )  # type: ignore[attr-defined]
            canvas.setFont("HeiseiMin-W3", 10)  # type: ignore[attr-defined]
            canvas.drawString(450, 780 - 18 * line, f"潮汐と港 {line}")  # type: ignore[attr-defined]
        canvas.showPage()  # type: ignore[attr-defined]

    return drawn(draw)


def as_pypdf_reads(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def as_pdfminer_reads(data: bytes) -> str:
    return extract_text(io.BytesIO(data))


@pytest.mark.parametrize("make", [headings, two_columns, table, rotated, unicode])
def test_of_a_pdf(make: Callable[[LatinWords], bytes]) -> None:
    share = share_found(make(LatinWords(19)), PDF, [as_pypdf_reads, as_pdfminer_reads])
    assert share >= LEAST
