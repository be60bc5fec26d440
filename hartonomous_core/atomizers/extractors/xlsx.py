"""What people read in a workbook of Office Open XML (.xlsx): sheet by sheet some rows at a time, and what is written on the cells."""

from collections.abc import Iterator
from datetime import datetime
from typing import BinaryIO

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.office_parts import (
    LONGEST_TEXT,
    MEDIA,
    Places,
    core_properties,
    drawn,
    main_part,
    note_pictures,
    title,
)
from hartonomous_core.atomizers.extractors.sheet_rows import sections_of_sheet
from hartonomous_core.atomizers.extractors.xlsx_cells import Book, SharedTexts, date_styles, rows
from hartonomous_core.atomizers.extractors.zipped_xml import END, START, TEXT, ZippedXml
from hartonomous_core.atomizers.sections import Partial, Section

MOST_SHEETS = 10_000
LONGEST_NAME = 255


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the title, and of each sheet its rows, comments, text boxes and charts; then the pictures.

    The locators: {"part": "title"}, {"sheet": its name, "cells": such as "A1:D20"}, with {"part": "comment"} those of comments;
    {"sheet": its name, "part": "drawing" or "chart"}; {"sheet": the first that has it} a picture. Raises Partial.
    """
    workbook = ZippedXml(stream)
    main = main_part(workbook, "xl/workbook.xml")
    if main.endswith(".bin"):
        raise Partial("it is a binary workbook (.xlsb), which is not read: kept as bytes")
    related = workbook.relationships(main)
    by_id = {each.id: each for each in related}
    by_kind = {each.kind: each.target for each in related}
    yield from title(workbook, core_properties(workbook))
    sheets, first_day = _sheets(workbook, main)
    book = Book(
        SharedTexts(workbook, by_kind.get("sharedStrings", "")),
        date_styles(workbook, by_kind.get("styles", "")),
        first_day,
    )
    places: Places = {}
    for name, id_ in sheets:
        if id_ not in by_id:
            workbook.leave_out(f"there is no sheet {name}")
            continue
        member = by_id[id_].target
        if by_id[id_].kind == "worksheet":
            yield from sections_of_sheet(name, rows(workbook, member, book))
        for each in workbook.relationships(member):
            if each.kind == "comments" and each.target in workbook:
                yield from _comments(workbook, each.target, name)
            elif each.kind == "drawing" and each.target in workbook:
                beside = workbook.relationships(each.target)
                yield from drawn(workbook, [each, *beside], {"sheet": name})
                note_pictures(workbook, beside, {"sheet": name}, places)
    yield from workbook.files(MEDIA, places)
    workbook.report()


def _sheets(workbook: ZippedXml, main: str) -> tuple[list[tuple[str, str]], datetime]:
    """Return the name and the id of each sheet, and the day from which dates count."""
    found: list[tuple[str, str]] = []
    first_day = datetime(1899, 12, 30)
    for kind, name, said in workbook.events(main):
        if kind != START:
            continue
        if name == "workbookPr" and said.get("date1904") in ("1", "true"):
            first_day = datetime(1904, 1, 1)
        elif name == "sheet" and len(found) < MOST_SHEETS:
            found.append((said.get("name", "")[:LONGEST_NAME], said.get("id", "")))
    return found, first_day


def _comments(workbook: ZippedXml, member: str, sheet: str) -> Iterator[Section]:
    cell, inside, size = "", False, 0
    parts: list[str] = []
    for kind, name, said in workbook.events(member):
        if kind == TEXT:
            if inside and size < LONGEST_TEXT:
                parts.append(name)
                size += len(name)
        elif name == "t":
            inside = kind == START
        elif name == "comment":
            if kind == END and (text := "".join(parts).strip()):
                yield Section(text, {"sheet": sheet, "cells": cell, "part": "comment"})
            cell, size = said.get("ref", ""), 0
            parts.clear()
