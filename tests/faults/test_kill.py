"""kill -9 wherever it hurts; the next plain command finishes the work, and the home is as if nothing had happened."""

import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home, hour_with_room
from tests.faults import soak
from tests.faults.conftest import SMALL
from tests.faults.state import differences, graph_of, half_shown, loose_ends, state_of

HURT = (sys.executable, "-m", "tests.faults.hurt")

# Dies when the loop has done all its work and Dagster has yet to write down that the run is over.
DONE_AND_DEAD = (
    sys.executable,
    "-c",
    """
import os, signal
from hartonomous_assets import chain
run_stages = chain.run_stages
def run_stages_and_die(*arguments):
    run_stages(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
chain.run_stages = run_stages_and_die
from hartonomous_service.cli import main
main()
""",
)
STEPS = {"sources": 2, "atoms": 3, "atom_embeddings": 3, "atom_projections": 3, "provenance_graph": 3}


@pytest.mark.parametrize("stage", STEPS)
def test_killed_at_the_boundary_of_a_stage_the_next_command_finishes_the_work(
    home: Home, files: Path, undisturbed: dict[str, Counter[Any]], stage: str
) -> None:
    hour_with_room(90)  # what is landed before and after the kill belongs to one hour, as in the undisturbed home
    small = home.with_settings(**SMALL)

    killed = small.run(stage, str(STEPS[stage]), "SIGKILL", "ingest", files, program=HURT)
    at_work, graph = small.run_statuses(), graph_of(small)
    finished = small.json("ingest", files)

    assert killed.code == -signal.SIGKILL, killed
    assert at_work == ["STARTED"]
    assert half_shown(undisturbed, graph) == []
    assert len(finished["sources"]) == 40 and not finished["failed"] and not finished["stages"]
    assert loose_ends(small) == []
    assert differences(undisturbed, state_of(small)) == []


def test_killed_at_a_big_source_and_then_changed_it_leaves_nothing_of_the_half_in_database_or_graph(
    home: Home, tmp_path: Path
) -> None:
    path = tmp_path / "big.txt"
    path.write_text("".join(f"The old log names ship number {i}.\n" for i in range(300)))
    small = home.with_settings(**SMALL)
    assert small.run("provenance_graph", "3", "SIGKILL", "ingest", path, program=HURT).code == -signal.SIGKILL
    assert small.value("SELECT Status FROM Source") == "Atomizing"
    assert small.value("SELECT COUNT(*) FROM SourceAtom") >= 40
    assert {kind: found.total() for kind, found in graph_of(small).items()} == {"graph nodes": 0, "graph edges": 0}
    path.write_text("The log was lost at sea.\n")

    small.json("ingest", path)

    assert small.rows("SELECT CanonicalText FROM Atom") == [("The log was lost at sea.",)]
    assert small.value("SELECT COUNT(*) FROM SourceRun") == 2, "both had a part in it"
    source = small.json("lineage", str(small.value("SELECT SourceId FROM Source")), "--upstream")
    assert [node["label"] for node in source["nodes"]].count("Run") == 2
    assert loose_ends(small) == []


def test_killed_when_all_is_done_but_its_run_has_not_ended_the_next_command_leaves_no_run_started(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text("All was done, only nobody had said so.")
    assert home.run("ingest", tmp_path / "file.txt", program=DONE_AND_DEAD).code == -signal.SIGKILL
    assert home.run_statuses() == ["STARTED"]

    home.json("ingest", tmp_path / "file.txt")

    assert loose_ends(home) == []


def test_a_round_of_the_soak_ends_like_an_undisturbed_ingest(
    tmp_path: Path, model_dir: Path, text_model: TextModelFiles
) -> None:
    assert soak.run(tmp_path, model_dir, rounds=1, files=40, seed=7, say=lambda line: None) == 0
