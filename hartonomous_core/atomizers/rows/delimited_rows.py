"""Rows of CSV and its kin (RFC 4180): values between delimiters, some in quotation marks; the first row often has the names of the columns."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from operator import add
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import media_type
from hartonomous_core.atomizers.rows.named_values import LONGEST_NAME, joined, names_in_locator, shorten_name
from hartonomous_core.atomizers.rows.row_blocks import (
    LONGEST_ROW,
    TOO_LONG,
    Broken,
    RowBlock,
    RowText,
    blocks_of_lines,
    piece_end,
)

LONGEST_PARSED = 64 * 1024
"""Characters of a row that is taken apart: the module csv takes no value of more than 131,072."""
_DELIMITERS = ",;\t|"
_ROWS_LOOKED_AT = 200
_LEAST_SHARE = 0.7
"""Of these rows have as many values as most do; lines of prose differ more."""
_NAMED = re.compile(rb'(?:\xef\xbb\xbf)?("?)sep=([\t !#-/:-@[-`{-~])\1(?:[\r\n]|\Z)', re.IGNORECASE)
"""The first line, by which Excel is told the delimiter; some programs put it in quotation marks."""
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\n|\r)")
_CR = 13
_NEVER_CLOSED = "has a quotation mark that is not closed"
_NOT_CLOSED_IN_TIME = f"{_NEVER_CLOSED} within {LONGEST_ROW:,} bytes"


def open_delimited(head: bytes, is_whole: bool, content_type: str) -> "DelimitedRows | None":
    """Find out from the beginning of a file what delimits its values, and the names of its columns; None where nothing does: it is text."""
    found: list[tuple[float, int, str, list[list[str]]]] = []
    named = _NAMED.match(head)
    usual = "\t" if media_type(content_type) == "text/tab-separated-values" else _DELIMITERS
    for delimiter in named[2].decode() if named else usual:
        rows = DelimitedRows(delimiter).sample(head, is_whole)
        if named:
            rows[0] = []
        widths = Counter(len(row) for row in rows if row)
        count, width = max(((count, width) for width, count in widths.items()), default=(0, 0))
        if width > 1 and (named or count >= _LEAST_SHARE * widths.total()):
            found.append((count / widths.total(), width, delimiter, rows))
    if not found:
        return None
    _, _, delimiter, rows = max(found)
    first = next(number for number, row in enumerate(rows) if len(row) > 1)
    if not _is_of_names(rows[first], rows[first + 1 :]):
        return DelimitedRows(delimiter, is_named=named is not None)
    return DelimitedRows(delimiter, rows[first], first + 1, is_named=named is not None)


def _is_of_names(row: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether these are names: short texts, most of them there, each another one, and none of them a value of its own column."""
    names = [cell for cell in row if cell.strip()]
    return (
        len(names) * 2 >= len(row)
        and len(set(names)) == len(names)
        and all(len(name) <= 2 * LONGEST_NAME and any(map(str.isalpha, name)) for name in names)
        and not any(name.strip() and name == cell for other in below for name, cell in zip(row, other, strict=False))
    )


@cache
def _row_pattern(delimiter: str) -> re.Pattern[bytes]:
    """Match a row as the module csv reads it, and its line end, if it is there; the match ends at a quotation mark that nothing closes."""
    others = rf"[^{re.escape(delimiter)}\r\n]*+"
    value = rf'(?:"[^"]*+(?:""[^"]*+)*+"{others}|(?!"){others})?+'
    row = rf"{value}(?:{re.escape(delimiter)}{value})*+(\r\n|\n|\r)?+"
    return re.compile(rb"(?:\xef\xbb\xbf)?+" + row.encode())


