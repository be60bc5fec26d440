"""Markdown through the whole chain, on every backend: found under its headings, at its bytes, as the atom that it is in any text."""

from collections.abc import Callable

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of

WORDS = "The pilot boards the ship two miles off the breakwater, and the harbour master is told by radio. " * 6


def test_a_hit_says_under_which_headings_it_stands(make_home: Callable[..., Resources]) -> None:
    home = make_home()
    files = {
        "a.md": f"# Port\n\n## Pilots\n\n{WORDS}\n",
        "b.rst": f"Port\n====\n\nPilots\n------\n\n{WORDS}\n",
        "c.txt": WORDS,
    }
    kinds = {"a.md": "text/markdown", "b.rst": "text/x-rst", "c.txt": "text/plain"}
    bodies = [request(rawData=text.encode(), sourceUri=name, contentType=kinds[name]) for name, text in files.items()]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE)

    hits = search(home, "pilot boards", mode="lexical")["results"]
    places = {place["sourceUri"]: place for hit in hits for place in hit["sources"]}
    assert {name: place["locator"] for name, place in places.items()} == {
        "a.md": {"heading": ["Port", "Pilots"]},
        "b.rst": {"heading": ["Port", "Pilots"]},
        "c.txt": None,
    }
    for name, place in places.items():
        data = files[name].encode()[place["highlightOffset"] :][: place["highlightLength"]]
        assert data.decode() in [hit["highlight"]["text"] for hit in hits]
    for source in all_sources(home):
        assert b"".join(reconstruct(home, source["sourceId"])) == files[source["sourceUri"]].encode()
    assert not verify_sources(home)["failed"]
