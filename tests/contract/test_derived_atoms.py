"""An atomizer that somebody adds, whose text is derived from the bytes: through the whole chain, on every backend."""

import io
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import atoms, embeddings, projections, provenance, source_members
from hartonomous_assets import sources as landing
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.agreement import disagreements, hours_of
from hartonomous_resources.work.graph_rebuild import rebuild_hour
from hartonomous_service.lineage.queries import LineageQuery, find_lineage
from hartonomous_service.search import list_places, search
from hartonomous_service.source_records import reconstruct, show_source, verify_sources
from tests.backends import rows
from tests.builders import dead_letters, enqueue, request
from tests.held_graph import HeldGraph
from tests.other_packages import installed
from tests.stages import all_sources, run_stages_of
from tests.toy_atomizer import BUNDLE, CONTENT_TYPE, squeezed

TIDES, BEES, FOG = "The sea rises twice a day.", "Bees dance to show the way.", "Fog lies low over the harbour."


@pytest.fixture(autouse=True)
def _with_the_atomizer(tmp_path: Path) -> Iterator[None]:
    """The package that brings it is installed."""
    with installed(tmp_path / "site", "toy", "tests.toy_atomizer:ENTRY", "tests.toy_atomizer:BUNDLES"):
        yield


@pytest.fixture
def home(make_home: Callable[..., Resources], model_dir: Path, text_model: TextModelFiles) -> Resources:
    """A home whose atoms are sentences and whose batches are small: a source is several of them."""
    return make_home(model_dir=model_dir, atom_batch_size=4, text_unit="sentence")


def run(home: Resources, *bodies: bytes) -> None:
    """The whole chain."""
    enqueue(home.database, INGESTION_QUEUE, bodies)
    run_stages_of(home, landing.STAGE, atoms.STAGE, embeddings.STAGE, projections.STAGE, provenance.STAGE)


def squeezed_file(*lines: str, uri: str = "notes", data: bytes | None = None) -> bytes:
    return request(rawData=squeezed(*lines) if data is None else data, sourceUri=uri, contentType=CONTENT_TYPE)


def rebuilt(home: Resources, source: Row) -> bytes:
    return b"".join(reconstruct(home, source["sourceId"]))


def assert_whole(home: Resources) -> None:
    """Nothing is broken, and a copy of the graph that is made of the views agrees with them."""
    checked = verify_sources(home)
    assert not checked["failed"]
    hours, copy = [None, *hours_of(home.database, 0)], HeldGraph()
    for hour in hours:
        for _ in rebuild_hour(home, copy, hour):
            pass
    assert disagreements(home.database, copy, 0, hours) == []


def test_an_atomizer_of_others_has_its_parser_run_apart_and_its_files_are_sources(home: Resources) -> None:
    data = f"{FOG}\ntides.txt={TIDES}\n{BEES}\nstop\n".encode()
    inner = request(rawData=data, sourceUri="bundle", contentType=BUNDLE)
    run(home, inner)

    found = {row["sourceUri"]: row for row in all_sources(home)}
    assert set(found) == {"bundle", "member:bundle!/tides.txt"}
    assert found["bundle"]["errorMessage"].startswith("partial: its parser failed (SIGABRT)")
    [hit] = search(home, "harbour", mode="lexical")["results"]
    locator = hit["sources"][0]["locator"]
    assert locator["line"] == 1 and locator["process"] != os.getpid()
    [inside] = search(home, "rises twice", mode="lexical")["results"]
    assert [place["sourceUri"] for place in inside["sources"]] == ["member:bundle!/tides.txt"]
    assert show_source(home, found["member:bundle!/tides.txt"]["sourceId"])["metadata"] == {"locator": {"line": 2}}
    assert rebuilt(home, found["bundle"]) == data


def test_a_bundle_in_an_archive_is_granted_a_share_of_its_files(home: Resources) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("in.bundle", f"tides.txt={TIDES}")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(source_members, "sniff", lambda head, name: BUNDLE if name.endswith("bundle") else "text/plain")
        run(home, request(rawData=target.getvalue(), sourceUri="a.zip", contentType="application/zip"))
    assert {row["sourceUri"] for row in all_sources(home)} >= {"member:a.zip!/in.bundle!/tides.txt"}


