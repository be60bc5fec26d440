"""What is read of a text document of Word: where, in which order, and what is left out."""

import io

import docx
import pytest

from tests.unit.zipped_files import DOCX, docx_members, paragraph, read, texts, zipped

HEADING = '<w:pStyle w:val="Berschrift1"/>'
STYLES = """<w:style w:styleId="Berschrift1"><w:name w:val="heading 1"/></w:style>
<w:style w:styleId="Mine"><w:name w:val="Mine"/><w:basedOn w:val="Berschrift2"/></w:style>
<w:style w:styleId="Berschrift2"><w:name w:val="heading 2"/></w:style>
<w:style w:styleId="A"><w:basedOn w:val="B"/></w:style><w:style w:styleId="B"><w:basedOn w:val="A"/></w:style>"""


def sections(body: str, **parts: str) -> list[tuple[str, object]]:
    found, problem = read(zipped(docx_members(body, **parts)), DOCX)
    assert problem is None
    return [(section.text, section.locator) for section in found]


def test_a_document_is_read_under_its_headings() -> None:
    document = docx.Document()
    document.core_properties.title = "The harbour of Lyme"
    document.core_properties.comments = ""
    document.add_heading("The harbour", 1)
    document.add_paragraph("Fog lies low\tover the harbour.")
    document.add_heading("Spring tides", 2)
    document.add_paragraph("The water is high at new moon.")
    table = document.add_table(2, 2)
    for cell, text in zip(table._cells, ("From", "To", "Lyme", "Axminster"), strict=True):
        cell.text = text
    commented = document.add_paragraph("Ask the pilot.")
    document.add_comment(commented.runs, "Which one?", "Ada")
    document.add_heading("Trains", 1)
    document.add_paragraph("None since 1965.")
    document.sections[0].header.paragraphs[0].text = "Harbour office"
    document.sections[0].footer.paragraphs[0].text = "In confidence"
    target = io.BytesIO()
    document.save(target)

    found, problem = read(target.getvalue(), DOCX)
    assert problem is None
    assert [(section.text, section.locator) for section in found] == [
        ("The harbour of Lyme", {"part": "title"}),
        ("The harbour\n\nFog lies low\tover the harbour.", {"heading": ["The harbour"]}),
        (
            "Spring tides\n\nThe water is high at new moon.\n\nFrom | To\nLyme | Axminster\n\nAsk the pilot.",
            {"heading": ["The harbour", "Spring tides"]},
        ),
        ("Trains\n\nNone since 1965.", {"heading": ["Trains"]}),
        ("Which one?", {"part": "comment", "heading": ["The harbour", "Spring tides"]}),
        ("Harbour office", {"part": "header"}),
        ("In confidence", {"part": "footer"}),
    ]


