"""A clean stop: what a command has claimed is free again at once, and nobody is blamed for it."""

import sys
from pathlib import Path

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home, Result
from tests.faults.state import loose_ends

HURT = (sys.executable, "-m", "tests.faults.hurt")

# Sends SIGTERM to itself in the middle of a step, then goes on with what the step does, as a signal from outside would find it.
STOPPED_INSIDE = """
import os, signal
from hartonomous_assets import atoms
from hartonomous_resources.compute.in_process import InProcessCompute

def stopped(function):
    def call(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return function(*arguments)
    return call

{patch}
from hartonomous_service.cli import main
main()
"""
INSIDE = {
    "atoms": "atoms.scan = stopped(atoms.scan)",
    "atom_embeddings": "InProcessCompute.embed = stopped(InProcessCompute.embed)",
}


def assert_stopped_cleanly(home: Home, result: Result) -> None:
    """It leaves nothing claimed, counted or started."""
    assert result.code not in (0, 2)
    assert "Traceback" not in result.stderr
    assert {"STARTED", "STARTING", "CANCELING"}.isdisjoint(home.run_statuses())
    assert home.rows("SELECT LeaseOwner FROM Source WHERE LeaseOwner IS NOT NULL") == []
    assert home.rows("SELECT LeaseOwner FROM BackgroundJob WHERE LeaseOwner IS NOT NULL") == []
    assert home.rows("SELECT AttemptCount FROM Source WHERE Status <> 'Atomized' AND AttemptCount > 0") == []
    assert home.rows("SELECT AttemptCount FROM BackgroundJob WHERE Status <> 'Completed' AND AttemptCount > 0") == []


@pytest.mark.parametrize("stage", INSIDE)
def test_sigterm_in_the_middle_of_a_step_counts_no_attempt(home: Home, tmp_path: Path, stage: str) -> None:
    (tmp_path / "file.txt").write_text("It was being read when the word came.")
    program = (sys.executable, "-c", STOPPED_INSIDE.format(patch=INSIDE[stage]))

    result = home.run("ingest", tmp_path / "file.txt", program=program)

    assert_stopped_cleanly(home, result)
    assert home.value("SELECT COUNT(*) FROM AtomEmbedding") == 0


# Ctrl-C on a terminal reaches all processes of the command, which is why this one has a group of its own.
CTRL_C = STOPPED_INSIDE.replace("os.kill(os.getpid(), signal.SIGTERM)", "os.killpg(0, signal.SIGINT)").replace(
    "import os, signal\n", "import os, signal\nos.setpgid(0, 0)\n"
)


@pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: groups of processes")
def test_ctrl_c_is_answered_by_the_command_alone(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("Its run has no processes beside it that would print their own tracebacks.")
    program = (sys.executable, "-c", CTRL_C.format(patch=INSIDE["atom_embeddings"]))

    result = home.run("ingest", tmp_path / "file.txt", program=program)

    assert result.error.startswith("error: interrupted")
    assert_stopped_cleanly(home, result)


@pytest.fixture(scope="module")
def stopped(
    tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles
) -> tuple[Home, Path, Result]:
    """A command that got SIGTERM between two steps of a big source: its home, the file, what it said."""
    path = tmp_path_factory.mktemp("files") / "big.txt"
    path.write_text("".join(f"The log names ship number {i}.\n" for i in range(200)))
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"atom_batch_size": 20, "text_unit": "sentence"})
    return home, path, home.run("atoms", "4", "SIGTERM", "ingest", path, program=HURT)


def test_sigterm_between_two_steps_of_a_source_counts_no_attempt(stopped: tuple[Home, Path, Result]) -> None:
    home, _, result = stopped

    assert_stopped_cleanly(home, result)
    assert 0 < home.value("SELECT COUNT(*) FROM SourceAtom") < 200


def test_a_stopped_command_says_in_words_that_it_was_stopped(stopped: tuple[Home, Path, Result]) -> None:
    _, _, result = stopped

    assert any(word in result.stderr.lower() for word in ("stopped", "interrupted"))
    assert "dagster" not in result.stderr  # the name of a class of Dagster's tells people nothing


def test_the_next_command_finishes_what_was_stopped_and_counts_one_attempt(stopped: tuple[Home, Path, Result]) -> None:
    home, path, _ = stopped

    finished = home.json("ingest", path)

    assert [(source["status"], source["atomCount"]) for source in finished["sources"]] == [("Atomized", 200)]
    assert home.rows("SELECT AttemptCount FROM Source") == [(1,)]
    assert loose_ends(home) == []
