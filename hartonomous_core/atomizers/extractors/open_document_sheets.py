"""Reads the tables of an OpenDocument workbook (.ods): cells as they are shown, which the file says itself."""

import re
from collections.abc import Iterator

from hartonomous_core.atomizers.extractors.sheet_rows import (
    LONGEST_CELL,
    LONGEST_ROW,
    MOST_COLUMNS,
    Cell,
    Row,
    range_of,
    sections_of_sheet,
)
from hartonomous_core.atomizers.extractors.zipped_xml import START, TEXT, Event, ZippedXml, whole_number
from hartonomous_core.atomizers.sections import Section

MOST_WAITING = 16 * 1024 * 1024
"""Characters of the comments and text boxes of a sheet, which come after its rows."""
_SPACE = re.compile(r"[ \t\r\n]+")
_CELLS = {"table-cell", "covered-table-cell"}


def sections_of_sheets(workbook: ZippedXml, events: Iterator[Event]) -> Iterator[Section]:
    """Yield the rows of each sheet, some at a time, then its comments and what its text boxes say."""
    for kind, name, said in events:
        if kind == START and name == "table":
            sheet = _Sheet(workbook, said.get("name", "")[:255])
            yield from sections_of_sheet(sheet.name, sheet.rows(events))
            yield from sheet.beside


class _Sheet:
    def __init__(self, workbook: ZippedXml, name: str) -> None:
        self.name = name
        self.beside: list[Section] = []
        self._workbook = workbook
        self._waiting = 0

    def rows(self, events: Iterator[Event]) -> Iterator[Row]:
        """Yield the rows that say anything, to the end of the table; one that is repeated once, and a value in each of its columns."""
        cells: list[Cell] = []
        texts: dict[str, list[str]] = {"cell": [], "comment": [], "drawing": []}
        into = ""
        around: list[str] = []
        number = following = 1
        column = repeated = size = depth = 0
        is_text = inside = False
        for kind, name, said in events:
            if kind == TEXT:
                if inside and into and size < LONGEST_ROW:
                    texts[into].append(_SPACE.sub(" ", name))
                    size += len(name)
            elif name in ("p", "desc"):
                inside = kind == START
                if inside and into and size < LONGEST_ROW:
                    texts[into].append("\n")
                    size += 1
            elif name in ("s", "tab", "line-break"):
                if kind == START and inside and into and size < LONGEST_ROW:
                    texts[into].append(" ")
                    size += 1
            elif name in ("annotation", "shapes"):
                if kind == START:
                    around.append(into)
                    into = "comment" if name == "annotation" else "drawing"
                else:
                    self._take(texts[into], into, number, column)
                    into = around.pop()
            elif name in _CELLS:
                if kind == START:
                    repeated = max(1, whole_number(said.get("number-columns-repeated"), 1))
                    is_text, into = said.get("value-type", "string") == "string", "cell"
                    continue
                text = " ".join("".join(texts["cell"]).split())[:LONGEST_CELL]
                texts["cell"].clear()
                into = ""
                for each in range(column, min(column + repeated, MOST_COLUMNS)) if text else ():
                    size += len(text)
                    if size < LONGEST_ROW:
                        cells.append(Cell(each, text, is_text))
                column += repeated
            elif name == "table-row":
                if kind == START:
                    number, following = following, following + max(1, whole_number(said.get("number-rows-repeated"), 1))
                    cells, column, size = [], 0, 0
                elif cells:
                    yield Row(number, cells)
            elif name == "table":
                depth += 1 if kind == START else -1
                if depth < 0:
                    return

    def _take(self, texts: list[str], part: str, row: int, column: int) -> None:
        text = "\n".join(filter(None, map(str.strip, "".join(texts).split("\n"))))
        texts.clear()
        self._waiting += len(text)
        if self._waiting > MOST_WAITING:
            self._workbook.leave_out(f"sheet {self.name} has more comments than are read")
        elif text:
            place = {"cells": range_of(row, column, row, column)} if part == "comment" else {}
            self.beside.append(Section(text, {"sheet": self.name, **place, "part": part}))