class DelimitedRows:
    """Rows with this delimiter, as a `RowReader`. `names` are those of the columns, which stand in the row `names_row` (from 1 on).

    `is_named` says that the first row only names the delimiter: it says nothing, but it is counted.
    """

    def __init__(
        self, delimiter: str, names: Sequence[str] = (), names_row: int = 0, *, is_named: bool = False
    ) -> None:
        self.broken = Broken()
        self._delimiter = delimiter
        self._pattern = _row_pattern(delimiter)
        self._names_row = names_row
        self._silent_row = 1 if is_named else 0
        self._prefixes = [f"{name}: " if name else "" for name in map(shorten_name, names)]
        self._place = {"columns": names_in_locator(tuple(names))} if names else {}
        self._row = 1
        self._offset = 0
        self._not_closed = _NOT_CLOSED_IN_TIME

    def sample(self, head: bytes, is_whole: bool) -> list[list[str]]:
        """Return the values of the first rows."""
        ends, plain = self._split(head, is_whole)
        block = RowBlock(head, ends[:_ROWS_LOOKED_AT], plain)
        return self._values(_decoded(block), plain)

    def blocks(self, stream: BinaryIO) -> Iterator[RowBlock]:
        """Yield all bytes of a stream of UTF-8, as blocks of rows."""
        return blocks_of_lines(stream, self._split)

    def texts(self, block: RowBlock) -> Iterator[RowText]:
        """Yield what each row of the next block says: each value beside the name of its column."""
        rows = _decoded(block)
        plain = {number for number, row in enumerate(rows) if len(row) > LONGEST_PARSED} | block.plain
        values = self._values(rows, plain)
        for number, (row, of_row, (start, end)) in enumerate(zip(rows, values, block.rows(), strict=True)):
            text = row.strip() if number in plain else self._text(row, of_row)
            length_of_end = len(row) - len(row.rstrip("\r\n"))
            place = self._place if self._row > self._names_row else {}
            if number in block.plain:
                self.broken.add(f"row {self._row}", TOO_LONG if end - start > LONGEST_ROW - 4 else self._not_closed)
            yield RowText(text, self._offset + start, end - start - length_of_end, self._row, place)
            self._row += length_of_end > 0  # not behind a piece of a long row
        self._offset += len(block.data)

    def check(self, block: RowBlock) -> None:
        """See `LineReader`: what is no row is known already."""
        if block.plain:
            for _ in self.texts(block):
                pass
        else:
            self.begin_at(self._row + len(block.ends), self._offset + len(block.data))

    def begin_at(self, row: int, offset: int) -> None:
        """See `LineReader`."""
        self._row, self._offset = row, offset

    def _text(self, row: str, values: list[str]) -> str:
        if self._row == self._silent_row:
            return ""
        if self._row <= self._names_row or not self._prefixes:
            return joined([value for value in values if value and not value.isspace()], " | ", row)
        prefixes = self._prefixes
        if len(values) == len(prefixes) and all(map(str.strip, values)):  # as nearly all rows are
            return joined(list(map(add, prefixes, values)), "; ", row)
        if len(values) > len(prefixes):
            prefixes = [*prefixes, *[""] * (len(values) - len(prefixes))]
        named = zip(prefixes, values, strict=False)
        return joined([name + value for name, value in named if value and not value.isspace()], "; ", row)

    def _values(self, rows: list[str], plain: set[int]) -> list[list[str]]:
        """Return the values of each row, none of those that are plain text."""
        lines = ["" if number in plain else row for number, row in enumerate(rows)] if plain else rows
        return list(csv.reader(lines, delimiter=self._delimiter))

    def _split(self, data: bytes, at_end: bool) -> tuple[list[int], set[int]]:
        self._not_closed = _NEVER_CLOSED if at_end else _NOT_CLOSED_IN_TIME
        ends: list[int] = []
        plain: set[int] = set()
        match = self._pattern.match
        start, size = 0, len(data)
        while start < size:
            found = match(data, start)
            assert found is not None  # noqa: S101 - it matches nothing, too
            end = found.end()
            has_end = found.lastindex is not None and (at_end or end < size or data[-1] != _CR)  # else \n may follow
            if not has_end or end - start > LONGEST_ROW:
                if not at_end and size - start <= LONGEST_ROW:
                    break  # it may go on
                if end < size or end - start > LONGEST_ROW:
                    end = _end_of_text(data, start)
                    plain.add(len(ends))
            ends.append(end)
            start = end
        return ends, plain


def _end_of_text(data: bytes, start: int) -> int:
    """Return where to end what cannot be a row: with its line, if that is not too long."""
    line = _LINE.match(data, start, start + LONGEST_ROW)
    if line is not None:
        return line.end()
    return len(data) if len(data) - start <= LONGEST_ROW else piece_end(data, start)


def _decoded(block: RowBlock) -> list[str]:
    if block.data.isascii():
        text = block.data.decode("ascii")
        return [text[start:end] for start, end in block.rows()]
    return [block.data[start:end].decode("utf-8", "replace").removeprefix("\ufeff") for start, end in block.rows()]
