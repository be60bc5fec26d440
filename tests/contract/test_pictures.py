"""Pictures in documents through the stages: sources of their own with their place, each once, rebuilt like the document."""

import io
from collections.abc import Callable
from typing import Any

import docx
import odfdo
import openpyxl
import pptx
import pytest
from openpyxl.drawing.image import Image as SheetImage
from reportlab.pdfgen.canvas import Canvas

from hartonomous_assets import atoms, provenance, source_members
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.ingest import submit
from hartonomous_service.source_records import list_sources, reconstruct, show_source, verify_sources
from tests.backends import rows
from tests.builders import enqueue, request
from tests.stages import run_stages_of
from tests.unit.drawn_pictures import noise, opened, place, saved
from tests.unit.pdf_files import drawn, write
from tests.unit.zipped_files import with_flag, zipped

JPEG, PNG = saved(noise(), "JPEG"), saved(noise("RGBA"), "PNG")


def take_in(home: Resources, data: bytes, uri: str) -> None:
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri=uri, metadata={"project": "sea"})])
    run_stages_of(home, landing.STAGE, atoms.STAGE, provenance.STAGE)


def found(home: Resources, uri: str) -> dict[str, dict[str, Any]]:
    """What is in a source, by its name in there."""
    listed = list_sources(home, uri_prefix=f"{uri}!/")["sources"]
    return {row["sourceUri"].partition("!/")[2]: show_source(home, row["sourceId"]) for row in listed}


def bytes_of(home: Resources, source: dict[str, Any]) -> bytes:
    return b"".join(reconstruct(home, source["sourceId"]))


def report(*pages: str, x: float = 50) -> bytes:
    """The same logo on every page, and a picture with transparency on the last."""

    def draw(canvas: Canvas) -> None:
        for number, text in enumerate(pages, 1):
            write(canvas, 72, 700, text)
            place(canvas, JPEG, x)
            if number == len(pages):
                place(canvas, noise("RGBA"), 200, 300)
            canvas.showPage()

    return drawn(draw)


def test_pictures_of_a_pdf_are_sources_that_say_their_page(home: Resources, client: Any) -> None:
    data = report("Fog lies low.", "The ferry waits.", "Noon.")
    take_in(home, data, "log.pdf")

    pictures = found(home, "log.pdf")
    assert {name: each["metadata"] for name, each in pictures.items()} == {
        "page-1-picture-1.jpg": {"project": "sea", "locator": {"page": 1, "box": [50.0, 50.0, 110.0, 90.0]}},
        "page-3-picture-1.png": {"project": "sea", "locator": {"page": 3, "box": [200.0, 300.0, 260.0, 340.0]}},
    }
    assert {each["contentType"] for each in pictures.values()} == {"image/jpeg", "image/png"}
    assert bytes_of(home, pictures["page-1-picture-1.jpg"]) == JPEG
    assert opened(bytes_of(home, pictures["page-3-picture-1.png"])).tobytes() == noise("RGBA").tobytes()
    [whole] = [row for row in list_sources(home)["sources"] if row["sourceUri"] == "log.pdf"]
    assert bytes_of(home, whole) == data
    derived = rows(client, "SELECT DISTINCT ParentSourceId AS p FROM Source WHERE ParentSourceId IS NOT NULL")
    assert [row["p"] for row in derived] == [whole["sourceId"]]
    assert not verify_sources(home)["failed"]


def test_of_a_new_version_what_is_unchanged_is_the_same_source_where_it_stands_now(home: Resources) -> None:
    take_in(home, report("Fog lies low."), "log.pdf")
    before = found(home, "log.pdf")
    take_in(home, report("Fog has gone.", x=90), "log.pdf")
    after = found(home, "log.pdf")
    assert {name: each["sourceId"] for name, each in after.items()} == {
        name: each["sourceId"] for name, each in before.items()
    }
    assert after["page-1-picture-1.jpg"]["metadata"]["locator"] == {"page": 1, "box": [90.0, 50.0, 150.0, 90.0]}


