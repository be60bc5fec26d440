"""What people read in OpenDocument files: texts (.odt) under their headings, sheets (.ods) some rows at a time, presentations (.odp) slide by
slide.

Left out is what tracked changes deleted.
"""

import re
from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.office_parts import join_lines, title
from hartonomous_core.atomizers.extractors.open_document_sheets import sections_of_sheets
from hartonomous_core.atomizers.extractors.text_under_headings import HeadedText
from hartonomous_core.atomizers.extractors.zipped_xml import START, TEXT, Event, ZippedXml, whole_number
from hartonomous_core.atomizers.sections import Partial, Section

LONGEST_BLOCK = 1024 * 1024
"""Characters of a paragraph with its notes, of a row of a table, of what is in a text box."""
MOST_MARGINS = 100
_SKIP = frozenset({"tracked-changes", "note-citation", "ruby-text", "page-number", "forms"})
_MEDIA = r"(?:Pictures|media)/[^/]+"
_PARAGRAPHS = {"p", "h", "desc"}
_WRITTEN_AS = {"tab": "\t", "line-break": "\n"}
_SPACE = re.compile(r"[ \t\r\n]+")
_BESIDE = {"note": "footnote", "annotation": "comment", "notes": "notes"}
_CELLS = {"table-cell", "covered-table-cell"}
_SHAPES = {"frame", "custom-shape", "text-box"}
_MARGINS = {
    "header": "header",
    "header-left": "header",
    "header-first": "header",
    "footer": "footer",
    "footer-left": "footer",
    "footer-first": "footer",
}


class _Block(NamedTuple):
    """kind: "paragraph", "row", "footnote", "endnote", "comment" or "notes"; or, without text, "page" or "shape", which ends here."""

    kind: str
    text: str = ""
    level: int = 0


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the title, and then of a text what stands under each heading, of a workbook the rows, of a presentation the slides; then the pictures.

    The locators: {"part": "title"}; {"heading": [the path of headings]}, with {"part": "footnote"}, "endnote" or "comment" those of notes;
    {"sheet": its name, "cells": such as "A1:D20"}; {"slide": its number}, with {"part": "notes"} or "comment" what is beside it;
    {"part": "header"} or "footer". Raises Partial.
    """
    document = ZippedXml(stream)
    if "content.xml" not in document:
        raise Partial("it does not hold a document")
    manifest = document.events("META-INF/manifest.xml") if "META-INF/manifest.xml" in document else iter(())
    if any(kind == START and name == "encryption-data" for kind, name, _ in manifest):
        raise Partial("it is encrypted with a password: kept as bytes")
    yield from title(document, "meta.xml")
    events = document.events("content.xml", _SKIP)
    inside_body = False
    for event in events:
        kind, name, _ = event
        if kind == START and inside_body:
            if name == "spreadsheet":
                yield from sections_of_sheets(document, events)
            elif name == "presentation":
                yield from _slides(_blocks(document, events))
            else:
                yield from _text(_blocks(document, chain([event], events)))  # it may be what is written itself
            break
        inside_body = inside_body or (kind == START and name == "body")
    yield from _margins(document)
    yield from document.files(_MEDIA, {})
    document.report()


def _blocks(document: ZippedXml, events: Iterator[Event]) -> Iterator[_Block]:
    """Yield what is written, in order; what is in a note, a text box or a shape before the paragraph that holds it."""
    paragraphs: list[list[str]] = []
    levels: list[int] = []
    around: list[list[str]] = []
    rows: list[list[str]] = []
    beside: list[str] = []
    size = 0
    for kind, name, said in events:
        if kind == TEXT:
            size += len(name)
            if paragraphs and size <= LONGEST_BLOCK:
                paragraphs[-1].append(_SPACE.sub(" ", name))
            continue
        if kind == START:
            size += 1
            if size > LONGEST_BLOCK:
                document.leave_out(
                    f"a paragraph or row has more than {LONGEST_BLOCK:,} characters, the rest of it is cut off"
                )
            if name in _PARAGRAPHS:
                paragraphs.append([])
                levels.append(whole_number(said.get("outline-level"), 1) if name == "h" else 0)
            elif name in _BESIDE:
                around.append([])
                paragraphs.append([])  # for who wrote it and when, which is no part of the paragraph around it
                beside.append("endnote" if said.get("note-class") == "endnote" else _BESIDE[name])
            elif name in _CELLS:
                around.append([])
            elif name == "table-row":
                rows.append([])
            elif name == "s" and paragraphs:
                paragraphs[-1].append(" " * min(whole_number(said.get("c"), 1), 100))
            elif name in _WRITTEN_AS and paragraphs:
                paragraphs[-1].append(_WRITTEN_AS[name])
            continue
        block: _Block | None = None
        if name in _PARAGRAPHS:
            block = _Block("paragraph", "".join(paragraphs.pop()).strip(), levels.pop())
        elif name in _CELLS:
            text = " ".join(filter(None, around.pop()))
            if rows and size <= LONGEST_BLOCK:
                rows[-1].append(text)
        elif name == "table-row":
            block = _Block("row", " | ".join(rows.pop()).strip(" |"))
        elif name in _BESIDE:
            paragraphs.pop()
            yield _Block(beside.pop(), "\n".join(around.pop()).strip())
        elif name == "page" or name in _SHAPES:
            yield _Block("page" if name == "page" else "shape")
        if block and not around:
            yield block
            size = 0
        elif block and size <= LONGEST_BLOCK:
            around[-1].append(block.text)


def _text(blocks: Iterator[_Block]) -> Iterator[Section]:
    """Yield what stands under each heading, and the notes in it after it."""
    text = HeadedText()
    for kind, said, level in blocks:
        if not said:
            continue
        if kind in ("paragraph", "row"):
            yield from text.add_heading(said, level) if level else text.add(said, is_row=kind == "row")
        elif kind != "shape":
            text.add_beside(said, kind)
    yield from text.finish()


def _slides(blocks: Iterator[_Block]) -> Iterator[Section]:
    number, size = 1, 0
    lines: list[str] = []
    beside: list[Section] = []
    for kind, said, _ in blocks:
        if kind in ("paragraph", "row", "shape"):
            lines.append(said)
        elif kind != "page":
            beside.append(Section(said, {"slide": number, "part": kind}))
        size += len(said) + 1
        if kind == "page" or size > LONGEST_BLOCK:
            if text := join_lines(lines):
                yield Section(text, {"slide": number})
            yield from (section for section in beside if section.text)
            lines, beside, size = [], [], 0
            number += kind == "page"


def _margins(document: ZippedXml) -> Iterator[Section]:
    """Yield each header and footer of the pages once."""
    seen: set[tuple[str, str]] = set()
    part = ""
    said: list[str] = []
    inside = False
    for kind, name, _ in document.events("styles.xml", _SKIP) if "styles.xml" in document else ():
        if kind == TEXT:
            if inside and len(said) < LONGEST_BLOCK // 1024:
                said.append(_SPACE.sub(" ", name))
        elif name in _MARGINS:
            text = "".join(said).strip()[:LONGEST_BLOCK]
            if kind != START and text and (part, text) not in seen and len(seen) < MOST_MARGINS:
                seen.add((part, text))
                yield Section(text, {"part": part})
            part = _MARGINS[name] if kind == START else ""
            said.clear()
        elif name in _PARAGRAPHS:
            inside = kind == START and bool(part)
            said.append("\n" if inside else "")
