"""Groups what rows say: mostly each row by itself, a few that are short together; each group with its place."""

from collections.abc import Iterable, Iterator
from zlib import crc32

from hartonomous_core.atomizers.rows.row_blocks import RowText

LEAST_CHARACTERS, MOST_CHARACTERS = 50, 80
"""Of short rows together, as of the rows of a sheet (extractors/sheet_rows.py): in longer groups they are found less often."""
_ENDS_AFTER_ONE_IN = 2

Group = tuple[str, dict[str, object]]
"""A text, and its locator."""


class RowGroups:
    """Takes what rows say as they come. A short row may say by itself that it ends its group, so that one put in changes only those beside it.

    The locators: {"row": 17, "columns": the first names} or, of several rows, a paragraph each, {"rows": [17, 19], …}; of JSON also {"pointer": of
    the array, or of what is no row}; with offsets {"byteOffset", "byteLength"} of these rows among the bytes of the source.
    """

    def __init__(self, has_offsets: bool) -> None:
        self._has_offsets = has_offsets
        self._rows: list[RowText] = []
        self._characters = 0

    def add(self, rows: Iterable[RowText]) -> Iterator[Group]:
        """Yield the groups that end with these rows."""
        for row in rows:
            if self._rows and not self._goes_on(row):
                yield from self.finish()
            if not row.text:
                continue
            if not self._rows and (len(row.text) >= MOST_CHARACTERS or not row.row):
                yield row.text, self._locator(row, row)
                continue
            self._rows.append(row)
            self._characters += len(row.text)
            if self._is_full(row):
                yield from self.finish()

    def finish(self) -> Iterator[Group]:
        """Yield the group of the rows at hand, if there are any."""
        if not self._rows:
            return
        locator = self._locator(self._rows[0], self._rows[-1])
        text = "\n\n".join([row.text for row in self._rows])
        self._rows.clear()
        self._characters = 0
        yield text, locator

    def _locator(self, first: RowText, last: RowText) -> dict[str, object]:
        locator: dict[str, object] = {}
        if first is not last:
            locator["rows"] = [first.row, last.row]
        elif first.row:
            locator["row"] = first.row
        locator.update(first.place)
        if self._has_offsets:
            locator["byteOffset"] = first.offset
            locator["byteLength"] = last.offset + last.length - first.offset
        return locator

    def _goes_on(self, row: RowText) -> bool:
        last = self._rows[-1]
        return (
            bool(row.text) and len(row.text) < MOST_CHARACTERS and row.row == last.row + 1 and row.place == last.place
        )

    def _is_full(self, row: RowText) -> bool:
        if self._characters >= MOST_CHARACTERS or not row.row:
            return True
        ends = crc32(row.text.encode("utf-8", "replace")) % _ENDS_AFTER_ONE_IN == 0
        return ends and self._characters >= LEAST_CHARACTERS