def test_notes_say_under_which_heading_they_are_referred_to() -> None:
    reference = '<w:p><w:r><w:t>Tides</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>'
    notes = f"""<w:footnote w:id="0" w:type="separator"><w:p/></w:footnote>
        <w:footnote w:id="2">{paragraph("See the almanac.")}{paragraph("Of 1824.")}</w:footnote>
        <w:footnote w:id="3">{paragraph("Never referred to.")}</w:footnote>"""
    assert sections(paragraph("Moon", HEADING) + reference, styles=STYLES, footnotes=notes) == [
        ("Moon\n\nTides", {"heading": ["Moon"]}),
        ("See the almanac.\n\nOf 1824.", {"part": "footnote", "heading": ["Moon"]}),
        ("Never referred to.", {"part": "footnote"}),
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"{paragraph('kept')}<w:p><w:del><w:r><w:delText>gone</w:delText></w:r></w:del></w:p>", "kept"),
        (
            "<w:p><w:moveFrom><w:r><w:t>from</w:t></w:r></w:moveFrom><w:moveTo><w:r><w:t>to</w:t></w:r></w:moveTo></w:p>",
            "to",
        ),
        ("<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>", "inserted"),
        ("<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r><w:r><w:t>shown</w:t></w:r></w:p>", "shown"),
        ('<w:p><w:r><w:rPr><w:vanish w:val="0"/></w:rPr><w:t>shown</w:t></w:r></w:p>', "shown"),
        (
            "<w:p><w:r><w:instrText>PAGE</w:instrText><w:t>1</w:t><w:br/><w:t>2</w:t><w:noBreakHyphen/></w:r></w:p>",
            "1\n2\u2011",
        ),
        (
            '<w:p><w:pPr><w:tabs><w:tab w:val="left"/></w:tabs></w:pPr><w:r><w:tab/><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p>',
            "a\tb",
        ),
        (
            "<w:p><w:r><mc:AlternateContent><mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Choice>"
            "<mc:Fallback><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Fallback></mc:AlternateContent>"
            "</w:r><w:r><w:t>anchor</w:t></w:r></w:p>",
            "box\n\nanchor",
        ),
        (
            "<w:tbl><w:tr><w:tc><w:p/><w:tbl><w:tr><w:tc><w:p><w:r><w:t>in</w:t></w:r></w:p></w:tc></w:tr></w:tbl><w:p/></w:tc>"
            "<w:tc><w:p><w:r><w:t>out</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
            "in | out",
        ),
        (
            '<w:p><w:r><w:drawing><wp:docPr id="1" descr="A boat at the quay"/></w:drawing></w:r></w:p>',
            "A boat at the quay",
        ),
        ("<w:sdt><w:sdtContent><w:p><w:r><w:t>form</w:t></w:r></w:p></w:sdtContent></w:sdt>", "form"),
        ("<w:p><w:r><w:t>caf&#233; &lt;&amp;&gt; a</w:t></w:r></w:p>", "café <&> a"),
        ("<w:p/><w:p><w:r/></w:p>", ""),
        ("</w:body><w:p><w:r><w:t>behind</w:t></w:r></w:p><w:body>", "behind"),
        ("<w:tr/><w:tc/><w:t>x</w:t><w:tbl/><w:p><w:r><w:t>y</w:t></w:r></w:p>", "y"),
    ],
)
def test_odd_elements(body: str, expected: str) -> None:
    assert texts(zipped(docx_members(body)), DOCX) == expected


def test_styles_that_are_based_on_headings_are_headings() -> None:
    body = (
        paragraph("One", HEADING)
        + paragraph("Two", '<w:pStyle w:val="Mine"/>')
        + paragraph("Circle", '<w:pStyle w:val="A"/>')
    )
    body += paragraph("Three", '<w:outlineLvl w:val="1"/>') + paragraph(
        "Body", '<w:pStyle w:val="Mine"/><w:outlineLvl w:val="9"/>'
    )
    assert [place for _, place in sections(body, styles=STYLES)] == [
        {"heading": ["One"]},
        {"heading": ["One", "Two"]},
        {"heading": ["One", "Three"]},
    ]


def test_the_same_header_is_read_once_and_a_long_part_in_pieces() -> None:
    body = "".join(paragraph(f"Line {number} of the log book.") for number in range(5000))
    found = sections(body, header1=paragraph("Log"), header2=paragraph("Log"), header3=paragraph("Other log"))
    assert [place for _, place in found[-2:]] == [{"part": "header"}] * 2
    assert max(len(text) for text, _ in found) < 66_000
    assert "\n\n".join(text for text, _ in found[:-2]).count("of the log book.") == 5000


def test_diagrams_and_charts_are_read() -> None:
    members = docx_members(paragraph("x"), diagramData="", chart="")
    members["word/diagramData.xml"] = (
        "<m xmlns:a='a'><a:p><a:r><a:t>Step </a:t></a:r><a:r><a:t>one</a:t></a:r></a:p></m>"
    )
    members["word/chart.xml"] = (
        "<c><t><p><t>Catch</t></p></t><cat><strCache><pt><v>Herring</v></pt></strCache></cat><numCache><pt><v>17</v></pt></numCache></c>"
    )
    found, problem = read(zipped(members), DOCX)
    assert problem is None
    assert [(each.text, each.locator) for each in found[1:]] == [
        ("Step one", {"part": "diagram"}),
        ("Catch\nHerring", {"part": "chart"}),
    ]


def test_parts_may_have_any_name_and_any_prefix() -> None:
    members = {
        "_rels/.rels": '<r:Relationships xmlns:r="x"><r:Relationship Id="a" Type="http://purl.oclc.org/x/officeDocument" Target="/a/b.xml"/>'
        "</r:Relationships>",
        "a/b.xml": "<document xmlns='x'><body><p><r><t>found</t></r></p></body></document>",
    }
    assert texts(zipped(members), DOCX) == "found"
