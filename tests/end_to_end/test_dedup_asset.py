"""The asset of the ledger of deduplication: a run counts what is there, in numbers that the page plots, and quotes nobody."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from hartonomous_assets.definitions import defs
from hartonomous_assets.our_runs import DEDUP_LEDGER_JOB_NAME
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import open_instance
from hartonomous_service.dedup_ledger import dedup_ledger
from hartonomous_service.ingest import ingest


@pytest.fixture
def instance(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The home's own Dagster instance; the environment is as it was afterwards."""
    for name in ("DAGSTER_HOME", "DAGSTER_DISABLE_TELEMETRY"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HARTONOMOUS_LINGER_SECONDS", "0")
    with open_instance(settings) as opened:
        yield opened


def figures(instance: dg.DagsterInstance) -> dict[str, object]:
    result = defs.resolve_job_def(DEDUP_LEDGER_JOB_NAME).execute_in_process(instance=instance)
    [materialisation] = result.asset_materializations_for_node("dedup_ledger")
    return {name: value.value for name, value in materialisation.metadata.items()}


def test_a_run_says_what_the_command_says(resources: Resources, instance: dg.DagsterInstance, tmp_path: Path) -> None:
    assert figures(instance)["dedup_ratio"] == 1.0  # of nothing
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("The moon raises the tides.\n\nBread wants flour and time.\n")
    ingest(resources, [tmp_path / "one.txt", tmp_path / "two.txt"])

    found, ledger = figures(instance), dedup_ledger(resources)

    assert (found["bytes_in"], found["bytes_stored"]) == (ledger["bytesIn"], ledger["bytesStored"])
    assert found["bytes_saved"] == ledger["bytesIn"] - ledger["bytesStored"] > 0
    assert "one.txt" not in str(found) and "| text |" in str(found["modalities"])
