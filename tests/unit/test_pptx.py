"""What is read of a presentation: slide by slide, in their order, with what is beside them."""

import io
from typing import Any

import pptx
import pytest
from pptx.util import Inches

from hartonomous_core.atomizers.extractors import pptx as pptx_extractor
from tests.unit.zipped_files import PPTX, read, relationships, zipped


def sections(data: bytes) -> list[tuple[str, object]]:
    found, problem = read(data, PPTX)
    assert problem is None, problem
    return [(section.text, section.locator) for section in found if section.locator != {"part": "title"}]


def members(slide: str, **related: str) -> dict[str, str]:
    return {
        "_rels/.rels": relationships(officeDocument="ppt/presentation.xml"),
        "ppt/presentation.xml": "<p:presentation xmlns:p='p' xmlns:r='r'><p:sldIdLst><p:sldId r:id='slide2' id='9'/></p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": relationships(slide2="slides/s.xml"),
        "ppt/slides/s.xml": f"<p:sld xmlns:p='p' xmlns:a='a' xmlns:mc='m'>{slide}</p:sld>",
        "ppt/slides/_rels/s.xml.rels": relationships(**{kind: f"../{kind}.xml" for kind in related}),
        **{f"ppt/{kind}.xml": f"<p:x xmlns:p='p' xmlns:a='a'>{inside}</p:x>" for kind, inside in related.items()},
    }


def shape(text: str, placeholder: str = "") -> str:
    mark = f"<p:nvPr><p:ph type='{placeholder}'/></p:nvPr>" if placeholder else ""
    return f"<p:sp>{mark}<p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"


def test_slides_are_read_in_the_order_of_the_presentation() -> None:
    presentation = pptx.Presentation()
    for title in ("First", "Second", "Third"):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"{title} point\nand another"
    slide.notes_slide.notes_text_frame.text = "Speak slowly."
    table = slide.shapes.add_table(2, 2, 0, 0, Inches(3), Inches(1)).table
    for cell, text in zip(table.iter_cells(), ("From", "To", "Lyme", "Axminster"), strict=True):
        cell.text = text
    order = presentation.slides._sldIdLst
    order.insert(0, order[2])
    target = io.BytesIO()
    presentation.save(target)
    assert sections(target.getvalue()) == [
        ("Third\n\nThird point\nand another\n\nFrom | To\nLyme | Axminster", {"slide": 1}),
        ("Speak slowly.", {"slide": 1, "part": "notes"}),
        ("First\n\nFirst point\nand another", {"slide": 2}),
        ("Second\n\nSecond point\nand another", {"slide": 3}),
    ]


@pytest.mark.parametrize(
    ("slide", "expected"),
    [
        (shape("x") + shape("17", "sldNum") + shape("today", "dt"), [("x", {"slide": 1})]),
        (
            shape("x") + shape("In confidence", "ftr"),
            [("x", {"slide": 1}), ("In confidence", {"slide": 1, "part": "footer"})],
        ),
        (shape("17", "sldNum") + shape("after"), [("after", {"slide": 1})]),
        (
            "<p:pic><p:cNvPr descr='A boat at the quay'/></p:pic>" + shape("x"),
            [("A boat at the quay\n\nx", {"slide": 1})],
        ),
        (
            "<p:sp><a:p><a:r><a:t>a</a:t></a:r><a:br/><a:r><a:t>b</a:t></a:r></a:p><a:p/><a:p/></p:sp>",
            [("a\nb", {"slide": 1})],
        ),
        (
            f"<mc:AlternateContent><mc:Choice>{shape('one')}</mc:Choice><mc:Fallback>{shape('one')}</mc:Fallback></mc:AlternateContent>",
            [("one", {"slide": 1})],
        ),
        ("<p:sp><a:tr/><a:tc/><a:t/></p:sp>", []),
    ],
)
def test_odd_slides(slide: str, expected: list[tuple[str, object]]) -> None:
    assert sections(zipped(members(slide))) == expected


def test_comments_and_diagrams_of_a_slide() -> None:
    data = members(
        shape("x"),
        comments1="<p:cm><p:text>Old comment</p:text></p:cm>",
        comments2="<p:cm><p:txBody><a:p><a:r><a:t>New comment</a:t></a:r></a:p></p:txBody></p:cm>",
        diagramData="<a:p><a:r><a:t>Step one</a:t></a:r></a:p>",
    )
    assert sections(zipped(data)) == [
        ("x", {"slide": 1}),
        ("Step one", {"slide": 1, "part": "diagram"}),
        ("Old comment", {"slide": 1, "part": "comment"}),
        ("New comment", {"slide": 1, "part": "comment"}),
    ]


HOSTILE: dict[str, tuple[Any, str]] = {
    "no slide": ({**members(""), "ppt/_rels/presentation.xml.rels": relationships()}, "there is no slide 1"),
    "slide missing": (
        {k: v for k, v in members("").items() if k[4:] != "slides/s.xml"},
        "s.xml is read in part: it is not there",
    ),
    "slide damaged": (members(shape("kept") + "<"), "s.xml is read in part: "),
    "notes damaged": (members(shape("kept"), notesSlide="&x;"), "ppt/notesSlide.xml is read in part"),
    "a slide is its notes": (
        {
            **members(shape("kept")),
            "ppt/slides/_rels/s.xml.rels": relationships(notesSlide="s.xml", diagramData="s.xml"),
        },
        "",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_presentation_that_is_damaged(name: str) -> None:
    data, reason = HOSTILE[name]
    found, problem = read(zipped(data), PPTX)
    assert (problem is None) if not reason else (problem is not None and reason in problem)
    if "kept" in str(data.get("ppt/slides/s.xml")):
        assert found[0].text == "kept"


def test_a_slide_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pptx_extractor, "LONGEST_SLIDE", 100)
    found, problem = read(zipped(members(shape("fog ") * 90)), PPTX)
    assert problem is not None and "is cut off" in problem
    assert 10 < len(found[0].text) < 120
