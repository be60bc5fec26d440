"""What people read in a text document of Office Open XML (.docx): its body under the path of its headings, then what stands beside it."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from hartonomous_core.atomizers.extractors.office_parts import LONGEST_TEXT, drawn, main_part, title
from hartonomous_core.atomizers.extractors.word_blocks import BODY_TEXT, Block, blocks, levels_of_styles
from hartonomous_core.atomizers.extractors.zipped_xml import Relationship, ZippedXml
from hartonomous_core.atomizers.sections import Section

LONGEST_SECTION = 64 * 1024
"""Characters: what is longer becomes several sections, so that no more than that and a block are in memory."""
MOST_REFERENCES = 100_000
_NOTES = {"footnotes": "footnote", "endnotes": "endnote", "comments": "comment"}
_MARGINS = ("header", "footer")

Places = dict[tuple[str, str], list[str]]
"""The path of the headings under which a note is referred to, by its kind and id."""


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield the title, what stands under each heading, and then what is beside the text.

    The locators: {"part": "title"}, {"heading": [the path of headings]} or none above the first heading; {"part": "footnote"}, "endnote" or
    "comment", with the path of the headings where it is referred to; {"part": "header"}, "footer", "diagram" or "chart". Raises Partial.
    """
    document = ZippedXml(stream)
    main = main_part(document, "word/document.xml")
    related = document.relationships(main)
    yield from title(document)
    styles = next((each.target for each in related if each.kind == "styles"), "")
    places: Places = {}
    yield from _body(blocks(document, main, levels_of_styles(document, styles)), places)
    for each in related:
        if each.kind in _NOTES and each.target in document:
            yield from _notes(document, each, places)
    yield from _margins(document, [each for each in related if each.kind in _MARGINS and each.target in document])
    yield from drawn(document, related, {})
    document.report()


class _Text:
    """The text of blocks in a row: rows of a table are lines, and anything else has a blank line around it."""

    def __init__(self) -> None:
        self.size = 0
        self._parts: list[str] = []
        self._ends_with_row = False

    def add(self, block: Block) -> None:
        if self._parts:
            self._parts.append("\n" if block.is_row and self._ends_with_row else "\n\n")
        self._parts.append(block.text)
        self._ends_with_row = block.is_row
        self.size += len(block.text) + 2

    def take(self) -> str:
        text = "".join(self._parts).strip()
        self._parts.clear()
        self.size = 0
        return text


def _body(found: Iterator[Block], places: Places) -> Iterator[Section]:
    path: list[tuple[int, str]] = []
    headings: list[str] = []
    text = _Text()
    for block in found:
        if (block.level < BODY_TEXT and block.text) or text.size > LONGEST_SECTION:
            yield from _section(text, {"heading": headings} if headings else {})
        if block.level < BODY_TEXT and block.text:
            path = [*(above for above in path if above[0] < block.level), (block.level, " ".join(block.text.split()))]
            headings = [heading for _, heading in path]
        for reference in islice(block.references, max(0, MOST_REFERENCES - len(places))):
            places.setdefault(reference, headings)
        text.add(block)
    yield from _section(text, {"heading": headings} if headings else {})


def _section(text: _Text, locator: dict[str, object]) -> Iterator[Section]:
    if said := text.take():
        yield Section(said, locator or None)


def _notes(document: ZippedXml, part: Relationship, places: Places) -> Iterator[Section]:
    """Yield each note by itself."""
    kind = _NOTES[part.kind]
    text, note = _Text(), ""
    for block in blocks(document, part.target, {}):
        if block.note != note or text.size > LONGEST_SECTION:
            yield from _section(text, _place_of_note(kind, note, places))
        note = block.note
        text.add(block)
    yield from _section(text, _place_of_note(kind, note, places))


def _place_of_note(kind: str, note: str, places: Places) -> dict[str, object]:
    headings = places.get((kind, note))
    return {"part": kind, "heading": headings} if headings else {"part": kind}


def _margins(document: ZippedXml, parts: list[Relationship]) -> Iterator[Section]:
    """Yield each header and footer once: every page and every chapter may have the same."""
    seen: set[bytes] = set()
    for each in parts:
        text = _Text()
        for block in blocks(document, each.target, {}):
            text.add(block)
            if text.size > LONGEST_TEXT:
                break
        said = text.take()
        if (digest := sha256(said.encode("utf-8", "replace")).digest()) not in seen and said:
            seen.add(digest)
            yield Section(said, {"part": each.kind})
