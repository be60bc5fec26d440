"""Where the parts of code begin: its symbols with the comments above them, and what lies between."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import charset_parameter, codec_of
from hartonomous_core.atomizers.code_atomizer import CODE_LIMITS
from hartonomous_core.atomizers.sections import MOST_PARTS, Section
from hartonomous_core.vocabulary import GAP

_REST_OF_LINE = re.compile(rb"[ \t;,)\]}]*(?:(?://|#|--|/\*)[^\n]*)?\r?\n")
"""What may follow a symbol in its last line and belongs to it: what closes others, and a comment."""
_LONGEST_REST = 500
_CLOSING = b" \t\r\n;,)]}"
_NEWLINE = 0x0A
_BETWEEN_IMPORTS = re.compile(rb"(?:\s|;|(?:#|//|--)[^\n]*(?:\n|$))*")
"""White space and comments."""


@dataclass(slots=True)
class Symbol:
    """From which byte to which it goes, and at which its name stands. `kind`: function, class, module, imports, or gap."""

    begin: int
    end: int
    kind: str
    names: tuple[str, ...] = ()
    named_at: int = -1


def in_utf8(stream: BinaryIO, content_type: str) -> bytes:
    """Read code in the charset of its content type, as UTF-8: offsets of symbols are counted in it."""
    data = stream.read()
    charset = charset_parameter(content_type)
    if charset and (codec := codec_of(charset)):
        data = data.decode(codec, "replace").encode()
    return data


def part_starts(
    data: bytes, symbols: Sequence[Symbol], comments: Sequence[tuple[int, int]], imports: Sequence[tuple[int, int]] = ()
) -> Iterator[Section]:
    """Yield where parts begin, in order: each symbol that is not too long; of others and of what is around them, what lies between.

    Comments and imports are the bytes from which and to which they go.
    """
    open_: list[tuple[Symbol, tuple[str, ...]]] = []  # symbols that are cut at those in them, each with its path
    told = 0  # up to where it is told what the bytes belong to
    comments = sorted(comments)
    runs = [Symbol(begin, end, "imports") for begin, end in _runs(data, sorted(imports))]
    for symbol in sorted([*_outermost(symbols), *runs], key=lambda each: (each.begin, -each.end)):
        while open_ and open_[-1][0].end <= symbol.begin:
            told = max(told, _end(data, open_.pop()[0].end))
            yield _rest(told, open_)
        if symbol.begin < told or (symbol.kind == "imports" and open_ and open_[-1][0].kind != "module"):
            continue
        path = ((*open_[-1][1], *symbol.names) if open_ else symbol.names)[-MOST_PARTS:]
        if symbol.kind != "module":
            told = _begin(data, symbol.begin, told, [] if symbol.kind in ("imports", GAP) else comments)
            yield Section("", {"symbol": list(path)}, symbol.kind, "code", told)
        if symbol.kind == "module" or (symbol.kind != "imports" and symbol.end - told > CODE_LIMITS.most):
            open_.append((symbol, path))
        else:
            told = _end(data, symbol.end, open_[-1][0].end if open_ else 0)
            yield _rest(told, open_)
    while open_:
        told = max(told, _end(data, open_.pop()[0].end))
        yield _rest(told, open_)


def _rest(offset: int, open_: list[tuple[Symbol, tuple[str, ...]]]) -> Section:
    """Return what begins behind a symbol: more of the one around it, or lines of none."""
    symbol, path = open_[-1] if open_ else (None, ())
    kind = "lines" if symbol is None or symbol.kind == "module" else symbol.kind
    return Section("", {"symbol": list(path)}, kind, "code", offset)


def _outermost(symbols: Sequence[Symbol]) -> Iterator[Symbol]:
    """Yield one of those that several patterns find, or that are declared together."""
    begins: set[int] = set()
    named_at: set[int] = set()
    for symbol in sorted(symbols, key=lambda each: (each.begin, -each.end)):
        if symbol.begin not in begins and symbol.named_at not in named_at:
            yield symbol
        begins.add(symbol.begin)
        named_at.add(symbol.named_at)


def _runs(data: bytes, imports: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield imports, those together between which nothing but comments stands."""
    run: tuple[int, int] | None = None
    for begin, end in imports:
        if run and begin - run[1] < _LONGEST_REST and _BETWEEN_IMPORTS.fullmatch(data, run[1], begin):
            run = run[0], end
            continue
        if run:
            yield run
        run = begin, end
    if run:
        yield run


def _begin(data: bytes, begin: int, told: int, comments: list[tuple[int, int]]) -> int:
    """Return where a symbol begins with the comments that stand right above it, at the beginning of their line."""
    begin = _line_begin(data, begin, told)
    for at in range(bisect_left(comments, (begin, 0)) - 1, -1, -1):
        start, end = comments[at]
        between = data[end:begin] if begin - end < _LONGEST_REST else b"far"
        if start < told or between.strip() or between.count(b"\n") > 1:
            break
        first = _line_begin(data, start, told)
        if first > told and data[first - 1] != _NEWLINE:
            break
        begin = first
    return begin


def _line_begin(data: bytes, at: int, told: int) -> int:
    """Return where the line begins if only white space stands before `at` in it, else `at`."""
    begin = at
    while begin > told and data[begin - 1] in b" \t":
        begin -= 1
    return begin if begin == told or data[begin - 1] == _NEWLINE else at


def _end(data: bytes, end: int, outer_end: int = 0) -> int:
    """Return where a symbol ends with what closes its last line, but not with what closes the symbol around it and is no comment."""
    rest = _REST_OF_LINE.match(data, end, end + _LONGEST_REST)
    if rest and end < outer_end < rest.end() and not data[outer_end : rest.end()].strip(_CLOSING):
        return outer_end - 1
    return rest.end() if rest else end