def a_docx() -> bytes:
    document = docx.Document()
    document.add_paragraph("Fog lies low.")
    document.add_picture(io.BytesIO(JPEG))
    document.add_picture(io.BytesIO(PNG))
    return _saved(document)


def a_pptx() -> bytes:
    presentation = pptx.Presentation()
    for picture in (None, JPEG, PNG, JPEG):
        slide = presentation.slides.add_slide(presentation.slide_layouts[5])
        slide.shapes.title.text = "Fog lies low."
        if picture:
            slide.shapes.add_picture(io.BytesIO(picture), 0, 0)
    return _saved(presentation)


def an_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.append(["Fog lies low."])
    for name, data in (("Logo", JPEG), ("Chart", PNG)):
        workbook.create_sheet(name).add_image(SheetImage(io.BytesIO(data)), "B2")
    return _saved(workbook)


def an_odt() -> bytes:
    document = odfdo.Document("text")
    document.body.append(odfdo.Paragraph("Fog lies low."))
    for name, data in (("a.jpg", JPEG), ("b.png", PNG)):
        document.set_part(f"Pictures/{name}", data)
        document.manifest.add_full_path(f"Pictures/{name}", "image/jpeg")
    return _saved(document)


def _saved(document: Any) -> bytes:
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "places"),
    [
        (a_docx, [None, None]),
        (a_pptx, [{"slide": 2}, {"slide": 3}]),
        (an_xlsx, [{"sheet": "Logo"}, {"sheet": "Chart"}]),
        (an_odt, [None, None]),
    ],
    ids=["docx", "pptx", "xlsx", "odt"],
)
def test_pictures_of_office_files_are_sources(home: Resources, make: Callable[[], bytes], places: list[Any]) -> None:
    data = make()
    take_in(home, data, "log")
    pictures = list(found(home, "log").values())
    assert sorted(bytes_of(home, each) for each in pictures) == sorted([JPEG, PNG])
    by_bytes = {bytes_of(home, each): each["metadata"].get("locator") for each in pictures}
    assert [by_bytes[JPEG], by_bytes[PNG]] == places
    [whole] = [row for row in list_sources(home)["sources"] if row["sourceUri"] == "log"]
    assert bytes_of(home, whole) == data
    assert (whole["searchable"], whole["errorMessage"]) == (True, None)


def test_a_picture_that_cannot_be_read_is_left_out_and_said(home: Resources) -> None:
    data = with_flag(a_docx(), "word/media/image1.jpg", 1)
    take_in(home, data, "log")
    [whole] = [row for row in list_sources(home)["sources"] if row["sourceUri"] == "log"]
    assert whole["errorMessage"] == "partial: 1 file in it was left out: word/media/image1.jpg: it is encrypted"
    assert [bytes_of(home, each) for each in found(home, "log").values()] == [PNG]
    assert bytes_of(home, whole) == data


def test_what_a_document_may_hold_is_what_is_left_to_it(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 3)
    take_in(home, zipped({"one.pdf": report("One."), "two.pdf": report("Two."), "three.txt": b"Three."}), "a.zip")
    inside = {row["sourceUri"]: row for row in list_sources(home)["sources"]}
    assert len(inside) == 4
    for name in ("one.pdf", "two.pdf"):
        assert inside[f"member:a.zip!/{name}"]["errorMessage"] == "partial: none of the files in it were taken in"


def test_pictures_of_a_document_can_be_searched(home: Resources) -> None:
    data = report("Fog lies low.")
    submit(home, data, source_uri="log.pdf")
    run_stages_of(home, atoms.STAGE)
    counts = submit(home, data, source_uri="log.pdf")["members"]
    assert (counts["sources"], counts["notSearchable"], counts["reasons"]) == (2, 0, [])
