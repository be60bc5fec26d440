"""XML through the whole chain, on every backend: found in the element that says it, rebuilt to the last byte."""

from collections.abc import Callable
from pathlib import Path

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.lineage.svg import render_svg
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.test_lineage_formats import EDGES, lineage_of
from tests.unit.test_xml_documents import BOOK, FEED, LAUGHS, ORDERS


def test_xml_is_found_in_its_element(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    picture = render_svg(lineage_of(EDGES))
    files = {
        "news.rss": (FEED, "application/rss+xml"),
        "book.xml": (BOOK.decode().replace("over the", "über the").encode("utf-16"), "application/xml; charset=utf-16"),
        "orders.xml": (ORDERS, "application/xml"),
        "lineage.svg": (picture.encode(), "image/svg+xml"),
        "bomb.xml": (f'<!DOCTYPE d [<!ENTITY l0 "ha">{LAUGHS}]><d>Pilots &l11;</d>'.encode(), "text/xml"),
    }
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=data, sourceUri=name, contentType=kind) for name, (data, kind) in files.items()],
    )
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)

    def place(question: str, mode: str = "semantic") -> tuple[str, object]:
        [found] = search(home, question, mode=mode)["results"][0]["sources"]
        return found["sourceUri"], found["locator"]

    item = {"element": "/rss/channel/item[2]", "lines": [9, 9], "heading": ["Harbour news", "The ferry"]}
    assert place("at what time is the daily departure of the ferry") == ("news.rss", item)
    chapter = {"element": "/book/chapter[1]", "lines": [3, 4], "heading": ["Harbours", "Tides of Lyme"]}
    assert place("über", "lexical") == ("book.xml", chapter)
    assert place("parcel for the back entrance") == ("orders.xml", {"element": "/orders/order[2]", "lines": [5, 5]})
    uri, locator = place("ingested from", "lexical")
    assert uri == "lineage.svg"
    assert isinstance(locator, dict) and (locator["element"], locator["heading"]) == ("/svg", ["Lineage"])
    first, last = locator["lines"]
    assert ">ingested from<" in "\n".join(picture.split("\n")[first - 1 : last])
    assert place("pilots", "lexical")[0] == "bomb.xml"

    shown = {row["sourceUri"]: show_source(home, row["sourceId"]) for row in all_sources(home)}
    for name, (data, _) in files.items():
        assert b"".join(reconstruct(home, shown[name]["sourceId"])) == data
        assert shown[name]["searchable"]
        assert (shown[name]["errorMessage"] is None) == (name != "bomb.xml")
    assert "stands for more than 1,000 characters" in shown["bomb.xml"]["errorMessage"]
    assert not verify_sources(home)["failed"]
