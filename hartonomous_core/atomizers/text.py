"""Splits UTF-8 text into sentences while it streams: where atoms end depends on the text alone, never on how it was read.

The text is taken as blocks. A block ends at a blank line, at U+2029, at more than 64 characters of white
space, and before and after a run of 256 or more characters without any (base64, minified code): such a run
is no prose, and the tokenizer's regular expressions need quadratic time in it. Inside a block nupunkt, a
Punkt tokenizer (Kiss & Strunk, "Unsupervised Multilingual Sentence Boundary Detection", Computational
Linguistics 32(4), 2006), says where sentences begin. A longer block is taken a window at a time.
"""

import re
from codecs import utf_8_decode
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property
from importlib.metadata import version
from itertools import pairwise
from typing import BinaryIO

from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES, Atom
from hartonomous_core.vocabulary import GAP

MAX_ATOM_BYTES = 8 * 1024
READ_BYTES = 256 * 1024
WINDOW = 32 * 1024
"""Characters of a block that are looked at together."""
MARGIN = 1024
"""Characters at the end of a window in which no cut is final while the block goes on: a sentence end is
judged by the word after it. Longer than the longest white space and the longest word of a block together."""

_SPACE = re.compile(r"\s*")
_LEADING_SPACE = re.compile(r"\ufeff?\s*")
_UP_TO_LAST_SPACE = re.compile(r".*\s", re.DOTALL)
_LONG_RUN = re.compile(r"\S{256,}")
# Every alternative begins at a white space, so that scanning tries nothing inside words.
# \n?+ is possessive: the two halves of one \r\n are not two line ends.
_BLOCK_END = re.compile(r"\s(?:(?:(?<=\n)|(?<=\r)\n?+)[^\S\r\n]*[\r\n]|(?<=\u2029)|\s{64}|(?=\S{256}))")

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
        'gap' atoms. No content is longer than 8 KiB: a longer sentence is cut at the last white space in the
        second half of these 8 KiB, else between two characters. White space is what `str.isspace` says.

        Raises NotUtf8Error; what was yielded before it is only a part of the source.
        """
        text = _DecodedStream(stream)
        yield from _gaps(text, _LEADING_SPACE)
        while not text.at_end():
            *inner, last = pairwise(_next_bounds(text))
            for start, stop in inner:
                piece = text.buffer[start:stop]
                content = piece.rstrip()
                yield from _sentence(content, piece[len(content) :])
            # The white space after the last piece may go on beyond the window.
            content = text.buffer[slice(*last)].rstrip()
            text.position = last[0] + len(content)
            yield from _sentence(content, text.take(_SPACE))
            yield from _gaps(text, _SPACE)


class _DecodedStream:
    """Decodes a UTF-8 stream, and keeps only the text that is being looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        self.buffer = ""
        self.position = 0
        self._stream = stream
        self._undecoded = b""
        self._bytes_decoded = 0
        self._ended = False

    def look(self, characters: int) -> int:
        """Buffer at least `characters` more after the position, or all that are left; return where they end."""
        while len(self.buffer) - self.position < characters and not self._ended:
            self._read()
        return min(self.position + characters, len(self.buffer))

    def at_end(self) -> bool:
        return self.look(1) == self.position

    def take(self, pattern: re.Pattern[str]) -> str:
        """Move past what the pattern matches here and return it: at most `MAX_ATOM_BYTES` of it."""
        end = self.look(MAX_ATOM_BYTES)
        match = pattern.match(self.buffer, self.position, end)
        taken = _head(match[0]) if match else ""
        self.position += len(taken)
        return taken

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


def _next_bounds(text: _DecodedStream) -> list[int]:
    """Return the offsets in `text.buffer` between which the next pieces lie (two or more; the first is the position).

    They are decided by the characters of one window and by whether there is one more: that is why the atoms
    do not depend on how the stream was read.
    """
    end = text.look(WINDOW + 1)
    buffer, start = text.buffer, text.position
    goes_on = end - start > WINDOW
    end -= goes_on
    if run := _LONG_RUN.match(buffer, start, end):
        stop = run.end()
        cuts = []
    else:
        block_end = _BLOCK_END.search(buffer, start, end)
        stop = block_end.start() if block_end else end
        cuts = [start + begin for begin, _ in _sentence_spans()(buffer[start:stop]) if begin]
    if stop < end or not goes_on:
        cuts.append(stop)
    else:
        final = end - MARGIN
        cuts = [cut for cut in cuts if cut <= final] or [
            cut for cut in _cuts_of_long(buffer, start, end) if cut <= final
        ]
    bounds = [start]
    for cut in cuts:
        bounds += _cuts_of_long(buffer, bounds[-1], cut)
        bounds.append(cut)
    return bounds


def _cuts_of_long(buffer: str, start: int, stop: int) -> Iterator[int]:
    """Yield where to cut `buffer[start:stop]` so that no piece, without the white space after it, is too long."""
    while (stop - start) * 4 > MAX_ATOM_BYTES:
        limit = start + len(_head(buffer[start:stop]))
        if limit == stop or buffer[limit:stop].isspace():
            return
        half = start + (limit - start) // 2
        space = _UP_TO_LAST_SPACE.match(buffer, half, limit + 1)
        start = stop - len(buffer[space.end() : stop].lstrip()) if space else limit
        yield start


def _head(text: str) -> str:
    """Return the longest beginning of `text` that is at most `MAX_ATOM_BYTES` of UTF-8."""
    if len(text) * 4 <= MAX_ATOM_BYTES:
        return text
    # Only the character that the limit goes through can be invalid.
    return text[:MAX_ATOM_BYTES].encode()[:MAX_ATOM_BYTES].decode(errors="ignore")


def _sentence(content: str, separator: str) -> tuple[Atom, ...]:
    suffix = separator.encode()
    if len(suffix) > MAX_SUFFIX_BYTES:
        return (*_sentence(content, ""), _gap(separator))
    return (Atom(content.encode(), suffix, "text", "sentence", "text/plain", content),)


def _gaps(text: _DecodedStream, pattern: re.Pattern[str]) -> Iterator[Atom]:
    while space := text.take(pattern):
        yield _gap(space)


def _gap(space: str) -> Atom:
    return Atom(space.encode(), b"", "text", GAP, "text/plain", None)


@cache
def _sentence_spans() -> Callable[[str], Iterable[tuple[int, int]]]:
    """Load nupunkt's function from a text to the (start, stop) of its sentences, with its built-in model."""
    from nupunkt import load

    spans: Callable[[str], Iterable[tuple[int, int]]] = load("default").span_tokenize
    return spans
