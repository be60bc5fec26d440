"""What is read of a workbook of Excel: which rows together, what their cells show, and where they stand."""

import io
from datetime import date, datetime, time
from typing import Any

import openpyxl
import pytest
from openpyxl.chart import BarChart, Reference
from openpyxl.comments import Comment

from hartonomous_core.atomizers import Section
from hartonomous_core.atomizers.extractors import sheet_rows, xlsx_cells
from hartonomous_core.atomizers.extractors.sheet_rows import Cell, Row, range_of, sections_of_sheet
from tests.unit.zipped_files import XLSX, read, relationships, zipped


def saved(workbook: openpyxl.Workbook) -> bytes:
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def sections(data: bytes) -> list[tuple[str, object]]:
    found, problem = read(data, XLSX)
    assert problem is None, problem
    return [(section.text, section.locator) for section in found if section.locator != {"part": "title"}]


def sheet_of(*rows: list[Any]) -> openpyxl.Workbook:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    return workbook


def members(rows: str, shared: str = "", styles: str = "", properties: str = "") -> dict[str, str]:
    return {
        "_rels/.rels": relationships(officeDocument="xl/workbook.xml"),
        "xl/workbook.xml": f"<workbook xmlns:r='r'>{properties}<sheets><sheet name='S' sheetId='1' r:id='worksheet1'/></sheets></workbook>",
        "xl/_rels/workbook.xml.rels": relationships(worksheet1="s.xml", sharedStrings="t.xml", styles="y.xml"),
        "xl/s.xml": f"<worksheet><sheetData>{rows}</sheetData></worksheet>",
        "xl/t.xml": f"<sst>{shared}</sst>",
        "xl/y.xml": f"<styleSheet>{styles}</styleSheet>",
    }


