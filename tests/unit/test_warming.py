"""The model is loaded in a thread while Dagster starts, where there is work that will embed, and only there."""

import dataclasses
import threading
from pathlib import Path

import pytest

from hartonomous_resources.compute import spaces
from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.ingest import ingest
from tests.builders import SmallCompute


class WarmedCompute(SmallCompute):
    """Counts how often it was warmed."""

    warmed = 0

    def warm(self, _sources: object = ()) -> None:
        self.warmed += 1


@pytest.fixture
def warmed(resources: Resources) -> Resources:
    """A home whose compute counts."""
    return dataclasses.replace(resources, compute=WarmedCompute())  # type: ignore[arg-type]


def counter(resources: Resources) -> WarmedCompute:
    assert isinstance(resources.compute, WarmedCompute)
    return resources.compute


def test_warming_returns_at_once_and_the_first_use_waits_for_it(
    settings: Settings, text_model: TextModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, asked_by = threading.Event(), threading.Event(), list[str]()

    def find(_settings: Settings) -> dict[object, object]:
        asked_by.append(threading.current_thread().name)
        begun.set()
        assert go_on.wait(30)
        return {}

    monkeypatch.setattr(spaces, "spaces_of", find)
    compute = InProcessCompute(settings)
    compute.warm()
    assert begun.wait(30)
    second = threading.Thread(target=compute.warm)  # ingest warms twice
    second.start()
    second.join(10)
    is_over = not second.is_alive()
    go_on.set()

    assert is_over
    assert compute.models() == []
    compute.close()
    assert asked_by == ["models"]


@pytest.mark.slow
def test_new_files_warm_the_compute_and_the_run_uses_that_one(warmed: Resources, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("Somebody waits for this sentence.")

    assert ingest(warmed, [file])["failed"] == []
    assert counter(warmed).warmed > 0
    assert counter(warmed).texts == ["Somebody waits for this sentence."]


@pytest.mark.slow
def test_an_unchanged_file_does_not(warmed: Resources, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("Somebody waits for this sentence.")
    ingest(warmed, [file])
    counter(warmed).warmed = 0

    assert [source["unchanged"] for source in ingest(warmed, [file])["sources"]] == [True]
    assert counter(warmed).warmed == 0


@pytest.mark.slow
def test_nothing_is_loaded_where_nothing_is_embedded(warmed: Resources, tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_text("Nobody embeds this.")
    quiet = dataclasses.replace(warmed, settings=warmed.settings.model_copy(update={"embedding_enabled": False}))

    assert ingest(quiet, [file])["failed"] == []
    assert counter(warmed).warmed == 0