def test_derived_text_is_found_with_its_locator_and_source_and_the_bytes_come_back(
    home: Resources, client: Any
) -> None:
    run(home, squeezed_file(TIDES, BEES, FOG, TIDES))

    [source] = all_sources(home)
    best = search(home, "how do insects tell where food is", mode="semantic")["results"][0]
    place = {"sourceId": source["sourceId"], "sourceUri": "notes", "byteOffset": None, "byteLength": None}
    unmarked = {"highlightOffset": None, "highlightLength": None}
    assert (best["text"], best["sources"]) == (BEES, [{**place, "locator": {"line": 2}, **unmarked}])
    [found] = search(home, "rises twice", mode="lexical")["results"]
    assert [each["locator"] for each in found["sources"]] == [{"line": 1}, {"line": 4}]
    assert list_places(home, found["atomHash"])["places"] == [{**place, "locator": {"line": n}} for n in (1, 4)]
    assert rebuilt(home, source) == squeezed(TIDES, BEES, FOG, TIDES)
    assert show_source(home, source["sourceId"])["searchable"]
    assert source["atomizerVersion"] == "squeezed-text 1"
    placed = rows(client, "SELECT e.X FROM AtomEmbedding AS e WHERE e.ProjectionModelId IS NOT NULL")
    assert len(placed) == 3
    behind = find_lineage(home, LineageQuery(best["atomHash"], direction="upstream"))
    assert {"Source", "Run", "Model", "Tenant"} <= {node["label"] for node in behind["nodes"]}
    assert_whole(home)


def test_ordinals_count_by_role(home: Resources, client: Any) -> None:
    data = squeezed(TIDES, BEES, FOG)
    run(home, squeezed_file(data=data))

    found = rows(client, "SELECT Role, Ordinal, ByteOffset, ByteLength, Locator FROM SourceAtom ORDER BY Role, Ordinal")
    content = [
        ("content", start // 16, start, len(data[start : start + 16]), None) for start in range(0, len(data), 16)
    ]
    derived = [("derived", n, None, None, f'{{"line":{n + 1}}}') for n in range(3)]
    assert [tuple(row.values()) for row in found] == content + derived


def test_the_same_bytes_derived_and_in_a_file_are_one_atom_that_stays_while_either_holds_it(
    home: Resources, client: Any
) -> None:
    plain = request(rawData=f"{TIDES} {BEES}".encode(), sourceUri="plain", contentType="text/plain")
    run(home, squeezed_file(TIDES, FOG), plain)

    counts = rows(client, "SELECT CanonicalText, ReferenceCount FROM Atom WHERE CanonicalText IS NOT NULL")
    assert {row["CanonicalText"]: row["ReferenceCount"] for row in counts} == {TIDES: 2, FOG: 1, BEES: 1}
    [shared, *_] = search(home, TIDES, mode="lexical")["results"]
    assert [(place["sourceUri"], place["byteOffset"]) for place in shared["sources"]] == [("notes", None), ("plain", 0)]
    assert_whole(home)


def test_bytes_that_are_a_chunk_and_derived_text_in_one_batch_are_text(home: Resources, client: Any) -> None:
    line = "sixteen letters!"
    data = zlib.compress(b"of nine:\n" + line.encode(), level=0)  # as it is, behind a head of seven bytes
    assert data[16:32] == line.encode()

    run(home, squeezed_file(data=data))

    [found] = search(home, "sixteen letters", mode="lexical")["results"]
    assert [(place["byteOffset"], place["locator"]) for place in found["sources"]] == [(16, None), (None, {"line": 2})]
    assert_whole(home)


def test_the_same_file_again_is_only_seen_and_a_new_version_hides_what_was_derived_of_the_old(home: Resources) -> None:
    run(home, squeezed_file(TIDES, BEES))
    run(home, squeezed_file(TIDES, BEES))
    assert len(all_sources(home)) == 1

    run(home, squeezed_file(BEES, FOG))

    old, new = all_sources(home)
    assert (old["supersededBy"], new["supersededBy"]) == (new["sourceId"], None)
    assert search(home, "sea rises", mode="lexical")["results"] == []
    [bees] = search(home, "dance", mode="lexical")["results"]
    assert [(each["sourceId"], each["locator"]) for each in bees["sources"]] == [(new["sourceId"], {"line": 1})]
    assert rebuilt(home, old) == squeezed(TIDES, BEES)
    assert_whole(home)


def test_of_a_source_that_is_given_up_nothing_derived_stays(home: Resources, client: Any) -> None:
    lines = [f"Line {n} of the log." for n in range(9)]
    run(home, squeezed_file(TIDES), squeezed_file(uri="cut off", data=squeezed(TIDES, *lines)[:-4]))

    assert [letter["reason"].rpartition(": ")[2] for letter in dead_letters(home.database)] == ["is cut off"]
    texts = rows(client, "SELECT CanonicalText, ReferenceCount FROM Atom WHERE CanonicalText IS NOT NULL")
    assert [tuple(row.values()) for row in texts] == [(TIDES, 1)]
    assert_whole(home)


def test_a_derived_atom_whose_bytes_were_damaged_is_named(home: Resources, client: Any) -> None:
    run(home, squeezed_file(TIDES, BEES))
    client.cursor().execute("UPDATE Atom SET CanonicalText = 'x' WHERE CanonicalText = ?", (BEES,))
    client.commit()

    [source] = all_sources(home)
    assert verify_sources(home, source["sourceId"])["failed"] == [
        {"sourceId": source["sourceId"], "error": "derived atom 1 does not have the hash that names it"}
    ]
