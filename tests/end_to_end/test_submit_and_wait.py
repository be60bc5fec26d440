"""Bytes without a path, seen through by the call that brings them: a run of the chain in this process, then found by meaning."""

from collections.abc import Iterator

import dagster as dg
import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_service.dagster_home import open_instance
from hartonomous_service.ingest import submit
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct, verify_sources
from tests.cli import hour_with_room

TEXT = b"Bees dance to show the way.\nThe sea rises twice a day.\n"


@pytest.fixture
def home(resources: Resources, text_model: TextModelFiles, monkeypatch: pytest.MonkeyPatch) -> Iterator[Resources]:
    """A home that has the text model; the environment is as it was afterwards."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("DAGSTER_DISABLE_TELEMETRY")
    monkeypatch.setenv("HARTONOMOUS_LINGER_SECONDS", "0")
    yield resources


def test_submitted_bytes_are_seen_through_by_a_run_of_the_chain_and_found_by_meaning(home: Resources) -> None:
    hour_with_room(60)

    found = submit(home, TEXT, source_uri="upload:notes", content_type="text/plain", wait=True)

    assert (found["failed"], found["stages"]) == ([], {})
    [source] = found["sources"]
    assert (source["status"], source["newAtomCount"]) == ("Atomized", 1)
    [best, *_] = search(home, "how do insects tell where food is", mode="semantic")["results"]
    assert best["text"] == TEXT.decode().strip()
    assert [place["sourceUri"] for place in best["sources"]] == ["upload:notes"]
    assert b"".join(reconstruct(home, source["sourceId"])) == TEXT
    assert verify_sources(home)["failed"] == []
    with open_instance(home.settings) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
