"""Where the symbols of source code begin, by tree-sitter: functions, classes, and runs of imports."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import BinaryIO

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor

from hartonomous_core.atomizers.charsets import charset_parameter, codec_of
from hartonomous_core.atomizers.code_atomizer import CODE_LIMITS
from hartonomous_core.atomizers.extractors import symbol_queries
from hartonomous_core.atomizers.languages import Language, language_named, language_of
from hartonomous_core.atomizers.sections import MOST_PARTS, Partial, Section, shorten

MOST_ERRORS = 0.5
"""The share of a file that its grammar may not understand."""
_KINDS = ("function", "class", "module")
_REST_OF_LINE = re.compile(rb"[ \t;,)\]}]*(?:(?://|#|--|/\*)[^\n]*)?\r?\n")
"""What may follow a symbol in its last line and belongs to it: what closes others, and a comment."""
_LONGEST_REST = 500
_NEWLINE = 0x0A
_CPP = re.compile(rb"^[ \t]*(?:class|namespace|template)\b", re.MULTILINE)
"""What C hardly has at the beginning of a line, and takes for something else where it does."""
_NAMES = re.compile(r"~?\w+(?:(?:::|\.)~?\w+)+")
"""Several in one, as `Buoy::flash_pattern`; others are no path, as `[Symbol.iterator]`."""
_BETWEEN_NAMES = re.compile(r"::|\.")
_BETWEEN_IMPORTS = re.compile(rb"(?:\s|;|(?:#|//|--)[^\n]*(?:\n|$))*")
"""White space and comments."""


@dataclass(slots=True)
class _Symbol:
    """From which byte to which it goes, and at which its name stands."""

    begin: int
    end: int
    kind: str
    names: tuple[str, ...] = ()
    named_at: int = -1


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield, without any text, what begins where: the `byte_offset` in UTF-8, the subtype, and {"symbol": its names}.

    Raises Partial at the end where the grammar does not understand most of it.
    """
    data = stream.read()
    charset = charset_parameter(content_type)
    if charset and (codec := codec_of(charset)):
        data = data.decode(codec, "replace").encode()
    language = language_of(content_type)
    found = _Found.parse(data, language)
    if language.kin and (found.errors or _CPP.search(data)):
        of_kin = _Found.parse(data, language_named(language.kin))
        found = min(of_kin, found, key=lambda each: each.errors)
    yield from _starts(data, found)
    if found.errors > MOST_ERRORS * len(data):
        raise Partial(f"most of it is not {language.name} as its grammar knows it, and that is cut between lines")


class _Found:
    """What a query finds in a tree."""

    def __init__(self, data: bytes) -> None:
        self.symbols: list[_Symbol] = []
        self.imports: list[tuple[int, int]] = []
        self.comments: list[tuple[int, int]] = []
        self.errors = 0
        self._data = data

    @classmethod
    def parse(cls, data: bytes, language: Language) -> "_Found":
        """Parse the text of a language."""
        grammar, query = _grammar_and_query(language)
        found = cls(data)
        root = Parser(grammar).parse(data).root_node
        if root.type == "ERROR":
            found.errors = len(data)
        errors_end = 0
        for _, nodes in QueryCursor(query).matches(root):
            if "name" in nodes:
                found._take(nodes)
            elif "imports" in nodes:
                found.imports += [(node.start_byte, node.end_byte) for node in nodes["imports"]]
            elif "comment" in nodes:
                found.comments += [(node.start_byte, node.end_byte) for node in nodes["comment"]]
            elif root.type != "ERROR":
                for node in nodes["error"]:
                    found.errors += max(0, node.end_byte - max(errors_end, node.start_byte))
                    errors_end = max(errors_end, node.end_byte)
        return found

    def _take(self, nodes: dict[str, list[Node]]) -> None:
        kind = next(kind for kind in _KINDS if kind in nodes)
        [whole], [name] = nodes[kind], nodes["name"]
        names = [part for node in (*nodes.get("of", ()), name) for part in self._names(node)]
        self.symbols.append(_Symbol(whole.start_byte, whole.end_byte, kind, tuple(names), name.start_byte))

    def _names(self, node: Node) -> list[str]:
        text = self._data[node.start_byte : node.end_byte].decode(errors="replace").strip("*& ()")
        names = _BETWEEN_NAMES.split(text) if _NAMES.fullmatch(text) else [text]
        return [shorten(name) for name in names if name]


@cache
def _grammar_and_query(language: Language) -> tuple[Grammar, Query]:
    """Make what a child asks again and again: of a large grammar, a query takes 50 ms to be compiled, more than most files to be read."""
    module, _, function = language.grammar.partition(":")
    grammar = Grammar(getattr(import_module(module), function)())
    return grammar, Query(grammar, getattr(symbol_queries, language.query))


def _starts(data: bytes, found: _Found) -> Iterator[Section]:
    """Yield where parts begin, in order: each symbol that is not too long; of others and of what is around them, what lies between."""
    open_: list[tuple[_Symbol, tuple[str, ...]]] = []  # symbols that are cut at those in them, each with its path
    told = 0  # up to where it is told what the bytes belong to
    comments = sorted(found.comments)
    runs = [_Symbol(begin, end, "imports") for begin, end in _runs(data, sorted(found.imports))]
    for symbol in sorted([*_outermost(found.symbols), *runs], key=lambda each: (each.begin, -each.end)):
        while open_ and open_[-1][0].end <= symbol.begin:
            told = max(told, _end(data, open_.pop()[0].end))
            yield _rest(told, open_)
        if symbol.begin < told or (symbol.kind == "imports" and open_ and open_[-1][0].kind != "module"):
            continue
        path = ((*open_[-1][1], *symbol.names) if open_ else symbol.names)[-MOST_PARTS:]
        if symbol.kind != "module":
            told = _begin(data, symbol.begin, told, [] if symbol.kind == "imports" else comments)
            yield Section("", {"symbol": list(path)}, symbol.kind, "code", told)
        if symbol.kind == "module" or (symbol.kind != "imports" and symbol.end - told > CODE_LIMITS.most):
            open_.append((symbol, path))
        else:
            told = _end(data, symbol.end)
            yield _rest(told, open_)
    while open_:
        told = max(told, _end(data, open_.pop()[0].end))
        yield _rest(told, open_)


def _rest(offset: int, open_: list[tuple[_Symbol, tuple[str, ...]]]) -> Section:
    """Return what begins behind a symbol: more of the one around it, or lines of none."""
    symbol, path = open_[-1] if open_ else (None, ())
    kind = "lines" if symbol is None or symbol.kind == "module" else symbol.kind
    return Section("", {"symbol": list(path)}, kind, "code", offset)


def _outermost(symbols: list[_Symbol]) -> Iterator[_Symbol]:
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


def _end(data: bytes, end: int) -> int:
    """Return where a symbol ends with what closes its last line."""
    rest = _REST_OF_LINE.match(data, end, end + _LONGEST_REST)
    return rest.end() if rest else end
