"""Source code through the whole chain, on every backend: found beside text, at its symbol and lines, rebuilt to the last byte."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, embeddings, projections
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers import code_atomizer
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from hartonomous_service.sql_console import run_sql
from tests.backends import rows
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.code_samples import PYTHON, SAMPLES

TEXT = "The harbour master reads the tide table each morning."


def take_in(home: Resources, files: dict[str, tuple[bytes, str]]) -> None:
    bodies = [request(rawData=data, sourceUri=name, contentType=kind) for name, (data, kind) in files.items()]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE)


def test_each_language_is_found_at_its_symbol_beside_text(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles, client: Any
) -> None:
    home = make_home(model_dir=model_dir)
    files = {sample.name: (sample.text.encode(), sample.content_type) for sample in SAMPLES}
    take_in(home, {**files, "notes.txt": (TEXT.encode(), "text/plain")})

    for sample in SAMPLES:
        for mode in ("lexical", "hybrid"):
            [hit, *_] = search(home, sample.asked, mode=mode)["results"]
            [place] = hit["sources"]
            assert (place["sourceUri"], hit["modality"], hit["subtype"]) == (sample.name, "code", sample.subtype)
            assert place["locator"] == {"symbol": sample.symbol, "lines": sample.lines}
            at = place["byteOffset"]
            assert sample.text.encode()[at : at + place["byteLength"]] == hit["text"].encode()

    for identifier in ("fathoms_to_metres", "fetchWeather", "OpenSluice"):
        [hit] = search(home, identifier, mode="lexical")["results"]
        assert identifier in hit["text"]
    both = search(home, "harbour master tide table")["results"]
    assert {hit["modality"] for hit in both} == {"code", "text"}
    assert all(hit["score"] is not None for hit in both)  # one space
    assert {hit["modality"] for hit in search(home, "tide table", modality="code")["results"]} == {"code"}
    assert [hit["text"] for hit in search(home, "tide table", modality="text")["results"]] == [TEXT]
    assert len(rows(client, "SELECT DISTINCT ModelId AS modelId FROM AtomEmbedding")) == 1
    for source in all_sources(home):
        shown = show_source(home, source["sourceId"])
        assert (shown["searchable"], shown["errorMessage"]) == (True, None)
    assert not verify_sources(home)["failed"]


def test_code_inserted_in_the_words_of_sql_server_is_found_by_what_it_means(
    make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles
) -> None:
    home = make_home(model_dir=model_dir)
    take_in(home, {"notes.txt": (TEXT.encode(), "text/plain")})
    code = "def warn_of_gale(force): return force > 8"
    run_sql(
        home.settings,
        "INSERT INTO dbo.Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt)"
        f" VALUES (0, 'code', 'function', HASHBYTES('SHA2_256', '{code}'), '{code}', CAST('{code}' AS VARBINARY(64)), GETUTCDATE())",
        write=True,
    )
    run_stages_of(home, embeddings.STAGE, projections.STAGE)

    found = search(home, "is a storm coming", mode="semantic")["results"]
    assert [(hit["text"], hit["modality"]) for hit in found] == [(code, "code"), (TEXT, "text")]
    assert not verify_sources(home)["failed"]


def test_code_in_another_encoding_is_derived_and_one_too_large_is_cut_by_lines(
    make_home: Callable[..., Resources], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_atomizer, "MOST_BYTES", 3000)
    home = make_home()
    latin = PYTHON.replace("Return how much", "Für Möwen: return how much").encode("iso-8859-1")
    large = (PYTHON * 5).encode()
    files = {
        "latin.py": (latin, "text/x-python; charset=iso-8859-1"),
        "large.py": (large, "text/x-python"),
    }
    bodies = [request(rawData=data, sourceUri=name, contentType=kind) for name, (data, kind) in files.items()]
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE)

    [hit] = search(home, "Möwen", mode="lexical")["results"]
    [place] = hit["sources"]
    assert (place["locator"]["symbol"], place["locator"]["lines"]) == (["clearance_below_keel"], [17, 21])
    at = place["byteOffset"]
    assert latin[at : at + place["byteLength"]].decode("iso-8859-1") == hit["text"]
    notes = {source["sourceUri"]: show_source(home, source["sourceId"])["errorMessage"] for source in all_sources(home)}
    assert notes["latin.py"] is None
    assert notes["large.py"].startswith("partial: of more than 3,000 bytes of code no symbols are told")
    for source in all_sources(home):
        assert b"".join(reconstruct(home, source["sourceId"])) == files[source["sourceUri"]][0]
