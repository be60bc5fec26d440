"""Notebooks and subtitles through the whole chain, on every backend: found at their cell and their time, rebuilt to the last byte."""

from collections.abc import Callable
from pathlib import Path

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.test_notebooks import NOTEBOOK
from tests.unit.test_subtitles import SRT, VTT


def test_they_are_found_where_it_is_said(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    files = {
        "tides.ipynb": (NOTEBOOK, "application/x-ipynb+json"),
        "film.srt": (SRT.replace(b"Fog", b"Br\xfcme"), "application/x-subrip; charset=windows-1252"),
        "film.vtt": (VTT, "text/vtt"),
    }
    enqueue(
        home.database,
        INGESTION_QUEUE,
        [request(rawData=data, sourceUri=name, contentType=kind) for name, (data, kind) in files.items()],
    )
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)

    def places(question: str) -> list[tuple[str, object]]:
        hit = search(home, question, mode="lexical")["results"][0]
        return [(found["sourceUri"], found["locator"]) for found in hit["sources"]]

    assert places("full moon") == [("tides.ipynb", {"cell": 1})]
    assert places("ebb has begun") == [("tides.ipynb", {"cell": 2, "part": "output"})]
    assert places("Brüme") == [("film.srt", {"time": ["00:00:01.000", "00:00:04.000"]})]
    assert places("tug waits at the quay") == [("film.vtt", {"time": ["00:00:01.000", "00:00:04.000"]})]
    for source in all_sources(home):
        assert b"".join(reconstruct(home, source["sourceId"])) == files[source["sourceUri"]][0]
        shown = show_source(home, source["sourceId"])
        assert (shown["searchable"], shown["errorMessage"]) == (True, None)
    assert not verify_sources(home)["failed"]
