"""A text of which only the part that is being looked at is kept: whole, or decoded from a stream as it is read."""

import re
from codecs import utf_8_decode
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

READ_BYTES = 256 * 1024
LONGEST_SPACE = 2730
"""Characters: 8 KiB, for white space has at most 3 bytes each."""

_SPACE = re.compile(r"\s*")
_SPACE_AT_START = re.compile(r"\ufeff?\s*")


class NotUtf8Error(ValueError):
    """The stream is not UTF-8; `offset` is the byte at which the first invalid sequence begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"not valid UTF-8 at byte {offset}")
        self.offset = offset


class Piece(NamedTuple):
    """A passage or a sentence, without surrounding white space, and what separates it from the next; white space by itself has no content."""

    content: str
    separator: str


class Text:
    """A text that is looked at from a position on."""

    def __init__(self, buffer: str) -> None:
        self.buffer = buffer
        self.position = 0

    def look(self, characters: int) -> int:
        """Have `characters` more in the buffer after the position, or all that are left; return where they end."""
        return min(self.position + characters, len(self.buffer))

    def at_end(self) -> bool:
        """Whether nothing is left after the position."""
        return self.look(1) == self.position

    def space_at_start(self) -> Iterator[str]:
        """Yield the white space, and a byte order mark, at the very start, as `space` does."""
        if space := self._take(_SPACE_AT_START):
            yield space
        yield from self.space()

    def space(self) -> Iterator[str]:
        """Move past the white space here and yield it, `LONGEST_SPACE` of it at a time; it is what `str.isspace` says."""
        while space := self._take(_SPACE):
            yield space

    def _take(self, pattern: re.Pattern[str]) -> str:
        end = self.look(LONGEST_SPACE)
        match = pattern.match(self.buffer, self.position, end)
        taken = match[0] if match else ""
        self.position += len(taken)
        return taken


class DecodedStream(Text):
    """The text of a UTF-8 stream."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__("")
        self._stream = stream
        self._undecoded = b""
        self._bytes_decoded = 0
        self._ended = False

    def look(self, characters: int) -> int:
        """Read on until there are as many characters. Raises NotUtf8Error."""
        while len(self.buffer) - self.position < characters and not self._ended:
            self._read()
        return super().look(characters)

    def _read(self) -> None:
        block = _read_fully(self._stream, READ_BYTES)
        self._ended = not block
        data = self._undecoded + block
        try:
            decoded, used = utf_8_decode(data, "strict", self._ended)
        except UnicodeDecodeError as error:
            raise NotUtf8Error(self._bytes_decoded + error.start) from error
        self._undecoded = data[used:]
        self._bytes_decoded += used
        self.buffer = self.buffer[self.position :] + decoded
        self.position = 0


def read_all(stream: BinaryIO) -> bytes:
    """Read a stream to its end: it may return less than it was asked for."""
    return b"".join(iter(lambda: stream.read(READ_BYTES), b""))


def _read_fully(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a stream may return less than it was asked for."""
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