def test_every_value_stands_beside_the_name_of_its_column() -> None:
    workbook = openpyxl.Workbook()
    sales = workbook.active
    sales.title = "Sales"
    sales["B2"] = "Sales of the harbour"
    for column, name in enumerate(("Item", "Price", "Sold on"), 2):
        sales.cell(4, column, name)
    sales["B5"], sales["C5"], sales["D5"] = (
        "Rope of hemp, twenty fathoms long, tarred twice and wound",
        12.5,
        date(2026, 3, 1),
    )
    sales["B6"], sales["D6"], sales["E6"] = "Lantern", datetime(2026, 3, 2, 14, 30), True
    sales["B5"].comment = Comment("Who wants hemp?", "Ada")
    empty = workbook.create_sheet("Empty")
    chart = BarChart()
    chart.title = "Catch of the year"
    chart.add_data(Reference(sales, min_col=3, min_row=4, max_row=6), titles_from_data=True)
    empty.add_chart(chart, "A1")
    assert sections(saved(workbook)) == [
        ("Sales\nSales of the harbour", {"sheet": "Sales", "cells": "B2"}),
        (
            "Item | Price | Sold on\nItem: Rope of hemp, twenty fathoms long, tarred twice and wound; Price: 12.5; Sold on: 2026-03-01",
            {"sheet": "Sales", "cells": "B4:D5"},
        ),
        ("Item: Lantern; Sold on: 2026-03-02 14:30; TRUE", {"sheet": "Sales", "cells": "B6:E6"}),
        ("Who wants hemp?", {"sheet": "Sales", "cells": "B5", "part": "comment"}),
        ("Catch of the year", {"sheet": "Empty", "part": "chart"}),
    ]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            "<row r='1'><c r='A1' t='inlineStr'><is><r><t>Gr</t></r><r><t>ey</t></r><rPh><t>no</t></rPh></is></c></row>",
            "Grey",
        ),
        ("<row><c t='s'><v>1</v></c><c t='s'><v>0</v></c><c t='s'><v>9</v></c></row>", "two | one"),
        (
            "<row><c><f>1+1</f><v>2</v></c><c t='str'><f>A1</f><v>sum</v></c><c t='e'><v>#DIV/0!</v></c></row>",
            "2 | sum | #DIV/0!",
        ),
        (
            "<row><c><v>0.30000000000000004</v></c><c><v>1E-3</v></c><c><v>12345678901234567</v></c></row>",
            "0.3 | 1E-3 | 1.23456789012346e+16",
        ),
        (
            "<row><c t='b'><v>1</v></c><c t='b'><v>0</v></c><c t='d'><v>2026-03-01</v></c></row>",
            "TRUE | FALSE | 2026-03-01",
        ),
        (
            "<row><c s='1'><v>46082</v></c><c s='1'><v>46082.604166667</v></c><c s='2'><v>0.5</v></c></row>",
            "2026-03-01 | 2026-03-01 14:30 | 12:00:00",
        ),
        (
            "<row><c s='3'><v>46082</v></c><c s='4'><v>46082</v></c><c s='5'><v>1.5</v></c></row>",
            "2026-03-01 | 46082 | 1.5",
        ),
        (
            "<row><c s='1'><v>-1</v></c><c s='1'><v>1e300</v></c><c s='1'><v>nan</v></c><c s='1'><v>words</v></c></row>",
            "-1 | 1e+300 | nan | words",
        ),
        ("<row><c r='!!'><v>1</v></c><c r='ABCDEFG1'><v>2</v></c><c r=''><v>3</v></c></row>", ""),
        ("<row r='x'><c t='s'><v>x</v></c><c t='s'><v>-1</v></c><c s='-1'><v>5</v></c></row>", "5"),
        ("<row><c t='str'><v>a_x000D_b _x00e9_</v></c></row>", "a b é"),
        ("<row><c><v> </v></c><c/></row><row/>", ""),
    ],
)
def test_what_cells_show(rows: str, expected: str) -> None:
    styles = """<numFmts><numFmt numFmtId='164' formatCode='yyyy\\-mm\\-dd "at" hh:mm'/><numFmt numFmtId='165' formatCode='mmm yy'/>
        <numFmt numFmtId='166' formatCode='0.00 "days"'/><numFmt numFmtId='167' formatCode='[h]:mm'/></numFmts>
        <cellStyleXfs><xf numFmtId='14'/></cellStyleXfs>
        <cellXfs><xf numFmtId='0'/><xf numFmtId='164'/><xf numFmtId='20'/><xf numFmtId='165'/><xf numFmtId='166'/><xf numFmtId='167'/></cellXfs>"""
    data = zipped(members(rows, "<si><t>one</t></si><si><r><t>t</t></r><r><t>wo</t></r></si>", styles))
    assert "".join(text for text, _ in sections(data)).removeprefix("S\n") == expected


def test_dates_count_from_1904_where_the_workbook_says_so() -> None:
    styles = "<cellXfs><xf numFmtId='14'/></cellXfs>"
    data = zipped(
        members("<row><c s='0'><v>44620</v></c></row>", styles=styles, properties="<workbookPr date1904='1'/>")
    )
    assert sections(data) == [("S\n2026-03-01", {"sheet": "S", "cells": "A1"})]
    workbook = sheet_of([date(2026, 3, 1), time(14, 30), datetime(2026, 3, 1, 9, 5)])
    assert sections(saved(workbook))[0][0] == "Sheet\n2026-03-01 | 14:30:00 | 2026-03-01 09:05"


def rows_of(*rows: list[str | int], first: int = 1) -> list[Row]:
    return [
        Row(number, [Cell(column, str(value), isinstance(value, str)) for column, value in enumerate(row)])
        for number, row in enumerate(rows, first)
    ]


