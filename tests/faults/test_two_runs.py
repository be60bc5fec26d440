"""Two runs of one hour side by side: mutual exclusion lives in the database, so the end is the same as with one."""

import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hartonomous_assets import embeddings
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.database.rows.job_rows import ClaimedJob
from hartonomous_resources.resources import Resources
from tests.cli import Home, Result, finish, hour_with_room
from tests.faults.conftest import SMALL
from tests.faults.state import differences, loose_ends, state_of

# Each says when it is ready and waits for the word: to run the chain of an hour, or to open Dagster's storage in fresh homes.
RUN = """
import sys
from hartonomous_assets import definitions
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import open_instance, run_chain
settings = Settings()
instance = open_instance(settings)
print("ready", flush=True)
sys.stdin.readline()
sys.exit(0 if run_chain(settings, instance, sys.argv[1]).success else 1)
"""
OPEN = """
import sys
from collections import Counter
from pathlib import Path
from typing import Any
import hartonomous_assets.definitions
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import open_instance
for home in sys.argv[1:]:
    print("ready", flush=True)
    sys.stdin.readline()
    open_instance(Settings(home=Path(home)))
"""


def at_once(home: Home, program: str, *arguments: str, rounds: int = 1) -> list[Result]:
    """Run a program in two processes that get the word at the same moment, once both are ready, as often as they ask for it."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(2):
            processes.append(home.start(*arguments, program=(sys.executable, "-c", program)))
            _wait_for_ready(processes[-1])  # in turn: the first makes Dagster's storage
        for number in range(rounds):
            for process in processes:
                if number:
                    _wait_for_ready(process)
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"now\n")
                process.stdin.flush()
        return [finish(process) for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
                process.communicate()


def _wait_for_ready(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        pytest.fail(finish(process).stderr[-1500:])


def test_two_commands_that_come_first_to_a_fresh_home_at_once_both_open_dagsters_storage(
    home: Home, tmp_path: Path
) -> None:
    homes = [str(tmp_path / f"home {number}") for number in range(5)]  # the moment in which they meet is short

    results = at_once(home, OPEN, *homes, rounds=len(homes))

    assert [result.code for result in results] == [0, 0], [result.stderr[-1500:] for result in results]


def test_two_processes_that_run_the_same_hour_at_once_end_like_one(
    home: Home, files: Path, undisturbed: dict[str, Counter[Any]]
) -> None:
    together = home.with_settings(**SMALL)
    hour = hour_with_room(60)
    together.json("ingest", "--no-wait", files)

    results = at_once(together, RUN, hour)

    assert [result.code for result in results] == [0, 0], results
    assert together.run_statuses() == ["SUCCESS", "SUCCESS"]
    assert together.value("SELECT COUNT(DISTINCT RunId) FROM SourceRun") == 2  # both had a part in it
    assert loose_ends(together) == []
    assert differences(undisturbed, state_of(together)) == []
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM BackgroundJob")) == {(1,)}  # no job was done twice
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM Source")) == {(1,)}


def test_atoms_that_another_run_removes_while_their_jobs_are_claimed_do_no_harm(
    resources: Resources, text_model: TextModelFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(resources.settings.database_path) as connection:  # as half-written sources leave them
        for digest, by_hand in ((bytes(32), 0), (bytes(31) + b"1", 1)):
            connection.execute(
                "INSERT INTO Atom (TenantId, Modality, ContentHash, CanonicalText, InsertedByHand) VALUES (0, 'text', ?, 'words', ?)",
                (digest, by_hand),
            )
    claim = embeddings.claim

    def claim_and_then_the_other_run_finishes_its_source(*which: Any, **more: Any) -> list[ClaimedJob]:
        jobs = claim(*which, **more)
        with resources.database.unit_of_work() as unit_of_work:
            unit_of_work.query("delete_unreferenced_atoms")
        return jobs

    monkeypatch.setattr(embeddings, "claim", claim_and_then_the_other_run_finishes_its_source)

    progress = next(iter(embeddings.STAGE.steps(Work(current_hour(), "run", resources))))

    assert progress.counts["embedded"] == 1
    with sqlite3.connect(resources.settings.database_path) as connection:
        assert connection.execute("SELECT Status FROM BackgroundJob").fetchall() == [("Completed",)]
