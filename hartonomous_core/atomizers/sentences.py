"""Splits text into sentences, a window at a time: where sentences end depends on the text alone, never on how it was read.

The text is taken as blocks. A block ends at a blank line, at U+2029, at more than 64 characters of white
space, and before and after a run of 256 or more characters without any (base64, minified code): such a run
is no prose, and the tokenizer's regular expressions need quadratic time in it. Inside a block nupunkt, a
Punkt tokenizer (Kiss & Strunk, "Unsupervised Multilingual Sentence Boundary Detection", Computational
Linguistics 32(4), 2006), says where sentences begin. A longer block is taken a window at a time.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

MAX_SENTENCE_BYTES = 8 * 1024
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


class Sentence(NamedTuple):
    """A sentence without surrounding white space, and what separates it from the next; white space alone is one without content."""

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

    def take(self, pattern: re.Pattern[str]) -> str:
        """Move past what the pattern matches here and return it: at most `MAX_SENTENCE_BYTES` of it."""
        end = self.look(MAX_SENTENCE_BYTES)
        match = pattern.match(self.buffer, self.position, end)
        taken = _head(match[0]) if match else ""
        self.position += len(taken)
        return taken


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Return the character offsets (start, stop) of the sentences of a text, without the white space around them."""
    spans = []
    start = 0
    for content, separator in sentences(Text(text)):
        stop = start + len(content)
        if content:
            spans.append((start, stop))
        start = stop + len(separator)
    return spans


def sentences(text: Text) -> Iterator[Sentence]:
    """Yield the sentences of a text; all contents and separators, in order, are the text.

    No content is longer than 8 KiB in UTF-8: a longer sentence is cut at the last white space in the second half
    of these 8 KiB, else between two characters. White space, and a byte order mark at the very start, is what
    `str.isspace` says.
    """
    yield from _space(text, _LEADING_SPACE)
    while not text.at_end():
        *inner, last = pairwise(_next_bounds(text))
        for start, stop in inner:
            piece = text.buffer[start:stop]
            content = piece.rstrip()
            yield Sentence(content, piece[len(content) :])
        # The white space after the last piece may go on beyond the window.
        content = text.buffer[slice(*last)].rstrip()
        text.position = last[0] + len(content)
        yield Sentence(content, text.take(_SPACE))
        yield from _space(text, _SPACE)


def _space(text: Text, pattern: re.Pattern[str]) -> Iterator[Sentence]:
    while space := text.take(pattern):
        yield Sentence("", space)


def _next_bounds(text: Text) -> list[int]:
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
        cuts = [start + begin for begin, _ in _nupunkt()(buffer[start:stop]) if begin]
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
    while (stop - start) * 4 > MAX_SENTENCE_BYTES:
        limit = start + len(_head(buffer[start:stop]))
        if limit == stop or buffer[limit:stop].isspace():
            return
        half = start + (limit - start) // 2
        space = _UP_TO_LAST_SPACE.match(buffer, half, limit + 1)
        start = stop - len(buffer[space.end() : stop].lstrip()) if space else limit
        yield start


def _head(text: str) -> str:
    """Return the longest beginning of `text` that is at most `MAX_SENTENCE_BYTES` of UTF-8."""
    if len(text) * 4 <= MAX_SENTENCE_BYTES:
        return text
    # Only the character that the limit goes through can be invalid.
    return text[:MAX_SENTENCE_BYTES].encode()[:MAX_SENTENCE_BYTES].decode(errors="ignore")


@cache
def _nupunkt() -> Callable[[str], Iterable[tuple[int, int]]]:
    """Load nupunkt's function from a text to the (start, stop) of its sentences, with its built-in model."""
    from nupunkt import load

    spans: Callable[[str], Iterable[tuple[int, int]]] = load("default").span_tokenize
    return spans
