"""Rows of JSON: objects, one in each line or the elements of an array, each value beside the names that lead to it."""

import json
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import BinaryIO

from hartonomous_core.atomizers.rows.named_values import MOST_NAMES, joined, named_parts, names_in_locator
from hartonomous_core.atomizers.rows.row_blocks import (
    LONGEST_ROW,
    NOT_JSON,
    TOO_LONG,
    Broken,
    RowBlock,
    RowText,
    blocks_of_lines,
    piece_end,
)

_DECODER = json.JSONDecoder(object_pairs_hook=tuple, parse_float=str, parse_int=str, parse_constant=str, strict=False)
"""Keeps numbers as they were written, of any length, and members of equal names."""


def read_value(text: str) -> object:
    """Decode JSON as `named_parts` takes it. Raises ValueError and RecursionError."""
    return _DECODER.decode(text)


def open_json_lines(head: bytes, is_whole: bool, content_type: str) -> "JsonLines":
    """Return what reads JSON Lines."""
    return JsonLines()


class JsonLines:
    """A value of JSON in each line, as a `RowReader`."""

    def __init__(self) -> None:
        self.broken = Broken()
        self._row = 1
        self._offset = 0

    def blocks(self, stream: BinaryIO) -> Iterator[RowBlock]:
        """Yield all bytes of a stream of UTF-8, as blocks of lines."""
        return blocks_of_lines(stream, self._split)

    def texts(self, block: RowBlock) -> Iterator[RowText]:
        """Yield what each line of the next block says; what is not JSON is text."""
        for number, (start, end) in enumerate(block.rows()):
            line = block.data[start:end]
            raw = line.decode("utf-8", "replace").removeprefix("\ufeff")
            text, place = self._read(raw, number in block.plain)
            yield RowText(text, self._offset + start, len(line.rstrip()), self._row, place)
            self._row += raw.endswith("\n")
        self._offset += len(block.data)

    def check(self, block: RowBlock) -> None:
        """See `LineReader`."""
        if block.plain or not _are_json(block.data):
            for _ in self.texts(block):
                pass
        else:
            self.begin_at(self._row + len(block.ends), self._offset + len(block.data))

    def begin_at(self, row: int, offset: int) -> None:
        """See `LineReader`."""
        self._row, self._offset = row, offset

    def _read(self, raw: str, is_plain: bool) -> tuple[str, Mapping[str, object]]:
        if is_plain:
            self.broken.add(f"line {self._row}", TOO_LONG)
        if is_plain or not raw or raw.isspace():
            return raw.strip(), {}
        try:
            value = read_value(raw)
            text = joined(list(named_parts(value)), "; ", raw)
        except (ValueError, RecursionError):
            self.broken.add(f"line {self._row}", NOT_JSON)
            return raw.strip(), {}
        return text, columns(value)

    def _split(self, data: bytes, at_end: bool) -> tuple[list[int], set[int]]:
        ends: list[int] = []
        plain: set[int] = set()
        start, size = 0, len(data)
        while start < size:
            end = data.find(b"\n", start, start + LONGEST_ROW) + 1
            if not end:
                if size - start > LONGEST_ROW:
                    end = piece_end(data, start)
                    plain.add(len(ends))
                elif at_end:
                    end = size
                else:
                    break
            ends.append(end)
            start = end
        return ends, plain


def _are_json(lines: bytes) -> bool:
    """Tell, five times as fast as it is read, whether each of these lines is JSON; of what is JSON to Python alone, too, not."""
    import msgspec  # with the first table of which rows are read later

    try:
        msgspec.json.Decoder().decode_lines(lines)
    except (ValueError, RecursionError):
        return False
    return True


def columns(value: object) -> Mapping[str, object]:
    """Return the names of the members of an object, as a locator has them."""
    return (
        {"columns": names_in_locator(tuple(map(itemgetter(0), value[: MOST_NAMES + 1])))}
        if isinstance(value, tuple)
        else {}
    )
