"""Source code: its text cut where its symbols begin, such as functions and classes, so that one that is moved is the same atom elsewhere."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import charset_parameter, is_utf8, media_type, text_is_read
from hartonomous_core.atomizers.chunks import SIZES_OF_TEXT, ChunkAtomizer
from hartonomous_core.atomizers.cutting import Limits
from hartonomous_core.atomizers.document_atomizer import (
    ALONE,
    NOT_INSTALLED,
    Format,
    installed_version,
)
from hartonomous_core.atomizers.encoded_text import EncodedTextAtomizer
from hartonomous_core.atomizers.languages import Language
from hartonomous_core.atomizers.line_groups import line_groups, lines_of_text
from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES, Atom, Context, Extraction
from hartonomous_core.atomizers.sections import Partial, Section
from hartonomous_core.atomizers.text import gaps
from hartonomous_core.atomizers.text_stream import LONGEST_SPACE, DecodedStream, NotUtf8Error, Text, read_all
from hartonomous_core.vocabulary import GAP

CODE_LIMITS = Limits(400, 2000)
"""Bytes. A longer symbol is cut at the symbols in it, and what has none between lines."""
MOST_BYTES = 2 * 1024 * 1024
"""Of a file that is parsed, for which its tree may take a hundred times as much memory; a larger one is cut between lines."""
MOST_SYMBOLS = 200_000
_WORD = re.compile(r"\w")
_LINES = "lines"
"""The subtype of what is no symbol."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a part of a file begins: at a byte of its text in UTF-8, and the symbol whose part it is, from the outermost."""

    offset: int
    subtype: str = _LINES
    symbol: tuple[str, ...] = ()


