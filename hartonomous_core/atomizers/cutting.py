"""Cuts what is too long for one atom at places that its own characters choose, so that what is put in before it moves no other cut."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # imported where something is too long: commands ask atomizers what they handle, and cut nothing
    import numpy as np
    from numpy.typing import NDArray

_SPACES = re.compile(r"\s+")
_NOT_LATIN = re.compile("[\u0250-\u1dff\u2100-\U0010ffff]+")
_CONTEXT = 8
"""Characters before a place that decide whether it is the one."""
_FACTOR = 0x9E3779B1
"""An odd number of 32 bits whose bits are mixed: 2^32 divided by the golden ratio."""


class Limits(NamedTuple):
    """How long the content of an atom may be: a weight of `most`, and at least `least` bytes where there is a choice."""

    least: int
    most: int


PASSAGE_LIMITS = Limits(400, 1200)
SENTENCE_LIMITS = Limits(4 * 1024, 8 * 1024)


def weight(text: str) -> int:
    """Return the bytes of a text in UTF-8, and two more for each character that is not Latin.

    So 1,200 are about 250 tokens of the text model in any script: it has 4 to 5 bytes of Latin text a token, but of
    other scripts nearly a token a character.
    """
    if text.isascii():
        return len(text)
    return len(text.encode()) + 2 * sum(map(len, _NOT_LATIN.findall(text)))


def cuts(text: str, start: int, stop: int, limits: Limits) -> Iterator[int]:
    """Yield where to cut `text[start:stop]`, which does not end with white space, into pieces that are not too long.

    The white space after a piece does not count. A cut is made after the white space, or else between the two
    characters, that a hash of the characters before it chooses among all that keep the limits.
    """
    import numpy as np

    while stop - start > limits.most // 6 and weight(text[start : min(stop, start + limits.most + 1)]) > limits.most:
        codes = np.frombuffer(text[start : min(stop, start + limits.most)].encode("utf-32-le"), "<u4")
        sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
        first = int(np.searchsorted(sizes.cumsum(), limits.least))
        last = int(np.searchsorted((sizes + 2 * _is_not_latin(codes)).cumsum(), limits.most, "right"))
        hashes = _hashes(codes[first - _CONTEXT : last])[_CONTEXT - 1 :]
        spaces = [space.start() - start for space in _SPACES.finditer(text, start + first, start + last + 1)]
        if spaces:
            end = start + spaces[int(hashes[np.subtract(spaces, first)].argmin())]
            # White space belongs to the piece before it however far it goes.
            start = end + len(text[end:stop]) - len(text[end:stop].lstrip())
        else:
            start += first + int(hashes.argmin())
        yield start


def _is_not_latin(codes: NDArray[np.uint32]) -> NDArray[np.bool_]:
    return (codes >= 0x250) & (codes < 0x1E00) | (codes >= 0x2100)


def _hashes(codes: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return for each character a hash of it and those before it."""
    import numpy as np

    hashes = np.zeros(len(codes), np.uint32)
    for distance in range(_CONTEXT):
        hashes[distance:] += codes[: len(codes) - distance] * np.uint32(pow(_FACTOR, distance + 1, 2**32))
    hashes ^= hashes >> np.uint32(15)
    hashes *= np.uint32(_FACTOR)
    return hashes
