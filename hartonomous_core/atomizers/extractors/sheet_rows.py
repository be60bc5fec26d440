"""Makes sections of the rows of a sheet, whatever kind of file it is in: one row or a few, every value beside the name of its column."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import crc32

from hartonomous_core.atomizers.sections import Section

MOST_COLUMNS = 16_384
"""As in Excel, and in LibreOffice."""
LONGEST_CELL = 32_767
"""Characters, as in Excel."""
LONGEST_ROW = 1024 * 1024
"""Characters; cells after that are left out."""
LEAST_BYTES, MOST_BYTES = 50, 80
"""Of the rows of a section: most are one row. Of 720 questions about a row 82% found it first so, 47% in sections of 100 to 400 bytes
(benchmarks/office_files.py); the model reads as many words either way. Short rows end a section within these where one says so by itself, so
that an inserted row changes the section where it is and not all that follow."""
_LONGEST_NAME = 60
_ENDS_AFTER_ONE_IN = 2


class Cell(NamedTuple):
    """column: from 0 on. is_text: not a number, a date or the like."""

    column: int
    text: str
    is_text: bool


class Row(NamedTuple):
    """number: from 1 on. cells: those that say something, by column."""

    number: int
    cells: list[Cell]


def sections_of_sheet(sheet: str, rows: Iterable[Row]) -> Iterator[Section]:
    """Yield the rows, some at a time, with their range; the first section begins with the name of the sheet.

    The names of the columns are the first row of two cells or more that are all short texts, each another one; and, below an empty row that
    follows a row with a number, the next such row. Each value has the name of its column before it: a passage is found by itself, and the
    model that embeds it sees no table.
    """
    group = _Group(sheet)
    names: dict[int, str] = {}
    previous: Row | None = None
    for row in rows:
        if not row.cells:
            continue
        if (not names or _begins_table(previous, row)) and _is_of_names(row):
            yield from group.end()
            names = {cell.column: cell.text for cell in row.cells}
            group.add(row, " | ".join(names.values()))
        else:
            group.add(row, _line(row, names))
        previous = row
        if group.is_full():
            yield from group.end()
    yield from group.end()


def _begins_table(previous: Row | None, row: Row) -> bool:
    return (
        previous is not None and row.number > previous.number + 1 and not all(cell.is_text for cell in previous.cells)
    )


def _is_of_names(row: Row) -> bool:
    texts = {cell.text for cell in row.cells if cell.is_text and len(cell.text) <= _LONGEST_NAME}
    return len(row.cells) >= 2 and len(texts) == len(row.cells)


def _line(row: Row, names: dict[int, str]) -> str:
    if not names:
        return " | ".join(cell.text for cell in row.cells)
    return "; ".join(f"{names[cell.column]}: {cell.text}" if cell.column in names else cell.text for cell in row.cells)


class _Group:
    """Rows that will be a section."""

    def __init__(self, sheet: str) -> None:
        self._sheet = sheet
        self._rows: list[Row] = []
        self._lines = [sheet]
        self._bytes = 0

    def add(self, row: Row, line: str) -> None:
        line = " ".join(line.split())
        self._rows.append(row)
        self._lines.append(line)
        self._bytes += len(line.encode("utf-8", "replace")) + 1

    def is_full(self) -> bool:
        if self._bytes < LEAST_BYTES:
            return False
        return self._bytes >= MOST_BYTES or crc32(self._lines[-1].encode("utf-8", "replace")) % _ENDS_AFTER_ONE_IN == 0

    def end(self) -> Iterator[Section]:
        if not self._rows:
            return
        columns = [cell.column for row in self._rows for cell in row.cells]
        place = range_of(self._rows[0].number, min(columns), self._rows[-1].number, max(columns))
        yield Section("\n".join(self._lines), {"sheet": self._sheet, "cells": place})
        self._rows, self._lines, self._bytes = [], [], 0


def range_of(first_row: int, first_column: int, last_row: int, last_column: int) -> str:
    """Return such as A1:D20, or A1 for a single cell; rows count from 1 on, columns from 0."""
    first, last = f"{_letters(first_column)}{first_row}", f"{_letters(last_column)}{last_row}"
    return first if first == last else f"{first}:{last}"


def _letters(column: int) -> str:
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
