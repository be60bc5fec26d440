"""Reads the paragraphs and the rows of tables in a part of a .docx: its body, notes, headers, all have the same elements.

Left out is what tracked changes deleted, what is hidden, and of two ways to draw the same thing the second.
"""

from collections.abc import Iterator
from typing import NamedTuple

from hartonomous_core.atomizers.extractors.zipped_xml import START, TEXT, ZippedXml, whole_number

LONGEST_BLOCK = 1024 * 1024
"""Characters of a paragraph, or of a row of a table."""
MOST_STYLES = 10_000
"""The others are taken for styles of body text."""
_SKIP = frozenset({"del", "moveFrom", "Fallback", "rPrChange", "pPrChange", "tblPrChange", "sectPr", "rt"})
_WRITTEN_AS = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}
_REFERENCES = {"footnoteReference": "footnote", "endnoteReference": "endnote", "commentReference": "comment"}
_NOTES = {"footnote", "endnote", "comment"}
_OFF = {"0", "false", "off"}
BODY_TEXT = 9
"""The outline level of what is no heading; those of headings are 0 to 8, and -1 that of the title of the document."""


class Block(NamedTuple):
    """A paragraph, or a row of a table.

    references: the kinds and ids of the notes that it refers to.
    note: the id of the note that it is a part of.
    """

    text: str
    level: int
    is_row: bool
    references: list[tuple[str, str]]
    note: str


class _Open(NamedTuple):
    """What goes on behind a table or a text box within it: the paragraph, the row and the cell, and a cell around them."""

    paragraph: list[str]
    level: int
    row: list[str] | None
    cell: list[str] | None
    around: list[str] | None


def levels_of_styles(document: ZippedXml, member: str) -> dict[str, int]:
    """Return the outline level of each style of paragraphs that is one of headings."""
    own: dict[str, int] = {}
    based_on: dict[str, str] = {}
    style = ""
    for kind, name, said in document.events(member, frozenset({"rPr", "tblPr"})) if member in document else ():
        if kind != START:
            continue
        value = said.get("val", "")
        if name == "style":
            style = said.get("styleId", "")
            if len(own) + len(based_on) > MOST_STYLES:
                break
        elif name == "name" and value.lower() == "title":
            own[style] = -1
        elif name == "name" and value.lower().startswith("heading "):
            own[style] = whole_number(value[8:], BODY_TEXT + 1) - 1
        elif name == "basedOn":
            based_on[style] = value
        elif name == "outlineLvl":
            own[style] = whole_number(value, BODY_TEXT)
    for style in based_on:
        base = style
        for _ in range(10):  # styles may be based on each other in a circle
            if base in own:
                own.setdefault(style, own[base])
                break
            base = based_on.get(base, "")
    return {style: level for style, level in own.items() if level < BODY_TEXT}


def blocks(document: ZippedXml, member: str, levels: dict[str, int]) -> Iterator[Block]:
    """Yield the blocks of a part in order; those of a text box before the paragraph that holds it, and those in a cell in its row.

    levels: of the styles.
    """
    paragraph: list[str] = []
    level, size, note = BODY_TEXT, 0, ""
    row: list[str] | None = None
    cell: list[str] | None = None
    around: list[str] | None = None
    outside: list[_Open] = []
    references: list[tuple[str, str]] = []
    is_text = is_hidden = is_run = False
    for kind, name, said in document.events(member, _SKIP):
        if kind == TEXT:
            if is_text and not is_hidden:
                size += len(name)
                if size > LONGEST_BLOCK:
                    document.leave_out(
                        f"{member} has a paragraph or row of more than {LONGEST_BLOCK:,} characters, which is cut off"
                    )
                else:
                    paragraph.append(name)
            continue
        if kind == START:
            size += 1  # what has no text takes memory, too
            if size > LONGEST_BLOCK:
                continue
            if name == "t":
                is_text = True
            elif name == "r":
                is_run, is_hidden = True, False
            elif name == "vanish":
                is_hidden = is_run and said.get("val") not in _OFF
            elif name in _WRITTEN_AS and is_run and not is_hidden:
                paragraph.append(_WRITTEN_AS[name])
            elif name == "p":
                paragraph, level = [], BODY_TEXT
            elif name == "pStyle":
                level = levels.get(said.get("val", ""), BODY_TEXT)
            elif name == "outlineLvl":
                level = whole_number(said.get("val"), BODY_TEXT)
            elif name == "docPr" and said.get("descr"):
                paragraph.append(f" {said['descr']} ")
            elif name in _REFERENCES:
                references.append((_REFERENCES[name], said.get("id", "")))
            elif name in _NOTES:
                note = "" if "type" in said else said.get("id", "")
            elif name in ("tbl", "txbxContent"):
                outside.append(_Open(paragraph, level, row, cell, around))
                around, paragraph, row, cell = around if cell is None else cell, [], None, None
            elif name == "tr":
                row = []
            elif name == "tc":
                cell = []
        elif name == "t":
            is_text = False
        elif name == "r":
            is_run = is_hidden = False
        elif name == "p":
            text, paragraph = "".join(paragraph).strip(), []
            into = around if cell is None else cell
            if into is not None:
                into.append(text)
            elif text or references:
                yield Block(text, level, False, references, note)
                references, size = [], 0
            level = BODY_TEXT
        elif name == "tc" and cell is not None:
            if row is not None:
                row.append(" ".join(filter(None, cell)))
            cell = None
        elif name == "tr" and row is not None:
            text, row = " | ".join(row).strip(" |"), None
            if around is not None:
                around.append(text)
            elif text or references:
                yield Block(text, BODY_TEXT, True, references, note)
                references, size = [], 0
        elif name in ("tbl", "txbxContent") and outside:
            paragraph, level, row, cell, around = outside.pop()
