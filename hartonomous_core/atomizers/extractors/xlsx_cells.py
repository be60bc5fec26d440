"""Reads the cells of an Office Open XML workbook: what they show, more or less, from what is stored."""

import re
from array import array
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from hartonomous_core.atomizers.extractors.sheet_rows import LONGEST_CELL, LONGEST_ROW, MOST_COLUMNS, Cell, Row
from hartonomous_core.atomizers.extractors.zipped_xml import END, START, TEXT, ZippedXml, whole_number

MOST_SHARED_BYTES = 96 * 1024 * 1024
"""Of the texts that cells share: they must all be in memory."""
MOST_SHARED = 4_000_000
MOST_PARTS = 1000
"""Of the text of a cell, each of the same format; each is at most as long as what is read at once."""
MOST_STYLES = 100_000
_PHONETIC = frozenset({"rPh"})
_CODED = re.compile("_x([0-9A-Fa-f]{4})_")
_NO_FORMAT = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.')
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_BUILT_IN = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "time"),
    22: "date time",
}
"""Of the formats of numbers that have no code in the file, those that show dates."""
_WRITTEN = {"date": "%Y-%m-%d", "time": "%H:%M:%S", "date time": "%Y-%m-%d %H:%M"}
_DATES_END = 2_958_466
"""Days from 1900 to the year 10000."""


class SharedTexts:
    """The texts of cells that a workbook has once, in one block of UTF-8."""

    def __init__(self, workbook: ZippedXml, member: str) -> None:
        self._texts = bytearray()
        self._ends = array("Q")
        parts: list[str] = []
        size = 0
        inside = False
        for kind, name, _ in workbook.events(member, _PHONETIC) if member in workbook else ():
            if kind == TEXT:
                if inside and size < LONGEST_CELL:
                    parts.append(name)
                    size += len(name)
            elif name == "t":
                inside = kind == START
            elif name == "si" and kind == END:
                self._texts += _plain("".join(parts)).encode("utf-8", "replace")
                self._ends.append(len(self._texts))
                parts.clear()
                size = 0
                if len(self._texts) > MOST_SHARED_BYTES or len(self._ends) >= MOST_SHARED:
                    workbook.leave_out(
                        f"it has more than {MOST_SHARED_BYTES:,} bytes or {MOST_SHARED:,} of shared texts"
                    )
                    break

    def __getitem__(self, number: int) -> str:
        if not 0 <= number < len(self._ends):
            return ""
        return self._texts[self._ends[number - 1] if number else 0 : self._ends[number]].decode()


class Book(NamedTuple):
    """What the cells of all sheets need: shared texts, how each style shows a date, and from which day dates count."""

    shared: SharedTexts
    dates: list[str | None]
    first_day: datetime


def date_styles(workbook: ZippedXml, member: str) -> list[str | None]:
    """Return for each style of cells whether it shows a "date", a "time", a "date time", or None of them."""
    codes: dict[int, str] = {}
    styles: list[str | None] = []
    inside = False
    for kind, name, said in workbook.events(member) if member in workbook else ():
        if name == "cellXfs":
            inside = kind == START
        elif kind == START and name == "numFmt" and len(codes) < MOST_STYLES:
            codes[whole_number(said.get("numFmtId"))] = said.get("formatCode", "")[:1000]
        elif kind == START and name == "xf" and inside and len(styles) < MOST_STYLES:
            number = whole_number(said.get("numFmtId"))
            styles.append(_shows(codes[number]) if number in codes else _BUILT_IN.get(number))
    return styles


def _shows(code: str) -> str | None:
    """Say what a format such as `yyyy\\-mm\\-dd "at" hh:mm` shows."""
    if _ELAPSED.search(code):
        return None
    letters = set(_NO_FORMAT.sub("", code.partition(";")[0]).lower())
    has_time = bool(letters & set("hs"))
    has_date = bool(letters & set("yd")) or ("m" in letters and not has_time)
    return "date time" if has_date and has_time else "date" if has_date else "time" if has_time else None


def rows(workbook: ZippedXml, member: str, book: Book) -> Iterator[Row]:
    """Yield the rows of a sheet that have cells with something in them."""
    cells: list[Cell] = []
    parts: list[str] = []
    number = size = 0
    column = -1
    of_type, style = "", ""
    inside = False
    for kind, name, said in workbook.events(member, _PHONETIC):
        if kind == TEXT:
            if inside and len(parts) < MOST_PARTS:
                parts.append(name)
        elif name == "v" or name == "t":
            inside = kind == START
        elif name == "c":
            if kind == START:
                column = _column(said["r"].rstrip("0123456789")) if "r" in said else column + 1
                of_type, style = said.get("t", ""), said.get("s", "")
                parts.clear()
            elif parts and 0 <= column < MOST_COLUMNS and size < LONGEST_ROW:
                text = _shown("".join(parts), of_type, style, book)[:LONGEST_CELL]
                if text and not text.isspace():
                    size += len(text)
                    cells.append(Cell(column, text, of_type in ("s", "str", "inlineStr")))
        elif name == "row":
            if kind == START:
                number = whole_number(said.get("r"), number + 1)
                cells, column, size = [], -1, 0
            elif cells:
                yield Row(number, cells)
                cells = []


@lru_cache(20_000)
def _column(letters: str) -> int:
    """Return the number of a column from its letters, -1 where they are none."""
    column = 0
    for letter in letters[:4]:
        if not "A" <= letter <= "Z":
            return -1
        column = column * 26 + ord(letter) - ord("A") + 1
    return column - 1


def _shown(stored: str, of_type: str, style: str, book: Book) -> str:
    if of_type == "s":
        return book.shared[whole_number(stored, -1)]
    if of_type == "b":
        return {"0": "FALSE", "1": "TRUE"}.get(stored, stored)
    if of_type in ("str", "inlineStr"):
        return _plain(stored)
    if of_type in ("", "n"):
        return _number(stored, style, book)
    return stored


def _number(stored: str, style: str, book: Book) -> str:
    number = whole_number(style)
    shows = book.dates[number] if number < len(book.dates) else None
    if shows is None and len(stored) < 16:
        return stored
    try:
        value = float(stored)
    except ValueError:
        return stored
    if shows is None or not 0 <= value < _DATES_END:
        return f"{value:.15g}"  # as many digits as Excel shows
    moment = book.first_day + timedelta(days=value, milliseconds=0.5)
    return moment.strftime(_WRITTEN["date" if shows == "date time" and value.is_integer() else shows])


def _plain(text: str) -> str:
    """Undo how characters are written that XML does not have."""
    return _CODED.sub(lambda coded: chr(int(coded[1], 16)), text) if "_x" in text else text
