"""What is read of OpenDocument texts, workbooks and presentations."""

import io
from typing import Any

import odfdo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import open_document, open_document_sheets
from tests.unit.zipped_files import read, zipped

TYPE = "application/vnd.oasis.opendocument."
ODT, ODS, ODP = f"{TYPE}text", f"{TYPE}spreadsheet", f"{TYPE}presentation"
NAMESPACES = " ".join(
    f"xmlns:{prefix}='{prefix}'"
    for prefix in ["office", "text", "table", "draw", "presentation", "svg", "dc", "style", "meta"]
)


def saved(document: odfdo.Document) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def members(kind: str, inside: str, **others: str) -> dict[str, str]:
    content = f"<office:document-content {NAMESPACES}><office:body><office:{kind}>{inside}</office:{kind}></office:body></office:document-content>"
    return {"mimetype": f"{TYPE}{kind}", "content.xml": content} | {
        f"{name}.xml": f"<office:document {NAMESPACES}>{text}</office:document>" for name, text in others.items()
    }


def sections(data: bytes, kind: str = ODT) -> list[tuple[str, object]]:
    found, problem = read(data, kind)
    assert problem is None, problem
    return [(section.text, section.locator) for section in found if section.locator != {"part": "title"}]


def test_a_text_that_a_program_made_is_read_under_its_headings() -> None:
    document = odfdo.Document("text")
    body = document.body
    body.clear()
    body.append(odfdo.Header(1, "The harbour"))
    body.append(odfdo.Paragraph("Fog lies low."))
    body.append(odfdo.Header(2, "Spring tides"))
    noted = odfdo.Paragraph("The water is high at new moon.")
    noted.insert_note(after="moon", note_id="n1", citation="1", body="Says the almanac.")
    body.append(noted)
    table = odfdo.Table("Trains", width=2, height=2)
    table.set_values([["From", "To"], ["Lyme", "Axminster"]])
    body.append(table)
    body.append(odfdo.Header(1, "Trains"))
    body.append(odfdo.Paragraph("None since 1965."))
    data = saved(document)
    assert sniff(data[:8192], "") == ODT
    assert [each for each in sections(data) if "part" not in each[1] or each[1]["part"] == "footnote"] == [  # type: ignore[operator,index]
        ("The harbour\n\nFog lies low.", {"heading": ["The harbour"]}),
        (
            "Spring tides\n\nThe water is high at new moon.\n\nFrom | To\nLyme | Axminster",
            {"heading": ["The harbour", "Spring tides"]},
        ),
        ("Says the almanac.", {"part": "footnote", "heading": ["The harbour", "Spring tides"]}),
        ("Trains\n\nNone since 1965.", {"heading": ["Trains"]}),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "<text:p>a\n   b<text:s text:c='3'/>c<text:tab/>d<text:line-break/>e <text:span>f</text:span></text:p>",
            "a b   c\td\ne f",
        ),
        ("<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p>kept</text:p>", "kept"),
        (
            "<text:p>x<draw:frame><draw:text-box><text:p>box</text:p></draw:text-box></draw:frame>y</text:p>",
            "box\n\nxy",
        ),
        ("<text:p><draw:frame><draw:image/><svg:desc>A boat</svg:desc></draw:frame></text:p>", "A boat"),
        ("<text:list><text:list-item><text:p>one</text:p></text:list-item></text:list>", "one"),
        (
            "<table:table><table:table-row><table:table-cell><text:p>a</text:p><table:table><table:table-row><table:table-cell>"
            "<text:p>in</text:p></table:table-cell></table:table-row></table:table></table:table-cell><table:covered-table-cell/>"
            "<table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table>",
            "a in |  | b",
        ),
        ("<text:h>no level</text:h><text:p/>", "no level"),
        ("<table:table-cell><text:p>lost</text:p></table:table-cell><text:p>kept</text:p>", "kept"),
    ],
)
def test_odd_texts(body: str, expected: str) -> None:
    assert "\n".join(text for text, _ in sections(zipped(members("text", body)))) == expected