class CodeAtomizer:
    """Text of one language: modality `code`, subtypes `function`, `class`, `imports` and `lines`.

    The locator is {"symbol": ["Class", "method"], "lines": [12, 30]}, without symbol where it is in none. Text that is not UTF-8 is
    chunks, and beside them the same, derived.
    """

    reads_text = True
    gives_text = True
    has_members = False

    def __init__(self, language: Language) -> None:
        self._language = language
        self._chunks = ChunkAtomizer(SIZES_OF_TEXT)
        self._format = Format(
            "code",
            "2",
            language.content_types,
            f"hartonomous_core.atomizers.extractors.{'symbols' if language.grammar else 'sql_objects'}:extract",
            in_child=bool(language.grammar),  # a native parser, which may meet what it was not written for
        )

    @property
    def name(self) -> str:
        """`code-` and the language."""
        return f"code-{self._language.query.lower()}"

    @cached_property
    def version(self) -> str:
        """Own version, those of the parser and of the grammar, and that of what cuts bytes in another encoding."""
        own = "+".join((self._format.version, *(f"{name}-{found}" for name, found in self._libraries.items())))
        return f"{own} of chunks {self._chunks.version}"

    @cached_property
    def _libraries(self) -> dict[str, str]:
        return {each: installed_version(each) for each in self._language.distributions}

    def handles(self, content_type: str) -> bool:
        """True for the types of the language, in UTF-8 or in a charset that is read."""
        return media_type(content_type) in self._language.content_types and text_is_read(content_type)

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield the atoms; the parser is run by the extraction of the context, which says where symbols begin, and no byte depends on it.

        Raises Partial, after all of them, where not all was parsed; NotUtf8Error, and UnicodeDecodeError for another charset.
        """
        starts, reason = self._starts(stream, content_type, (context or ALONE).extract)
        stream.seek(0)
        text = _SymbolText(starts)
        charset = charset_parameter(content_type)
        if charset is None or is_utf8(charset):
            yield from text.atomize(stream, content_type)
        else:
            yield from EncodedTextAtomizer(self._chunks, text).atomize(stream, content_type)
        if reason:
            raise Partial(reason)

    def _starts(
        self, stream: BinaryIO, content_type: str, extraction: Extraction
    ) -> tuple[Sequence[Start] | None, str | None]:
        """Return where parts begin, None where the file is too large for it; and why not all of it was parsed."""
        if stream.seek(0, 2) > MOST_BYTES:
            return None, f"of more than {MOST_BYTES:,} bytes of code no symbols are told: it is cut between lines"
        stream.seek(0)
        starts = [Start(0)]
        if NOT_INSTALLED in self._libraries.values():
            return (
                starts,
                "symbols are told of code where pip install 'hartonomous[code]' was run: it is cut between lines",
            )
        try:
            for item in extraction(self._format, stream, content_type):
                if len(starts) > MOST_SYMBOLS:
                    raise Partial(f"only its first {MOST_SYMBOLS:,} symbols are told")
                if isinstance(item, Section) and (item.byte_offset or 0) >= starts[-1].offset:
                    if item.byte_offset == starts[-1].offset:
                        starts.pop()
                    names = item.locator["symbol"] if item.locator else []
                    starts.append(Start(item.byte_offset or 0, item.subtype or _LINES, tuple(names)))  # type: ignore[arg-type]
        except Partial as problem:
            return starts, str(problem)
        return starts, None


class _SymbolText:
    """UTF-8 text of which is known where its parts begin; None: nothing is, and it is read line by line."""

    name = "symbols"
    version = "1"
    reads_text = True
    gives_text = True
    has_members = False

    def __init__(self, starts: Sequence[Start] | None) -> None:
        self._starts = starts

    def handles(self, content_type: str) -> bool:
        """True: whoever makes it has looked."""
        return True

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield the parts without surrounding white space; what separates two, with whatever holds no word, is the suffix of the first.

        A part that is a gap separates, too, whatever its words.
        """
        before: Atom | None = None
        separator = ""
        line = 1
        for piece, start in self._pieces(stream):
            content = piece.strip()
            if start.subtype == GAP or not _WORD.search(content):
                separator += piece
                line += piece.count("\n")
                if len(separator) > LONGEST_SPACE:
                    yield from _with_separator(before, separator)
                    before, separator = None, ""
                continue
            space = piece[: len(piece) - len(piece.lstrip())]
            yield from _with_separator(before, separator + space)
            separator = piece[len(space) + len(content) :]
            first = line + space.count("\n")
            line += piece.count("\n")
            before = _atom(content, start, first)
        yield from _with_separator(before, separator)

    def _pieces(self, stream: BinaryIO) -> Iterator[tuple[str, Start]]:
        if self._starts is None:
            text = DecodedStream(stream)
            yield from ((space, Start(0)) for space in text.space_at_start())
            yield from ((piece, Start(0)) for piece in line_groups(lines_of_text(text), CODE_LIMITS))
            return
        data = read_all(stream)
        for start, offset, end in _spans(data, self._starts):
            try:
                text_ = Text(data[offset:end].decode())
            except UnicodeDecodeError as error:
                raise NotUtf8Error(offset + error.start) from error
            if offset == 0:
                yield from ((space, start) for space in text_.space_at_start())
            yield from ((piece, start) for piece in line_groups(lines_of_text(text_), CODE_LIMITS))


def _spans(data: bytes, starts: Sequence[Start]) -> Iterator[tuple[Start, int, int]]:
    """Yield each start with the bytes from which and to which it goes, all of them together the data."""
    ends = [_at_character(data, start.offset) for start in starts[1:]]
    for start, (offset, end) in zip(starts, pairwise([0, *ends, len(data)]), strict=True):
        yield start, offset, end


def _at_character(data: bytes, offset: int) -> int:
    """Return where the character begins that this byte belongs to; no grammar is trusted to know."""
    offset = min(offset, len(data))
    while 0 < offset < len(data) and data[offset] & 0xC0 == 0x80:
        offset -= 1
    return offset


def _atom(content: str, start: Start, first_line: int) -> Atom:
    lines = [first_line, first_line + content.count("\n")]
    locator = {"symbol": list(start.symbol), "lines": lines} if start.symbol else {"lines": lines}
    content_type = f"code/{start.subtype}"
    return Atom(content.encode(), b"", "code", start.subtype, content_type, content, locator=locator)


def _with_separator(before: Atom | None, separator: str) -> Iterator[Atom]:
    """Yield an atom, if there is one, and what separates it from the next: its suffix, or where that is too long by itself."""
    suffix = separator.encode()
    if before is not None:
        is_short = len(suffix) <= MAX_SUFFIX_BYTES
        yield replace(before, suffix=suffix) if is_short else before
        if is_short:
            return
    yield from gaps(separator)
