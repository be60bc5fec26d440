"""Reads a table as blocks of whole rows, in bounded memory; where a row ends depends on its bytes, never on how they were read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple, Protocol, runtime_checkable

from hartonomous_core.atomizers.text_stream import READ_BYTES

LONGEST_ROW = 1024 * 1024
"""Bytes. What is longer is cut, and read as plain text."""
TOO_LONG = f"is longer than {LONGEST_ROW:,} bytes"
NOT_JSON = "is not JSON"


class RowBlock(NamedTuple):
    """Rows one behind the other: their bytes, where each ends, and the numbers of those that are only text: they are to be read as they are."""

    data: bytes
    ends: list[int]
    plain: set[int]

    def rows(self) -> Iterator[tuple[int, int]]:
        """Yield where each row begins and ends."""
        return zip([0, *self.ends], self.ends, strict=False)


class RowText(NamedTuple):
    """What a row says, "" if nothing; where it stands among the bytes of the stream; its number, from 1 on, and what else tells its place.

    The number is 0 for what is no row, such as a member of an object.
    """

    text: str
    offset: int
    length: int
    row: int
    place: Mapping[str, object]


@dataclass(slots=True)
class Broken:
    """What could not be read as rows: the first of it, and how much."""

    first: str = ""
    count: int = 0

    def add(self, where: str, what: str) -> None:
        """Note something that is read as plain text."""
        self.first = self.first or f"{where} {what}: read as plain text"
        self.count += 1

    def __str__(self) -> str:
        return self.first if self.count == 1 else f"{self.first}, and {self.count - 1:,} more"


class RowReader(Protocol):
    """How the rows of a table are told apart, and what they say."""

    broken: Broken
    """What was not; all of it is known once all texts are read."""

    def blocks(self, stream: BinaryIO) -> Iterator[RowBlock]:
        """Yield all bytes of a stream of UTF-8, as blocks of rows."""

    def texts(self, block: RowBlock) -> Iterator[RowText]:
        """Yield what each row of the next block says."""


@runtime_checkable
class LineReader(RowReader, Protocol):
    """How rows are told apart that are lines: they can be read from any of them on."""

    def check(self, block: RowBlock) -> None:
        """Take the next block as `texts` does, for what is broken in it alone."""

    def begin_at(self, row: int, offset: int) -> None:
        """Let the next block be one that begins with this row, at this byte of the stream."""


Split = Callable[[bytes, bool], tuple[list[int], set[int]]]
"""Returns the ends of the rows in these bytes that are whole, and which are only text; of all rows, if nothing follows."""


def blocks_of_lines(stream: BinaryIO, split: Split) -> Iterator[RowBlock]:
    """Yield blocks of the rows that `split` finds."""
    rest = b""
    is_read = False
    while not is_read:
        data = stream.read(READ_BYTES)
        is_read = not data
        rest += data
        ends, plain = split(rest, is_read)
        if ends:
            yield RowBlock(rest[: ends[-1]], ends, plain)
            rest = rest[ends[-1] :]


def piece_end(data: bytes, start: int) -> int:
    """Return where to cut a row that is too long: between two characters, where it is UTF-8."""
    end = start + LONGEST_ROW
    while data[end] & 0xC0 == 0x80 and end > start + LONGEST_ROW - 4:
        end -= 1
    return end
