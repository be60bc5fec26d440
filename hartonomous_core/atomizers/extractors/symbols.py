"""Where the symbols of source code begin, by tree-sitter: functions, classes, and runs of imports."""

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import BinaryIO

from tree_sitter import Language as Grammar
from tree_sitter import Node, Parser, Query, QueryCursor

from hartonomous_core.atomizers.extractors import symbol_queries
from hartonomous_core.atomizers.extractors.symbol_starts import Symbol, in_utf8, part_starts
from hartonomous_core.atomizers.languages import Language, language_named, language_of
from hartonomous_core.atomizers.sections import Partial, Section, shorten

MOST_ERRORS = 0.5
"""The share of a file that its grammar may not understand."""
_KINDS = ("function", "class", "module")
_CPP = re.compile(rb"^[ \t]*(?:class|namespace|template)\b", re.MULTILINE)
"""What C hardly has at the beginning of a line, and takes for something else where it does."""
_NAMES = re.compile(r"~?\w+(?:(?:::|\.)~?\w+)+")
"""Several in one, as `Buoy::flash_pattern`; others are no path, as `[Symbol.iterator]`."""
_STATEMENT = re.compile(rb"^[ \t]*(?:class|def|import|pass|raise|return|try|while)\b", re.MULTILINE)
_BETWEEN_NAMES = re.compile(r"::|\.")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield, without any text, what begins where: the `byte_offset` in UTF-8, the subtype, and {"symbol": its names}.

    Raises Partial at the end where the grammar does not understand most of it, and for Python whose end is missing.
    """
    data = in_utf8(stream, content_type)
    language = language_of(content_type)
    found = _Found.parse(data, language)
    if language.kin and (found.errors or _CPP.search(data)):
        of_kin = _Found.parse(data, language_named(language.kin))
        found = min(of_kin, found, key=lambda each: each.errors)
    yield from part_starts(data, found.symbols, found.comments, found.imports)
    if found.errors and language.name == "Python" and _is_cut_off(data):
        raise Partial("its end is missing: something in it is opened and never closed")
    if found.errors > MOST_ERRORS * len(data):
        raise Partial(f"most of it is not {language.name} as its grammar knows it, and that is cut between lines")


def _is_cut_off(data: bytes) -> bool:
    """Tell whether a program of Python ends within a string of several lines, or a bracket in which no other statement begins."""
    opened: list[int] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.OP and token.string in "([{":
                opened.append(token.start[0])
            elif token.type == tokenize.OP and token.string in ")]}" and opened:
                opened.pop()
    except tokenize.TokenError as error:
        if "multi-line string" in str(error) or "triple-quoted" in str(error):
            return True
        within = b"".join(data.splitlines(keepends=True)[opened[0] :]) if opened else b""
        return "EOF in multi-line statement" in str(error) and not _STATEMENT.search(within)
    except (SyntaxError, RecursionError):
        return False  # it is broken in another way
    return False


class _Found:
    """What a query finds in a tree."""

    def __init__(self, data: bytes) -> None:
        self.symbols: list[Symbol] = []
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
        self.symbols.append(Symbol(whole.start_byte, whole.end_byte, kind, tuple(names), name.start_byte))

    def _names(self, node: Node) -> list[str]:
        text = self._data[node.start_byte : node.end_byte].decode(errors="replace").strip("*& ()")
        names = _BETWEEN_NAMES.split(text) if _NAMES.fullmatch(text) else [text]
        return [shorten(name) for name in names if name]


@cache
def _grammar_and_query(language: Language) -> tuple[Grammar, Query]:
    """Make what a child asks again and again: of a large grammar, a query takes 50 ms to be compiled, more than most files to be read."""
    assert language.grammar is not None  # noqa: S101 - or its symbols are told elsewhere
    module, _, function = language.grammar.partition(":")
    grammar = Grammar(getattr(import_module(module), function)())
    return grammar, Query(grammar, getattr(symbol_queries, language.query))