def text_of(found: list[Section]) -> str:
    return "\n".join(section.text for section in found)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (rows_of(["Name", "Age"], ["Ada", 36]), "Name | Age\nName: Ada; Age: 36"),
        (rows_of(["Staff"], ["Name", "Age"], ["Ada", 36]), "Staff\nName | Age\nName: Ada; Age: 36"),
        (rows_of([1, 2], [3, 4]), "1 | 2\n3 | 4"),
        (rows_of(["same", "same"], ["a", "b"], ["c", "d"]), "same | same\na | b\na: c; b: d"),
        (rows_of(["a", "b"], [1, 2]) + rows_of(["c", "d"], [3, 4], first=4), "a | b\na: 1; b: 2\nc | d\nc: 3; d: 4"),
        (rows_of(["a", "b"], ["x", "y"]) + rows_of(["c", "d"], first=4), "a | b\na: x; b: y\na: c; b: d"),
        (rows_of(["a", "b"], [1, "two\nlines", 3]), "a | b\na: 1; b: two lines; 3"),
        (rows_of(["a" * 61, "b"], [1, 2]), f"{'a' * 61} | b\n1 | 2"),
        ([], ""),
    ],
)
def test_which_row_names_the_columns(rows: list[Row], expected: str) -> None:
    assert text_of(list(sections_of_sheet("S", rows))) == (f"S\n{expected}" if rows else "")


def test_a_row_put_in_changes_the_section_where_it_is() -> None:
    rows = rows_of(["Name", "Number"], *([f"Ship {number}", number * 7] for number in range(2000)))
    before = [section.text for section in sections_of_sheet("Fleet", rows)]
    after = {
        section.text for section in sections_of_sheet("Fleet", [rows[0], *rows_of(["Tug", 1], first=2), *rows[1:]])
    }
    assert len(set(before) - after) <= 4
    sizes = [len(text) for text in before[:-1]]
    assert max(sizes) < sheet_rows.MOST_BYTES + 100 and 50 <= sum(sizes) / len(sizes) <= 110


@pytest.mark.parametrize(
    ("place", "expected"),
    [((1, 0, 1, 0), "A1"), ((1, 0, 20, 3), "A1:D20"), ((9, 25, 9, 26), "Z9:AA9"), ((1, 701, 1, 16383), "ZZ1:XFD1")],
)
def test_ranges_are_said_as_in_excel(place: tuple[int, int, int, int], expected: str) -> None:
    assert range_of(*place) == expected


HOSTILE: dict[str, tuple[Any, str]] = {
    "no sheet": ({**members(""), "xl/_rels/workbook.xml.rels": relationships()}, "there is no sheet S"),
    "sheet missing": (
        {k: v for k, v in members("").items() if k != "xl/s.xml"},
        "xl/s.xml is read in part: it is not there",
    ),
    "sheet damaged": (members("<row><c><v>7</v></c></row></x>"), "xl/s.xml is read in part: "),
    "texts damaged": (members("<row><c><v>7</v></c></row>", "<si><t>a"), "xl/t.xml is read in part"),
    "binary": (
        {"_rels/.rels": relationships(officeDocument="xl/workbook.bin"), "xl/workbook.bin": "x"},
        "binary workbook",
    ),
    "a sheet is itself": (
        {**members(""), "xl/_rels/s.xml.rels": relationships(drawing="s.xml", chart="s.xml", comments="s.xml")},
        "",
    ),
    "styles damaged": (members("<row><c><v>7</v></c></row>", styles="&x;"), "xl/y.xml is read in part"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_workbook_that_is_damaged(name: str) -> None:
    data, reason = HOSTILE[name]
    found, problem = read(zipped(data), XLSX)
    assert (problem is None) if not reason else (problem is not None and reason in problem)
    if "7" in str(data.get("xl/s.xml")):
        assert found[0].text == "S\n7"


def test_rows_and_texts_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_cells, "LONGEST_ROW", 5)
    monkeypatch.setattr(xlsx_cells, "MOST_SHARED", 2)
    found, problem = read(
        zipped(members("<row>" + "<c t='s'><v>1</v></c>" * 9 + "</row>", "<si><t>abc</t></si>" * 9)), XLSX
    )
    assert problem is not None and "shared texts" in problem
    assert found[0].text == "S\nabc | abc"
