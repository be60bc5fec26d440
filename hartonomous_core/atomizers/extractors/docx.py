"""What people read in a text document of Office Open XML (.docx): its body under the path of its headings, then what stands beside it."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import islice
from typing import BinaryIO

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.office_parts import (
    LONGEST_TEXT,
    MEDIA,
    core_properties,
    drawn,
    main_part,
    title,
)
from hartonomous_core.atomizers.extractors.text_under_headings import LONGEST_SECTION, HeadedText
from hartonomous_core.atomizers.extractors.word_blocks import BODY_TEXT, Block, blocks, levels_of_styles
from hartonomous_core.atomizers.extractors.zipped_xml import Relationship, ZippedXml
from hartonomous_core.atomizers.sections import Section

MOST_REFERENCES = 100_000
_NOTES = {"footnotes": "footnote", "endnotes": "endnote", "comments": "comment"}
_MARGINS = ("header", "footer")

Places = dict[tuple[str, str], list[str]]
"""The path of the headings under which a note is referred to, by its kind and id."""


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the title, what stands under each heading, and then what is beside the text; then the pictures.

    The locators: {"part": "title"}, {"heading": [the path of headings]} or none above the first heading; {"part": "footnote"}, "endnote" or
    "comment", with the path of the headings where it is referred to; {"part": "header"}, "footer", "diagram" or "chart". Raises Partial.
    """
    document = ZippedXml(stream)
    main = main_part(document, "word/document.xml")
    related = document.relationships(main)
    yield from title(document, core_properties(document))
    styles = next((each.target for each in related if each.kind == "styles"), "")
    places: Places = {}
    yield from _body(blocks(document, main, levels_of_styles(document, styles)), places)
    for each in related:
        if each.kind in _NOTES and each.target in document:
            yield from _notes(document, each, places)
    yield from _margins(document, [each for each in related if each.kind in _MARGINS and each.target in document])
    yield from drawn(document, related, {})
    yield from document.files(MEDIA, {})
    document.report()


def _body(found: Iterator[Block], places: Places) -> Iterator[Section]:
    text = HeadedText()
    for block in found:
        if block.level < BODY_TEXT and block.text:
            yield from text.add_heading(block.text, block.level)
        else:
            yield from text.add(block.text, is_row=block.is_row)
        for reference in islice(block.references, max(0, MOST_REFERENCES - len(places))):
            places.setdefault(reference, text.headings)
    yield from text.end()


def _notes(document: ZippedXml, part: Relationship, places: Places) -> Iterator[Section]:
    """Yield each note by itself."""
    kind = _NOTES[part.kind]
    text, note = HeadedText(), ""
    for block in blocks(document, part.target, {}):
        if block.note != note or text.size > LONGEST_SECTION:
            yield from text.end(_place_of_note(kind, note, places))
        note = block.note
        yield from text.add(block.text, is_row=block.is_row)
    yield from text.end(_place_of_note(kind, note, places))


def _place_of_note(kind: str, note: str, places: Places) -> dict[str, object]:
    headings = places.get((kind, note))
    return {"part": kind, "heading": headings} if headings else {"part": kind}


def _margins(document: ZippedXml, parts: list[Relationship]) -> Iterator[Section]:
    """Yield each header and footer once: every page and every chapter may have the same."""
    seen: set[bytes] = set()
    for each in parts:
        text = HeadedText()
        for block in blocks(document, each.target, {}):
            list(text.add(block.text))
            if text.size > LONGEST_TEXT:
                break
        for section in text.end({"part": each.kind}):
            digest = sha256(section.text.encode("utf-8", "replace")).digest()
            if digest not in seen:
                seen.add(digest)
                yield section