def test_comments_margins_and_what_a_text_says_of_itself() -> None:
    body = "<text:h text:outline-level='1'>A</text:h><text:p>x<office:annotation><dc:creator>Ada</dc:creator><text:p>Why?</text:p>"
    body += "</office:annotation><text:note text:note-class='endnote'><text:note-citation>i</text:note-citation><text:note-body>"
    body += "<text:p>End.</text:p></text:note-body></text:note></text:p>"
    margins = "<style:header><text:p>Harbour <text:page-number>1</text:page-number></text:p></style:header>"
    data = members(
        "text",
        body,
        styles=margins * 2 + "<style:footer><text:p>Office</text:p></style:footer>",
        meta="<dc:title>Tides</dc:title>",
    )
    found, problem = read(zipped(data), ODT)
    assert problem is None
    assert [(each.text, each.locator) for each in found] == [
        ("Tides", {"part": "title"}),
        ("A\n\nx", {"heading": ["A"]}),
        ("Why?", {"part": "comment", "heading": ["A"]}),
        ("End.", {"part": "endnote", "heading": ["A"]}),
        ("Harbour", {"part": "header"}),
        ("Office", {"part": "footer"}),
    ]


def test_a_workbook_is_read_by_rows() -> None:
    document = odfdo.Document("spreadsheet")
    document.body.clear()
    table = odfdo.Table("Sales")
    table.set_values([["Item", "Price"], ["Rope", 12.5], ["Lantern", 7]])
    document.body.append(table)
    data = saved(document)
    assert sniff(data[:8192], "") == ODS
    [(text, place), *_] = sections(data, ODS)
    assert place == {"sheet": "Sales", "cells": "A1:B3"}
    assert text.splitlines()[:2] == ["Sales", "Item | Price"] and text.splitlines()[2].startswith(
        "Item: Rope; Price: 12.5"
    )


def cell(text: str, attributes: str = "office:value-type='string'") -> str:
    return f"<table:table-cell {attributes}><text:p>{text}</text:p></table:table-cell>"


def row(*cells: str, attributes: str = "") -> str:
    return f"<table:table-row {attributes}>{''.join(cells)}</table:table-row>"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (row(cell("1,234.50 €", "office:value-type='float' office:value='1234.5'")), [("S\n1,234.50 €", "A1")]),
        (
            row(
                "<table:table-cell table:number-columns-repeated='3'/>", cell("x", "table:number-columns-repeated='2'")
            ),
            [("S\nx | x", "D1:E1")],
        ),
        (
            row("<table:table-cell/>", attributes="table:number-rows-repeated='1048000'") + row(cell("late")),
            [("S\nlate", "A1048001")],
        ),
        (
            row(cell("x"), attributes="table:number-rows-repeated='1000000'") + row(cell("y")),
            [("S\nx\ny", "A1:A1000001")],
        ),
        (row(cell("x", "table:number-columns-repeated='999999999'")), None),
        (row(cell("two</text:p><text:p>lines")), [("S\ntwo lines", "A1")]),
        (row(), []),
    ],
)
def test_odd_rows(rows: str, expected: list[tuple[str, str]] | None) -> None:
    found = sections(zipped(members("spreadsheet", f"<table:table table:name='S'>{rows}</table:table>")), ODS)
    if expected is None:
        assert found[0][0].count("x") == 16_384
    else:
        assert found == [(text, {"sheet": "S", "cells": cells}) for text, cells in expected]


def test_comments_and_text_boxes_of_a_sheet_come_after_its_rows() -> None:
    note = "<office:annotation><dc:date>2026</dc:date><text:p>Who?</text:p></office:annotation>"
    boxes = (
        "<table:shapes><draw:frame><draw:text-box><text:p>A box</text:p></draw:text-box></draw:frame></table:shapes>"
    )
    sheet = f"<table:table table:name='S'>{boxes}{row(cell('a'), f'<table:table-cell>{note}<text:p>b</text:p></table:table-cell>')}</table:table>"
    assert sections(zipped(members("spreadsheet", sheet + sheet.replace("'S'", "'T'"))), ODS) == [
        (text, {"sheet": name, **place})
        for name in "ST"
        for text, place in (
            (f"{name}\na | b", {"cells": "A1:B1"}),
            ("A box", {"part": "drawing"}),
            ("Who?", {"cells": "B1", "part": "comment"}),
        )
    ]


