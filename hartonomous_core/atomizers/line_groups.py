"""Cuts code at the ends of lines into pieces that are not too long, so that an edit changes the pieces around it and no others."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import pairwise

from hartonomous_core.atomizers.cutting import Limits, cuts, weight
from hartonomous_core.atomizers.text_stream import Text

LONGEST_LINE = 64 * 1024
"""Characters of a line that are looked at together; what follows counts as another one."""


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
    size = 0
    for line in lines:
        length = weight(line)
        while group and size + length > limits.most:
            count = _count_of_first(group, limits.least)
            yield "".join(group[:count])
            del group[:count]
            size = sum(map(weight, group))
        if length > limits.most:
            ends = cuts(line, 0, len(line.rstrip()), limits)
            yield from (line[start:stop] for start, stop in pairwise([0, *ends, len(line)]))
        else:
            group.append(line)
            size += length
    if group:
        yield "".join(group)


def _count_of_first(group: list[str], least: int) -> int:
    """Return after how many lines to cut."""
    size = 0
    places = []
    for count, line in enumerate(group, 1):
        size += weight(line)
        if size >= least:
            last_two = "".join(group[max(0, count - 2) : count])
            places.append((not line.isspace(), sha256(last_two.encode()).digest(), count))
    return min(places)[2] if places else len(group)
