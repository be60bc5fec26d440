"""How many of the words that the better of two other programs finds in a document are found by ours, in the same order."""

import io
import random
import re
from collections.abc import Callable, Iterator
from difflib import SequenceMatcher

import docx
import pytest
from docx2python import docx2python

from tests.unit.zipped_files import DOCX, texts

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
