"""Breaks UTF-8 text into passages, or sentences, while it streams: where atoms end depends on the text alone, never on how it was read."""

from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import BinaryIO

from hartonomous_core.atomizers.charset_names import charset_parameter, is_utf8, media_type
from hartonomous_core.atomizers.cutting import PASSAGE_LIMITS, SENTENCE_LIMITS
from hartonomous_core.atomizers.passages import passages
from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES, Atom, Context
from hartonomous_core.atomizers.sentences import sentences
from hartonomous_core.atomizers.text_stream import LONGEST_SPACE, DecodedStream, Piece, Text
from hartonomous_core.vocabulary import GAP, TextUnit

_TEXT_TYPES = {
    "application/javascript",
    "application/json",
    "application/toml",
    "application/x-ndjson",
    "application/xml",
    "application/yaml",
}


class TextAtomizer:
    """Passages or sentences of UTF-8 text: modality 'text', subtype 'passage', 'sentence' or 'gap'."""

    name = "text"
    reads_text = True
    gives_text = True
    has_members = False

    def __init__(self, unit: TextUnit = "passage") -> None:
        self._unit: TextUnit = unit
        self._content_type = f"text/{unit}"

    @cached_property
    def version(self) -> str:
        """Own version, the unit with all that decides where it ends, and the version of the library that decides the boundaries."""
        least, most = PASSAGE_LIMITS if self._unit == "passage" else SENTENCE_LIMITS
        return f"2+{self._unit}-{least}-{most}+nupunkt-{version('nupunkt')}"

    def handles(self, content_type: str) -> bool:
        """True for text/*, JSON, NDJSON, XML, YAML, TOML and JavaScript, and for +json and +xml types, unless of another charset."""
        charset = charset_parameter(content_type)
        if charset is not None and not is_utf8(charset):
            return False
        kind = media_type(content_type)
        return kind.startswith("text/") or kind.endswith(("+json", "+xml")) or kind in _TEXT_TYPES

    def atomize(
        self, stream: BinaryIO, content_type: str = "text/plain", context: Context | None = None
    ) -> Iterator[Atom]:
        """Yield passages or sentences without surrounding white space; what separates two is the suffix of the first.

        A separator longer than 64 bytes, and white space or a byte order mark at the very start, becomes 'gap' atoms.
        Raises NotUtf8Error; what was yielded before it is only a part of the source.
        """
        for content, separator in pieces(DecodedStream(stream), self._unit):
            suffix = separator.encode()
            is_gap = not content or len(suffix) > MAX_SUFFIX_BYTES
            if content:
                coded = content.encode()
                yield Atom(coded, b"" if is_gap else suffix, "text", self._unit, self._content_type, content)
            if is_gap:
                yield from gaps(separator)


def gaps(separator: str) -> Iterator[Atom]:
    """Yield what separates others and is longer than a suffix, or before all of them, as atoms that nobody looks for."""
    for start in range(0, len(separator), LONGEST_SPACE):
        yield Atom(separator[start : start + LONGEST_SPACE].encode(), b"", "text", GAP, "text/plain", None)


def pieces(text: Text, unit: TextUnit) -> Iterator[Piece]:
    """Yield the passages or the sentences of a text.

    All contents and separators, in order, are the text.
    """
    return passages(text) if unit == "passage" else sentences(text, SENTENCE_LIMITS)
