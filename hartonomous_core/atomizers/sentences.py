"""Splits text into sentences, a window at a time: where they end depends on the text alone, never on how it was read.

`lines.py` says which lines are sentences of their own, `sentence_ends.py` where sentences begin in the prose between
them, and `cutting.py` where one that is too long is cut.
"""

from collections.abc import Iterator
from itertools import pairwise

from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS, Limits, cuts
from hartonomous_core.atomizers.lines import lines_of
from hartonomous_core.atomizers.sentence_ends import sentence_starts
from hartonomous_core.atomizers.text_stream import Piece, Text

WINDOW = 32 * 1024
"""Characters that are looked at together."""
MARGIN = 1024
"""Characters at the end of a window in which nothing is final while the text goes on: a sentence end is judged by the
word after it, a line by the next."""


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


def sentences(text: Text, limits: Limits = PASSAGE_LIMITS) -> Iterator[Piece]:
    """Yield the sentences of a text; all contents and separators, in order, are the text.

    A sentence that is longer than the limits is cut into several.
    """
    for space in text.space_at_start():
        yield Piece("", space)
    while not text.at_end():
        yield from sentences_of_window(text, limits)


def sentences_of_window(text: Text, limits: Limits) -> Iterator[Piece]:
    """Yield the next sentences of a text, of which no white space is next, and move past them."""
    *inner, last = pairwise(_next_bounds(text, limits))
    buffer = text.buffer
    for start, stop in inner:
        piece = buffer[start:stop]
        content = piece.rstrip()
        yield from _cut(content, piece[len(content) :], limits)
    # The white space after the last piece may go on beyond the window.
    content = buffer[slice(*last)].rstrip()
    text.position = last[0] + len(content)
    spaces = text.space()
    yield from _cut(content, next(spaces, ""), limits)
    for space in spaces:
        yield Piece("", space)


def _cut(content: str, separator: str, limits: Limits) -> list[Piece]:
    """Return a sentence, as several if it is too long."""
    if len(content) <= limits.most // 6:
        return [Piece(content, separator)]
    parts = []
    start = 0
    for cut in cuts(content, 0, len(content), limits):
        part = content[start:cut].rstrip()
        parts.append(Piece(part, content[start + len(part) : cut]))
        start = cut
    return [*parts, Piece(content[start:], separator)]


def _next_bounds(text: Text, limits: Limits) -> list[int]:
    """Return the offsets in `text.buffer` between which the next sentences lie, from the position on.

    They are decided by the characters of one window and by whether there is one more: that is why the sentences do
    not depend on how the stream was read.
    """
    end = text.look(WINDOW + 1)
    buffer, start = text.buffer, text.position
    goes_on = end - start > WINDOW
    end -= goes_on
    starts, lines = _starts(buffer, start, end)
    bounds = sorted(starts | {start})
    if not goes_on:
        return [*bounds, end]
    # Where a line begins, the next window sees what it would have seen as a part of this one.
    final = [line for line in lines if start + WINDOW // 2 < line <= end - MARGIN]
    stop = max(final, default=0) or max((bound for bound in bounds if start < bound <= end - MARGIN), default=0)
    if not stop:
        content_stop = start + len(buffer[start:end].rstrip())
        stop = max((cut for cut in cuts(buffer, start, content_stop, limits) if cut <= end - MARGIN), default=end)
    return [*(bound for bound in bounds if bound < stop), stop]


def _starts(buffer: str, start: int, end: int) -> tuple[set[int], list[int]]:
    """Return where sentences begin in `buffer[start:end]`, and where lines do that begin one."""
    starts: set[int] = set()
    lines: list[int] = []
    prose = start
    for line in lines_of(buffer[start:end]):
        at = start + line.start
        if line.begins_sentence:
            lines.append(at)
        if line.kind != "prose":
            if prose < at:
                starts.update(sentence_starts(buffer, prose, at))
            prose = start + line.stop
    if prose < end:
        starts.update(sentence_starts(buffer, prose, end))
    starts.update(lines)
    starts.discard(end)
    return starts, lines
