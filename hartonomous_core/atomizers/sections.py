"""What people read in a document, section by section, and how it becomes derived atoms: cut as text is, each with its section's place."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from hartonomous_core.atomizers.protocol import Atom
from hartonomous_core.atomizers.text import pieces
from hartonomous_core.atomizers.text_stream import Text
from hartonomous_core.vocabulary import Modality, TextUnit

MOST_TEXT_BYTES = 256 * 1024 * 1024
"""Of all sections of a source together, in UTF-8: a small file may say that it holds far more than anybody wrote."""
MOST_SECTIONS = 1_000_000
LONGEST_WORDS = 200
"""Characters of a text in a locator, such as a heading; the rest is cut off."""
MOST_PARTS = 16
"""Of a list in a locator, such as the headings above a section; the last of them are kept."""
_MOST_LOCATOR_BYTES = 4096
MOST_PICTURE_BYTES = 256 * 1024


HeadingPath = list[tuple[int, str]]
"""The levels and titles of the headings that something stands under, from the outermost to the nearest."""


class Partial(Exception):
    """Why not all of a source can be searched, in words that a user understands.

    An extractor raises it where it cannot go on, or at its end where it left something out: what it yielded before is kept, and so are the
    bytes.
    """


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document in reading order, such as a page, a slide, a cell or what stands under a heading.

    text: what people read there; white space around it and between its passages does not matter.
    locator: where it is in the words of the format, such as {"page": 3}; must be JSON, and small.
    subtype: what its atoms are called; None: `passage` or `sentence`, as text is cut.
    modality: what kind of model embeds it: `text` or `code`.
    byte_offset: where the source holds `text` as it is, in UTF-8, if it does: its passages then say where their bytes are.
    """

    text: str
    locator: Mapping[str, object] | None = None
    subtype: str | None = None
    modality: Modality = "text"
    byte_offset: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What is seen in a source, made small: a file of at most `MOST_PICTURE_BYTES`, which is embedded, and shown beside a hit.

    content_type: such as image/jpeg.
    locator: which picture of the source it is, as of a `Section`.
    """

    content: bytes
    content_type: str
    locator: Mapping[str, object] | None = None


def under_heading(path: HeadingPath, level: int, title: str) -> HeadingPath:
    """Return the path below a heading that comes after others; the least level is the highest."""
    return [*(above for above in path if above[0] < level), (level, title)]


def titles_of(path: HeadingPath) -> list[str]:
    """Return the titles, as a locator names them."""
    return [title for _, title in path]


def shorten(words: str) -> str:
    """Return words of a locator, such as a heading, cut off where they are long."""
    return words if len(words) <= LONGEST_WORDS else f"{words[: LONGEST_WORDS - 1]}…"


def derived_atoms(sections: Iterable[Section | Picture], unit: TextUnit) -> Iterator[Atom]:
    """Yield the passages or sentences of each section in order: the same words in a text file are the same atoms. A picture is one atom.

    Raises Partial for more text or more sections than any document has, for a locator that is none, and for a picture that is too large.
    """
    size = 0
    for number, section in enumerate(sections, 1):
        if isinstance(section, Picture):
            yield _atom_of(section)
            continue
        section, length = _encodable(section)
        size += length
        if number > MOST_SECTIONS or size > MOST_TEXT_BYTES:
            raise Partial(f"it says more than {MOST_TEXT_BYTES:,} bytes of text or {MOST_SECTIONS:,} sections")
        yield from _atoms_of(section, unit)


def _atom_of(picture: Picture) -> Atom:
    if not 0 < len(picture.content) <= MOST_PICTURE_BYTES:
        raise Partial(f"a preview of it takes {len(picture.content):,} bytes")
    place = small(picture.locator) if picture.locator else None
    return Atom(picture.content, b"", "image", "preview", picture.content_type, None, "derived", place)


def _atoms_of(section: Section, unit: TextUnit) -> Iterator[Atom]:
    subtype = section.subtype or unit
    locator = small(section.locator) if section.locator else {}
    offset = section.byte_offset or 0
    for content, separator in pieces(Text(section.text), unit):
        coded = content.encode()
        if content:
            place = locator
            if section.byte_offset is not None:
                place = {**locator, "byteOffset": offset, "byteLength": len(coded)}
            content_type = f"{section.modality}/{subtype}"
            yield Atom(coded, b"", section.modality, subtype, content_type, content, "derived", place or None)
        offset += len(coded) + len(separator.encode())


def _encodable(section: Section) -> tuple[Section, int]:
    """Return a section whose text has no lone surrogates, which no encoding has: U+FFFD stands for each; and its bytes in UTF-8."""
    try:
        return section, len(section.text.encode())
    except UnicodeEncodeError:
        text = _without_surrogates(section.text)
        return Section(text, section.locator, section.subtype, section.modality), len(text.encode())


def _without_surrogates(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def small(locator: Mapping[str, object]) -> dict[str, object]:
    """Return a locator whose texts and lists are short. Raises Partial for one that is long all the same, or no JSON."""
    short = cast(dict[str, object], _shortened(locator))
    try:
        is_long = len(json.dumps(short, allow_nan=False)) > _MOST_LOCATOR_BYTES
    except (TypeError, ValueError, RecursionError) as problem:
        raise Partial(f"a place in it cannot be told: {problem}") from problem
    if is_long:
        raise Partial(f"a place in it takes more than {_MOST_LOCATOR_BYTES:,} bytes to tell")
    return short


def _shortened(value: object) -> object:
    if isinstance(value, str):
        return shorten(_without_surrogates(value))
    if isinstance(value, Mapping):
        return {key: _shortened(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_shortened(part) for part in value[-MOST_PARTS:]]
    return value
