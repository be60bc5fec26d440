"""Breaks UTF-8 text into sentences while it streams: where atoms end depends on the text alone, never on how it was read."""

import re
from codecs import utf_8_decode
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import BinaryIO

from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES, Atom
from hartonomous_core.atomizers.sentences import Text, sentences
from hartonomous_core.vocabulary import GAP

READ_BYTES = 256 * 1024

_CHARSET = re.compile(r"""\bcharset\s*=\s*["']?([^\s;"']+)""")

_TEXT_TYPES = {
    "application/javascript",
    "application/json",
    "application/toml",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
}


class NotUtf8Error(ValueError):
    """The stream is not UTF-8; `offset` is the byte at which the first invalid sequence begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"not valid UTF-8 at byte {offset}")
        self.offset = offset


class TextAtomizer:
    """Sentences of UTF-8 text: modality 'text', subtype 'sentence' or 'gap'."""

    name = "text"
    needs_utf8 = True
    gives_text = True

    @cached_property
    def version(self) -> str:
        """Own version and that of the library that decides the boundaries."""
        return f"1+nupunkt-{version('nupunkt')}"

    def handles(self, content_type: str) -> bool:
        """True for text/*, JSON, NDJSON, XML, YAML, TOML and JavaScript, and for +json and +xml types, unless of another charset."""
        media_type, _, parameters = content_type.lower().partition(";")
        media_type = media_type.strip()
        if (charset := _CHARSET.search(parameters)) and charset[1] not in ("utf-8", "utf8", "us-ascii"):
            return False
        return media_type.startswith("text/") or media_type.endswith(("+json", "+xml")) or media_type in _TEXT_TYPES

    def atomize(self, stream: BinaryIO, content_type: str = "text/plain") -> Iterator[Atom]:
        """Yield sentences without surrounding white space; what separates two is the suffix of the first.

        A separator longer than 64 bytes, and white space or a byte order mark at the very start, becomes
        'gap' atoms. No content is longer than 8 KiB.

        Raises NotUtf8Error; what was yielded before it is only a part of the source.
        """
        for content, separator in sentences(_DecodedStream(stream)):
            suffix = separator.encode()
            is_gap = not content or len(suffix) > MAX_SUFFIX_BYTES
            if content:
                yield Atom(content.encode(), b"" if is_gap else suffix, "text", "sentence", "text/plain", content)
            if is_gap:
                yield Atom(suffix, b"", "text", GAP, "text/plain", None)


class _DecodedStream(Text):
    """Decodes a UTF-8 stream, and keeps only the text that is being looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__("")
        self._stream = stream
        self._undecoded = b""
        self._bytes_decoded = 0
        self._ended = False

    def look(self, characters: int) -> int:
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


def _read_fully(stream: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a stream may return less than it was asked for."""
    parts = []
    while size and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
