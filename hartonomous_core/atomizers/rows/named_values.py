"""Says in words what a row holds: each value beside its name, as `city: Leeds; address.zip: LS1`."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS

LONGEST_NAME = 60
"""Characters of a name, beside its value and in a locator."""
MOST_NAMES, LONGEST_NAMES = 16, 400
"""Names in a locator, and their characters together; "…" stands for more."""
_REMEMBERED_NAME = 200
"""Characters. Of a longer name it is not remembered how it is shortened."""
_MOST_EXPANSION = 4
"""A row is told as it is where names would make it so many times longer: many columns with a digit in each."""


def shorten_name(name: str) -> str:
    """Return a name in one line, without lone surrogates, and cut off where it is long."""
    return _shorten_again(name) if len(name) <= _REMEMBERED_NAME else _shorten(name)


def _shorten(name: str) -> str:
    name = " ".join(name.encode("utf-8", "replace").decode().split())
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


_shorten_again = lru_cache(1000)(_shorten)
"""Each row of JSON names its columns anew."""


@lru_cache(100)
def names_in_locator(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first names, as many as a locator holds."""
    kept: list[str] = []
    size = 0
    for name in map(shorten_name, names):
        size += len(name)
        if len(kept) == MOST_NAMES or size > LONGEST_NAMES:
            return (*kept, "…")
        kept.append(name)
    return tuple(kept)


def joined(parts: Sequence[str], separator: str, raw: str | None = None) -> str:
    """Return a row in one line; in paragraphs where that is longer than a passage, to be cut as any text; as it is, where names drown it."""
    line = separator.join(parts)
    if raw is not None and len(line) > _MOST_EXPANSION * len(raw) + LONGEST_NAME:
        return " ".join(raw.split())
    if len(line) > PASSAGE_LIMITS.most:
        return "\n\n".join(parts)
    if line.isprintable() and "  " not in line:  # so the only white space are single spaces
        return line.strip(" ")
    return " ".join(line.split())


def named_parts(value: object, name: str = "") -> Iterator[str]:
    """Yield each value within a value of JSON beside the names that lead to it. Raises RecursionError.

    An object is a tuple of (name, value) in order, of equal names all; an array is a list, and a number the text that was written.
    """
    if isinstance(value, tuple):
        for key, member in value:
            path = f"{name}.{shorten_name(key)}"[-LONGEST_NAME:] if name else shorten_name(key)
            if type(member) is not str:
                yield from named_parts(member, path)
            elif member and not member.isspace():
                yield f"{path}: {member}"
    elif isinstance(value, list):
        if simple := ", ".join(_said(each) for each in value if not isinstance(each, tuple | list)):
            yield f"{name}: {simple}" if name else simple
        for each in value:
            if isinstance(each, tuple | list):
                yield from named_parts(each, name)
    elif said := _said(value):
        yield f"{name}: {said}" if name else said


def _said(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
