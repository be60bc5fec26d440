"""What people read in a presentation of Office Open XML (.pptx): slide by slide what is on it, its notes, its comments."""

from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.office_parts import (
    MEDIA,
    Places,
    core_properties,
    drawn,
    join_lines,
    main_part,
    note_pictures,
    title,
)
from hartonomous_core.atomizers.extractors.zipped_xml import START, TEXT, ZippedXml
from hartonomous_core.atomizers.sections import Section

MOST_SLIDES = 20_000
MOST_FOOTERS = 100
LONGEST_SLIDE = 1024 * 1024
"""Characters; a slide or its notes is one section."""
_SKIP = frozenset({"Fallback", "txStyles"})
_OF_THE_PROGRAM = {"sldNum", "dt", "sldImg"}
"""Placeholders that say nothing of the author's."""
_MARGINS = {"ftr", "hdr"}
_BESIDE = {"notesSlide": "notes", "comments": "comment"}


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the title, and of each slide in order its text, diagrams and charts, notes and comments; then the pictures.

    The locators: {"part": "title"}, {"slide": its number, from 1 on}, and with it {"part": "notes"}, "comment", "diagram" or "chart";
    {"slide": the first that has it, "part": "footer"} once; {"slide": the first that has it} a picture. Raises Partial.
    """
    presentation = ZippedXml(stream)
    main = main_part(presentation, "ppt/presentation.xml")
    by_id = {each.id: each.target for each in presentation.relationships(main) if each.kind == "slide"}
    yield from title(presentation, core_properties(presentation))
    footers: set[str] = set()
    places: Places = {}
    for number, id_ in enumerate(_slides(presentation, main), 1):
        if id_ not in by_id:
            presentation.leave_out(f"there is no slide {number}")
            continue
        text, footer = _text(presentation, by_id[id_])
        if text:
            yield Section(text, {"slide": number})
        if footer and footer not in footers and len(footers) < MOST_FOOTERS:
            footers.add(footer)
            yield Section(footer, {"slide": number, "part": "footer"})
        related = presentation.relationships(by_id[id_])
        yield from drawn(presentation, related, {"slide": number})
        note_pictures(presentation, related, {"slide": number}, places)
        for each in related:
            if each.kind in _BESIDE and each.target in presentation and (beside := _text(presentation, each.target)[0]):
                yield Section(beside, {"slide": number, "part": _BESIDE[each.kind]})
    yield from presentation.files(MEDIA, places)
    presentation.report()


def _slides(presentation: ZippedXml, main: str) -> list[str]:
    """Return the ids of the slides in their order."""
    found: list[str] = []
    for kind, name, said in presentation.events(main):
        if kind == START and name == "sldId" and len(found) < MOST_SLIDES:
            found.append(said.get("id", ""))
    return found


def _text(presentation: ZippedXml, member: str) -> tuple[str, str]:
    """Return what is written on a slide, on its notes or in its comments, and what in its footer.

    Paragraphs are lines, and so are rows of tables; shapes have a blank line between them, pictures the words that describe them.
    """
    lines: list[str] = []
    footer: list[str] = []
    paragraph: list[str] = []
    row: list[str] | None = None
    cell: list[str] = []
    placeholder, size = "", 0
    is_text = False
    for kind, name, said in presentation.events(member, _SKIP):
        if kind == TEXT:
            if is_text:
                size += len(name)
                paragraph.append(name)
        elif name in ("t", "text"):
            is_text = kind == START
        elif kind == START:
            size += 1
            if name == "br":
                paragraph.append("\n")
            elif name == "ph":
                placeholder = said.get("type", "")
            elif name == "cNvPr" and said.get("descr"):
                size += len(said["descr"])
                lines.append(said["descr"])
            elif name == "tr":
                row = []
            elif name == "tc":
                cell = []
        elif name in ("p", "cm"):
            text = "".join(paragraph).strip()
            paragraph.clear()
            if row is not None:
                cell.append(text)
            elif placeholder in _MARGINS:
                footer.append(text)
            elif placeholder not in _OF_THE_PROGRAM:
                lines.append(text)
        elif name == "tc" and row is not None:
            row.append(" ".join(filter(None, cell)))
        elif name == "tr" and row is not None:
            lines.append(" | ".join(row).strip(" |"))
            row = None
        elif name in ("sp", "graphicFrame", "pic"):
            lines.append("")
            placeholder = ""
        if size > LONGEST_SLIDE:
            presentation.leave_out(f"{member} says more than {LONGEST_SLIDE:,} characters, which is cut off")
            break
    return join_lines(lines), " ".join(filter(None, footer))[:LONGEST_SLIDE]
