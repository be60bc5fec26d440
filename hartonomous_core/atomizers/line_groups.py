"""Cuts code at the ends of lines into pieces that are not too long, so that an edit changes the pieces around it and no others."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import accumulate, pairwise

from hartonomous_core.atomizers.cutting import Limits, cuts, weight
from hartonomous_core.atomizers.text_stream import Text

LONGEST_LINE = 64 * 1024
"""Characters of a line that are looked at together; what follows counts as another one."""

_Rank = tuple[bool, bytes]
"""Of a cut behind a line: whether the line says something, and the SHA-256 of it with the one before it. The least is the best."""


def lines_of_text(text: Text) -> Iterator[str]:
    """Yield the lines that are left of a text, each with its end; joined, they are the text."""
    while not text.at_end():
        end = text.look(LONGEST_LINE)
        newline = text.buffer.find("\n", text.position, end)
        stop = end if newline < 0 else newline + 1
        yield text.buffer[text.position : stop]
        text.position = stop


def line_groups(lines: Iterable[str], limits: Limits) -> Iterator[str]:
    """Yield lines in groups of at most `limits.most` weight; of a line that is longer, parts. Joined, they are the lines.

    A group ends, once it has `limits.least` bytes, after a blank line if it can, and of all such places after that before which
    two lines have the least SHA-256.
    """
    group: list[str] = []
    weights: list[int] = []
    ranks: list[_Rank] = []
    size = 0
    for line in lines:
        length = weight(line)
        while group and size + length > limits.most:
            ranks += (_rank(group[max(0, at - 1) : at + 1]) for at in range(len(ranks), len(group)))
            count = _count_of_first(weights, ranks, limits.least)
            yield "".join(group[:count])
            size -= sum(weights[:count])
            del group[:count], weights[:count], ranks[:count]
            ranks[:1] = map(_rank, [group[:1]] if group else [])  # what was before it is gone
        if length > limits.most:
            ends = cuts(line, 0, len(line.rstrip()), limits)
            yield from (line[start:stop] for start, stop in pairwise([0, *ends, len(line)]))
        else:
            group.append(line)
            weights.append(length)
            size += length
    if group:
        yield "".join(group)


def _rank(last_two: list[str]) -> _Rank:
    """Return what is least where a cut after these lines is the best."""
    return not last_two[-1].isspace(), sha256("".join(last_two).encode()).digest()


def _count_of_first(weights: list[int], ranks: list[_Rank], least: int) -> int:
    """Return after how many lines to cut."""
    first = bisect_left(list(accumulate(weights)), least)
    return min(range(first, len(ranks)), key=ranks.__getitem__, default=len(ranks) - 1) + 1
