"""Documents through the whole chain, on every backend: found by what people read in them, rebuilt to the last byte."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from hartonomous_assets import atoms, embeddings, projections, provenance
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers import Format, Partial, Section
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.other_packages import installed
from tests.stages import all_sources, run_stages_of
from tests.unit.test_html_pages import PAGE


@pytest.fixture
def home(make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles) -> Resources:
    return make_home(model_dir=model_dir, atom_batch_size=3)


def run(home: Resources, *bodies: bytes) -> None:
    """The whole chain."""
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)


@pytest.mark.parametrize("charset", ["utf-8", "utf-16"])
def test_a_page_is_found_by_its_text_at_its_heading(home: Resources, charset: str) -> None:
    run(home, request(rawData=PAGE.encode(charset), sourceUri="page.html", contentType="text/html"))

    found = search(home, "when is the water high", mode="semantic")["results"][0]
    assert [(place["sourceUri"], place["locator"]) for place in found["sources"]] == [
        ("page.html", {"heading": ["The harbour", "Spring tides"]})
    ]
    assert search(home, "unseen", mode="lexical")["results"] == []
    [source] = all_sources(home)
    assert b"".join(reconstruct(home, source["sourceId"])) == PAGE.encode(charset)
    shown = show_source(home, source["sourceId"])
    assert (shown["searchable"], shown["errorMessage"]) == (True, None)
    assert not verify_sources(home)["failed"]


def test_a_page_whose_parser_hangs_costs_only_itself(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir, parser_seconds=5)
    nested = b"<p>before</p>" + b"<div>" * 1_000_000
    run(
        home,
        request(rawData=nested[:900_000], sourceUri="nested", contentType="text/html"),
        request(rawData=PAGE.encode(), sourceUri="page", contentType="text/html"),
    )

    shown = {row["sourceUri"]: show_source(home, row["sourceId"]) for row in all_sources(home)}
    assert shown["nested"]["errorMessage"] == "not searchable: reading it takes more than 5 seconds"
    assert (shown["nested"]["searchable"], shown["page"]["searchable"]) == (False, True)
    assert search(home, "high water", mode="lexical")["results"]
    assert b"".join(reconstruct(home, shown["nested"]["sourceId"])) == nested[:900_000]


def test_the_words_of_a_page_and_of_a_text_are_one_atom(home: Resources) -> None:
    words = "The pilot boards the ship two miles off the breakwater, and the harbour master is told by radio. " * 5
    page = f"<h1>Pilots</h1><p>{words}</p>".encode()
    run(
        home,
        request(rawData=page, sourceUri="page", contentType="text/html"),
        request(rawData=f"Pilots\n\n{words}".encode(), sourceUri="note", contentType="text/plain"),
    )
    [hit] = search(home, "pilot boards", mode="lexical")["results"]
    assert sorted(place["sourceUri"] for place in hit["sources"]) == ["note", "page"]


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    for line in stream.read().decode().splitlines():
        if line == "STOP":
            raise Partial("it stops at its password")
        yield Section(line)


STOPPING = Format("stopping", "1", ("application/x-stopping",), "tests.contract.test_documents_by_section:extract")


def test_a_source_of_which_a_part_cannot_be_read_says_so(home: Resources, tmp_path: Path) -> None:
    some, none = b"Fog lies low.\nTides rise.\nMist.\nHaze.\nSTOP\nNever", b"STOP\nNever"
    with installed(tmp_path / "site", "stopping", "tests.contract.test_documents_by_section:STOPPING"):
        kind = {"contentType": "application/x-stopping"}
        enqueue(
            home.database,
            INGESTION_QUEUE,
            [request(rawData=some, sourceUri="some", **kind), request(rawData=none, sourceUri="none", **kind)],
        )
        reports = run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE)
        shown = {row["sourceUri"]: show_source(home, row["sourceId"]) for row in all_sources(home)}

    assert reports["atoms"].counts["sources partial"] == 1
    assert reports["atoms"].counts["sources not searchable"] == 1
    assert {uri: (each["status"], each["searchable"], each["errorMessage"]) for uri, each in shown.items()} == {
        "some": ("Atomized", True, "partial: it stops at its password"),
        "none": ("Atomized", False, "not searchable: it stops at its password"),
    }
    assert len(search(home, "tides", mode="lexical")["results"]) == 1
    for uri, data in (("some", some), ("none", none)):
        assert b"".join(reconstruct(home, shown[uri]["sourceId"])) == data
    assert not verify_sources(home)["failed"]
