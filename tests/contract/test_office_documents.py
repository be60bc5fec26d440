"""Office files and PDF through the whole chain: each is found by words that only what is read of it has, at their place, and rebuilt."""

import io
from collections.abc import Callable
from pathlib import Path

import docx
import odfdo
import openpyxl
import pptx
import pytest
from reportlab.pdfgen.canvas import Canvas

from hartonomous_assets import atoms, embeddings, projections, provenance
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of


@pytest.fixture
def home(make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles) -> Resources:
    return make_home(model_dir=model_dir)


def a_docx() -> bytes:
    document = docx.Document()
    document.add_heading("The harbour", 1)
    document.add_paragraph("Fog lies low over the quay, and the ferry does not sail before noon.")
    document.add_heading("Spring tides", 2)
    document.add_paragraph("At new moon the water in the harbour reaches its highest level of the month.")
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def an_xlsx() -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.title = "Landings"
    for row in (
        ["Vessel", "Species", "Port", "Kilograms"],
        ["The Pride of Lyme", "herring", "Porthleven", 1250],
        ["Gull, which has been in the hands of the same family since 1931", "mackerel", "Newlyn", 800],
        ["Hope", "lobster", "Brixham", 75],
    ):
        workbook.active.append(row)
    target = io.BytesIO()
    workbook.save(target)
    return target.getvalue()


def a_pptx() -> bytes:
    presentation = pptx.Presentation()
    for title, text in (
        ("The harbour", "Ferries leave every hour from the northern quay."),
        ("Pilots", "A pilot boards every ship of more than fifty metres two miles off the breakwater."),
    ):
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    target = io.BytesIO()
    presentation.save(target)
    return target.getvalue()


def an_odt() -> bytes:
    document = odfdo.Document("text")
    document.body.clear()
    document.body.append(odfdo.Header(1, "Lighthouse"))
    document.body.append(odfdo.Paragraph("The lamp was lit by gas until 1923, when electricity came to the island."))
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def an_rtf() -> bytes:
    return (
        rb"{\rtf1\ansi\ansicpg1252 \pard\outlinelevel0 Salvage\par\pard The wreck was raised in the summer of 1911 by two "
        rb"steam cranes and towed to K\'f6ln.\par}"
    )


def a_pdf() -> bytes:
    target = io.BytesIO()
    canvas = Canvas(target)
    for lines in (
        ["The harbour office is open from nine to five, except on holidays."],
        ["Ferries leave every hour from the northern quay."],
        [
            "Dredging of the channel begins in March, when the con-",
            "tractor has brought the barges round from Plymouth.",
        ],
    ):
        for number, line in enumerate(lines):
            canvas.drawString(72, 700 - 14 * number, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


@pytest.mark.parametrize(
    ("make", "name", "question", "place"),
    [
        (a_docx, "harbour.docx", "when is the water high", {"heading": ["The harbour", "Spring tides"]}),
        (an_xlsx, "landings", "how much lobster did the Hope land", {"sheet": "Landings", "cells": "A4:D4"}),
        (a_pptx, "talk", "where does the pilot come aboard", {"slide": 2}),
        (an_odt, "light", "when did the lamp become electric", {"heading": ["Lighthouse"]}),
        (an_rtf, "salvage", "how was the wreck lifted", {"heading": ["Salvage"]}),
        (a_pdf, "works", "who brings barges for dredging", {"page": 3, "box": [72.0, 683.3, 365.5, 711.3]}),
    ],
    ids=["docx", "xlsx", "pptx", "odt", "rtf", "pdf"],
)
def test_a_document_is_found_by_what_it_says(
    home: Resources, make: Callable[[], bytes], name: str, question: str, place: dict[str, object]
) -> None:
    data = make()
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri=name, contentType=None)])
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)

    found = search(home, question, mode="semantic")["results"][0]
    assert [(each["sourceUri"], each["locator"]) for each in found["sources"]] == [(name, place)]
    [source] = all_sources(home)
    shown = show_source(home, source["sourceId"])
    assert (shown["searchable"], shown["errorMessage"]) == (True, None)
    assert b"".join(reconstruct(home, source["sourceId"])) == data
    assert not verify_sources(home)["failed"]