def test_a_presentation_is_read_slide_by_slide() -> None:
    page = (
        "<draw:page><draw:frame><draw:text-box><text:p>{0}</text:p><text:p>point</text:p></draw:text-box></draw:frame>"
    )
    page += "<draw:custom-shape><text:p>shape</text:p></draw:custom-shape>"
    page += "<presentation:notes><draw:page-thumbnail/><draw:frame><draw:text-box><text:p>say {0}</text:p></draw:text-box></draw:frame>"
    page += "</presentation:notes></draw:page>"
    data = zipped(members("presentation", page.format("One") + "<draw:page/>" + page.format("Three")))
    assert sections(data, ODP) == [
        ("One\npoint\n\nshape", {"slide": 1}),
        ("say One", {"slide": 1, "part": "notes"}),
        ("Three\npoint\n\nshape", {"slide": 3}),
        ("say Three", {"slide": 3, "part": "notes"}),
    ]


GOOD = members("text", "<text:p>Fog lies low.</text:p>")
HOSTILE: dict[str, tuple[Any, str]] = {
    "no content": ({"mimetype": ODT}, "does not hold a document"),
    "encrypted": (
        {
            **GOOD,
            "content.xml": b"\x01\x02",
            "META-INF/manifest.xml": "<m:manifest xmlns:m='m'><m:encryption-data/></m:manifest>",
        },
        "encrypted with a password",
    ),
    "damaged": ({**GOOD, "content.xml": GOOD["content.xml"][:-40]}, "content.xml is read in part: no element found"),
    "entities": ({**GOOD, "content.xml": "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"}, "document type"),
    "styles damaged": ({**GOOD, "styles.xml": "<"}, "styles.xml is read in part"),
    "manifest damaged": ({**GOOD, "META-INF/manifest.xml": "<"}, "META-INF/manifest.xml is read in part"),
    "words outside of a text": (
        {**GOOD, "content.xml": GOOD["content.xml"].replace("<office:text>", "").replace("</office:text>", "")},
        "",
    ),
    "no body": ({**GOOD, "content.xml": "<a/>"}, ""),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_is_damaged_or_means_harm(name: str) -> None:
    data, reason = HOSTILE[name]
    found, problem = read(zipped(data), ODT)
    assert (problem is None) if not reason else (problem is not None and reason in problem)
    if "Fog" in str(data.get("content.xml")):
        assert found[0].text == "Fog lies low."


def test_paragraphs_rows_and_comments_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_document, "LONGEST_BLOCK", 100)
    found, problem = read(
        zipped(members("text", f"<text:p>{'fog <text:s/>' * 200}</text:p><text:p>kept</text:p>")), ODT
    )
    assert problem is not None and "the rest of it is cut off" in problem
    assert len(found[0].text) < 250 and found[0].text.endswith("kept")
    monkeypatch.setattr(open_document_sheets, "LONGEST_ROW", 100)
    monkeypatch.setattr(open_document_sheets, "MOST_WAITING", 2)
    note = f"<table:table-cell><office:annotation><text:p>Who?</text:p></office:annotation><text:p>{'fog ' * 90}</text:p></table:table-cell>"
    found, problem = read(
        zipped(
            members("spreadsheet", f"<table:table table:name='S'>{row(cell('kept'), note, cell('x'))}</table:table>")
        ),
        ODS,
    )
    assert problem == "sheet S has more comments than are read"
    assert found[0].text == "S\nkept"


FUZZED = zipped(members("text", f"<text:p>a</text:p>{row(cell('b'))}"), 0)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.integers(0, len(FUZZED)), st.binary(max_size=6), st.integers(0, 40), st.sampled_from([ODT, ODS, ODP]))
def test_bytes_that_change_anywhere_raise_nothing(at: int, new: bytes, removed: int, kind: str) -> None:
    read(FUZZED[:at] + new + FUZZED[at + removed :], kind)
