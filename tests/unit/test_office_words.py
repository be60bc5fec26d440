"""How many of the words that the better of two other programs finds in a document are found by ours, in the same order."""

import io
import random
import re
import zipfile
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

import docx
import openpyxl
import pptx
import pytest
from docx2python import docx2python
from lxml import etree
from pptx.util import Inches
from python_calamine import CalamineWorkbook

from tests.unit.zipped_files import DOCX, PPTX, XLSX, texts

LEAST = 0.98
VOCABULARY = re.findall(
    r"\S+",
    "harbour tide fog pilot lantern quay herring anchor compass ledger storm breakwater ferry rope sail mast keel rudder gull "
    "lighthouse almanac cargo customs captain crew drift ebb flood gale helm inlet jetty knot log moorings north oar port reef "
    "Größe café naïve Прилив 潮汐 2026 3.5 O'Brien e-mail",
)


class Words:
    """Draws sentences, the same in every run; each has a number, so that none is like another."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._number = 0

    def sentence(self, least: int = 4, most: int = 14) -> str:
        self._number += 1
        words = self._draw.choices(VOCABULARY, k=self._draw.randint(least, most))
        return f"{' '.join(words).capitalize()} n{self._number}."

    def cell(self) -> str:
        return self.sentence(1, 3)


def report(words: Words) -> docx.document.Document:
    document = docx.Document()
    document.add_heading(words.sentence(), 0)
    for level in (1, 2, 3, 2, 1):
        document.add_heading(words.sentence(), level)
        for _ in range(4):
            document.add_paragraph(f"{words.sentence()} {words.sentence()}")
    return document


def tables(words: Words) -> docx.document.Document:
    document = docx.Document()
    for _ in range(3):
        document.add_paragraph(words.sentence())
        table = document.add_table(5, 3)
        for row in table.rows:
            for cell in row.cells:
                cell.text = words.cell()
        inner = table.cell(2, 1).add_table(2, 2)
        for row in inner.rows:
            for cell in row.cells:
                cell.text = words.cell()
    return document


def lists_and_breaks(words: Words) -> docx.document.Document:
    document = docx.Document()
    for style in ("List Bullet", "List Number", "Quote", "Caption"):
        for _ in range(4):
            paragraph = document.add_paragraph(style=style)
            paragraph.add_run(words.sentence()).bold = True
            paragraph.add_run("\t" + words.sentence()).add_break()
            paragraph.add_run(words.sentence())
    return document


def sections_and_margins(words: Words) -> docx.document.Document:
    document = docx.Document()
    for number in range(4):
        document.add_heading(words.sentence(), 1)
        for _ in range(8):
            document.add_paragraph(words.sentence())
        section = document.add_section()
        section.header.is_linked_to_previous = number > 0
    return document


def as_python_docx_reads(data: bytes) -> str:
    from docx.table import Table

    def each(holder: object) -> Iterator[str]:
        for item in holder.iter_inner_content():  # type: ignore[attr-defined]
            if isinstance(item, Table):
                for row in item.rows:
                    for cell in row.cells:
                        yield from each(cell)
            else:
                yield item.text

    return "\n".join(each(docx.Document(io.BytesIO(data))))


def as_docx2python_reads(data: bytes) -> str:
    with docx2python(io.BytesIO(data)) as read:
        return str(read.text)


def share_found(data: bytes, content_type: str, others: list[Callable[[bytes], str]]) -> float:
    """Of the words of the program that finds the most, the share that ours has in the same order."""
    ours = re.findall(r"\w+", texts(data, content_type))
    best = max((re.findall(r"\w+", other(data)) for other in others), key=len)
    assert len(best) > 100
    matcher = SequenceMatcher(None, best, ours, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks()) / len(best)


@pytest.mark.parametrize("make", [report, tables, lists_and_breaks, sections_and_margins])
def test_of_a_docx(make: Callable[[Words], docx.document.Document]) -> None:
    target = io.BytesIO()
    make(Words(16)).save(target)
    assert share_found(target.getvalue(), DOCX, [as_python_docx_reads, as_docx2python_reads]) >= LEAST


def typed_columns(words: Words) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    for number in range(3):
        sheet = workbook.create_sheet(words.cell())
        sheet.append([f"Column {letter}{number}" for letter in "ABCDE"])
        for row in range(30):
            sheet.append([words.cell(), row * 7.25, words.cell(), number, words.cell()])
    return workbook


def titles_and_gaps(words: Words) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    for block in range(6):
        sheet.cell(block * 12 + 1, 2, words.sentence())
        for row in range(3, 10):
            for column in range(2, 6):
                sheet.cell(block * 12 + row, column, words.cell() if (row + column) % 3 else row)
    return workbook


def long_texts(words: Words) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    for _ in range(20):
        workbook.active.append([" ".join(words.sentence() for _ in range(6)), words.cell()])
    return workbook


def as_openpyxl_reads(data: bytes) -> str:
    workbook = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    return "\n".join(str(value) for sheet in workbook for row in sheet.values for value in row if value is not None)


def as_calamine_reads(data: bytes) -> str:
    workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    rows = (row for name in workbook.sheet_names for row in workbook.get_sheet_by_name(name).iter_rows())
    return "\n".join(
        str(int(value) if isinstance(value, float) and value.is_integer() else value) for row in rows for value in row
    )


@pytest.mark.parametrize("make", [typed_columns, titles_and_gaps, long_texts])
def test_of_an_xlsx(make: Callable[[Words], openpyxl.Workbook]) -> None:
    target = io.BytesIO()
    make(Words(17)).save(target)
    assert share_found(target.getvalue(), XLSX, [as_openpyxl_reads, as_calamine_reads]) >= LEAST


def bullets(words: Words) -> pptx.presentation.Presentation:
    presentation = pptx.Presentation()
    for _ in range(8):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = words.sentence()
        slide.placeholders[1].text = "\n".join(words.sentence() for _ in range(4))
    return presentation


def boxes_and_groups(words: Words) -> pptx.presentation.Presentation:
    presentation = pptx.Presentation()
    for _ in range(6):
        slide = presentation.slides.add_slide(presentation.slide_layouts[6])
        for _ in range(3):
            slide.shapes.add_textbox(0, 0, Inches(3), Inches(1)).text_frame.text = words.sentence()
        group = slide.shapes.add_group_shape()
        group.shapes.add_textbox(0, 0, Inches(3), Inches(1)).text_frame.text = (
            words.sentence() + "\v" + words.sentence()
        )
    return presentation


def tables_and_notes(words: Words) -> pptx.presentation.Presentation:
    presentation = pptx.Presentation()
    for _ in range(5):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = words.sentence()
        table = slide.shapes.add_table(4, 3, 0, 0, Inches(6), Inches(3)).table
        for row in table.rows:
            for cell in row.cells:
                cell.text = words.cell()
        slide.notes_slide.notes_text_frame.text = words.sentence()
    return presentation


def as_python_pptx_reads(data: bytes) -> str:
    def each(shapes: object) -> Iterator[str]:
        for shape in shapes:  # type: ignore[attr-defined]
            if shape.has_text_frame:
                yield shape.text_frame.text
            elif getattr(shape, "has_table", False):
                for row in shape.table.rows:
                    yield from (cell.text for cell in row.cells)
            elif hasattr(shape, "shapes"):
                yield from each(shape.shapes)

    lines: list[str] = []
    for slide in pptx.Presentation(io.BytesIO(data)).slides:
        lines.extend(each(slide.shapes))
        if slide.has_notes_slide:
            lines.append(slide.notes_slide.notes_text_frame.text)
    return "\n".join(lines)


def as_its_xml_says(data: bytes) -> str:
    """All text elements of the slides, in the order of their members."""
    lines = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for number in range(1, 100):
            if (name := f"ppt/slides/slide{number}.xml") in archive.namelist():
                lines.extend(etree.fromstring(archive.read(name)).itertext("{*}t"))
    return "\n".join(lines)


@pytest.mark.parametrize("make", [bullets, boxes_and_groups, tables_and_notes])
def test_of_a_pptx(make: Callable[[Words], pptx.presentation.Presentation]) -> None:
    target = io.BytesIO()
    make(Words(18)).save(target)
    assert share_found(target.getvalue(), PPTX, [as_python_pptx_reads, as_its_xml_says]) >= LEAST
