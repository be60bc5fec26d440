"""Rows of a JSON document: the elements of its arrays, or the members of its objects, at the first level at which each is small."""

import re
from collections.abc import Iterator, Mapping
from json import JSONDecodeError
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.atomizers.rows.json_rows import JsonLines, columns, read_value
from hartonomous_core.atomizers.rows.named_values import joined, named_parts, shorten_name
from hartonomous_core.atomizers.rows.row_batches import MOST_BYTES
from hartonomous_core.atomizers.rows.row_blocks import (
    LONGEST_ROW,
    NOT_JSON,
    TOO_LONG,
    Broken,
    RowBlock,
    RowText,
    piece_end,
)
from hartonomous_core.atomizers.text_stream import READ_BYTES

_DEEPEST = 8
"""Levels at which a document is cut."""
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*([\[{])(\s*\{)?")
_QUOTE, _OPEN, _CLOSE, _COMMA = 1, 2, 3, 4
_KINDS = np.zeros(256, np.uint8)
_KINDS[list(b'"{[}],')] = (_QUOTE, _OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA)
_STEPS = np.array([0, 0, 1, -1, 0])
_WHITE = b" \t\r\n"
_WORDS = ("true", "false", "null", "-")
"""A part of one may be all that is left of a value; nothing, of any other."""


def open_json(head: bytes, is_whole: bool, content_type: str) -> "JsonDocument | JsonLines | None":
    """Return what reads JSON that begins so; None where it is better read as text: it is small, and no array of objects.

    What is small and cut off is read as a large one, which says so.
    """
    begins = _BEGINNING.match(head)
    if begins is None:
        return None
    if begins[1] == b"{" and _are_lines(head):
        return JsonLines()
    if is_whole and not (begins[1] == b"[" and begins[2]) and not _is_cut_off(_text(head)):
        return None
    widest = {level: max(MOST_BYTES, _widest(head, level)) for level in range(1, _DEEPEST + 1)}
    return JsonDocument(min(widest, key=lambda level: (widest[level], level)))


def _are_lines(head: bytes) -> bool:
    first, _, second = head.removeprefix(b"\xef\xbb\xbf").strip().partition(b"\n")
    try:
        return second.lstrip()[:1] == b"{" and isinstance(read_value(first.decode("utf-8", "replace")), tuple)
    except (ValueError, RecursionError):
        return False


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").removeprefix("\ufeff").strip()


def _is_cut_off(text: str) -> bool:
    """Tell whether all of a text is JSON but that its end is missing. One with comments or commas too many is not."""
    try:
        read_value(text)
    except RecursionError:
        return False
    except JSONDecodeError as error:
        rest = text[error.pos :]
        return any(word.startswith(rest) for word in _WORDS) or error.msg.startswith("Unterminated string")
    except ValueError:
        return False
    return False


def _widest(head: bytes, level: int) -> int:
    return int(np.diff([0, *Structure(level).ends(head), len(head)]).max())


class Structure:
    """Finds where a document may be cut: behind the commas and brackets outside of strings, of `level` brackets within one another at most."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._depth = 0
        self._in_string = 0
        self._is_escaped = False

    def ends(self, data: bytes) -> NDArray[np.int64]:
        """Return the places in the next bytes, each behind its comma or bracket."""
        if self._is_escaped:
            data = b"x" + data[1:]
        if b"\\" in data:
            data = data.replace(rb"\\", b"xx").replace(rb"\"", b"xx")
        self._is_escaped = data.endswith(b"\\")
        kinds = _KINDS[np.frombuffer(data, np.uint8)]
        at = np.flatnonzero(kinds)
        kinds = kinds[at]
        in_string = (np.cumsum(kinds == _QUOTE) + self._in_string) & 1
        outside = (in_string == 0) & (kinds != _QUOTE)
        self._in_string = int(in_string[-1]) if len(at) else self._in_string
        at, kinds = at[outside], kinds[outside]
        depths = np.cumsum(_STEPS[kinds]) + self._depth
        depths -= np.minimum(np.minimum.accumulate(depths), 0)  # what closes nothing opens no deeper level
        self._depth = int(depths[-1]) if len(at) else self._depth
        ends: NDArray[np.int64] = at[depths + (kinds == _CLOSE) <= self._level] + 1
        return ends


class _Container:
    """An array or an object that is open: its path, as JSON Pointer (RFC 6901) writes it, its own name, and how many commas were in it."""

    def __init__(self, pointer: str, name: str, is_array: bool) -> None:
        self.pointer = pointer
        self.name = name
        self.is_array = is_array
        self.count = 0

    def below(self, name: str, is_array: bool) -> "_Container":
        """Return the container that is open next, in an object under this name."""
        name = str(self.count) if self.is_array else shorten_name(name)
        return _Container(f"{self.pointer}/{_escaped(name)}", name, is_array)


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


class JsonDocument:
    """A document that is cut at this level of brackets, as a `RowReader`."""

    def __init__(self, level: int) -> None:
        self.broken = Broken()
        self._level = level
        self._open: list[_Container] = []
        self._offset = 0
        self._is_piece = self._is_last = self._is_cut_off = False
        self._at = ""

    def blocks(self, stream: BinaryIO) -> Iterator[RowBlock]:
        """Yield all bytes of a stream of UTF-8, as blocks of rows."""
        structure = Structure(self._level)
        rest = b""
        while data := stream.read(READ_BYTES):
            found = (structure.ends(data) + len(rest)).tolist()
            rest += data
            ends, plain = _with_pieces(found, rest)
            if ends:
                yield RowBlock(rest[: ends[-1]], ends, plain)
                rest = rest[ends[-1] :]
        self._is_last = True
        if rest:
            yield RowBlock(rest, [len(rest)], {0})
        if self._open and not self._is_cut_off:
            self.broken.add("its end", "is missing")

    def texts(self, block: RowBlock) -> Iterator[RowText]:
        """Yield what each element or member of the next block says; what is not JSON is text."""
        for number, (start, end) in enumerate(block.rows()):
            raw = block.data[start:end]
            self._at = f"what begins at byte {self._offset + start:,}"
            text, row, place = self._read(raw, number in block.plain)
            start += len(raw) - len(raw.lstrip(_WHITE))
            yield RowText(text, self._offset + start, max(0, end - 1 - start), row, place)
        self._offset += len(block.data)

    def _read(self, raw: bytes, is_plain: bool) -> tuple[str, int, Mapping[str, object]]:
        """Read what ends with a comma or bracket, and follow what that opens or closes."""
        mark, body = (b"", raw) if is_plain else (raw[-1:], raw[:-1])
        text = _text(body)
        within = self._open[-1] if self._open else None
        said: tuple[str, int, Mapping[str, object]] = (text, 0, {})
        try:
            if self._is_piece or is_plain:
                if text:
                    self._add_broken(text, len(raw), within)
            elif mark in b"[{":
                said = ("", 0, {})
                self._open.append(_opened(within, text, mark == b"["))
            elif text:
                said = _value(within, text)
        except (ValueError, RecursionError):
            self.broken.add(self._at, NOT_JSON)
            if mark in b"[{":
                self._open.append(_Container("", "", mark == b"["))
        self._is_piece = is_plain
        if mark == b"," and within:
            within.count += 1
        elif mark in (b"]", b"}"):
            if within:
                self._open.pop()
            else:
                self.broken.add(self._at, NOT_JSON)
        return said

    def _add_broken(self, text: str, length: int, within: _Container | None) -> None:
        """Note what is no whole row: the last thing in a document that is cut off, what is too long, or no JSON."""
        begun = text if within is None or within.is_array else f"{{{text}"
        if self._is_last and length <= LONGEST_ROW - 4 and _is_cut_off(begun):
            self._is_cut_off = True
            self.broken.add("its end", "is missing")
        else:
            self.broken.add(self._at, TOO_LONG if length > LONGEST_ROW - 4 else NOT_JSON)


def _with_pieces(found: list[int], data: bytes) -> tuple[list[int], set[int]]:
    """Return the ends with those of the pieces of what is too long, and which are pieces."""
    ends: list[int] = []
    plain: set[int] = set()
    start = 0
    for end in [*found, None]:
        while (len(data) if end is None else end) - start > LONGEST_ROW:
            start = piece_end(data, start)
            plain.add(len(ends))
            ends.append(start)
        if end is not None:
            ends.append(start := end)
    return ends, plain


def _opened(within: _Container | None, text: str, is_array: bool) -> _Container:
    """Return the container whose bracket follows the text: nothing, or a name and a colon. Raises ValueError."""
    if within is None or within.is_array:
        if text:
            raise ValueError("something stands before a bracket")
        return within.below("", is_array) if within else _Container("", "", is_array)
    name = read_value(text.removesuffix(":"))
    if not isinstance(name, str) or not text.endswith(":"):
        raise ValueError("a name is missing")
    return within.below(name, is_array)


def _value(within: _Container | None, text: str) -> tuple[str, int, Mapping[str, object]]:
    """Return what an element or a member says, its number as a row, and its place. Raises ValueError and RecursionError."""
    if within is None:
        raise ValueError("it stands outside of everything")
    if within.is_array:
        value = read_value(text)
        place = {"pointer": within.pointer, **columns(value)} if within.pointer else columns(value)
        return joined(list(named_parts(value)), "; ", text), within.count + 1, place
    member = read_value(f"{{{text}}}")
    if not isinstance(member, tuple) or len(member) != 1:
        raise ValueError("it is no member of an object")
    pointer = f"{within.pointer}/{_escaped(shorten_name(member[0][0]))}"
    return joined(list(named_parts(member, within.name)), "; ", text), 0, {"pointer": pointer}
