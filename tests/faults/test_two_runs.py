"""Two runs of one hour side by side: mutual exclusion lives in the database, so the end is the same as with one."""

import sys
from pathlib import Path

from tests.cli import Home, Result, finish, hour_with_room
from tests.faults.files import write_files
from tests.faults.state import differences, loose_ends, state_of

SMALL = {"ingestion_batch_size": 5, "atom_batch_size": 20, "embedding_batch_size": 16, "projection_batch_size": 16}

# Says when it is ready, waits for the word, and then runs the chain of an hour, or only opens Dagster's storage.
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
import hartonomous_assets.definitions
from hartonomous_resources.settings import Settings
from hartonomous_service.dagster_home import open_instance
print("ready", flush=True)
sys.stdin.readline()
open_instance(Settings())
"""


def at_once(home: Home, n: int, program: str, *arguments: str) -> list[Result]:
    """Run a program in n processes that all get the word at the same moment, once the last is ready."""
    processes = []
    for _ in range(n):
        process = home.start(*arguments, program=(sys.executable, "-c", program))
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", finish(process)
        processes.append(process)
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"now\n")
        process.stdin.flush()
    return [finish(process) for process in processes]


def test_commands_that_come_first_to_a_fresh_home_at_once_all_open_dagsters_storage(home: Home) -> None:
    results = at_once(home, 3, OPEN)

    assert [result.code for result in results] == [0, 0, 0], [result.stderr[-500:] for result in results]


def test_two_processes_that_run_the_same_hour_at_once_end_like_one(home: Home, tmp_path: Path) -> None:
    files = write_files(tmp_path.resolve() / "given", 40)
    alone = Home(tmp_path / "alone", home.model_dir, SMALL)
    alone.json("ingest", files)
    together = home.with_settings(**SMALL)
    hour = hour_with_room(60)
    together.json("ingest", "--no-wait", files)

    results = at_once(together, 2, RUN, hour)

    assert [result.code for result in results] == [0, 0], results
    assert together.run_statuses() == ["SUCCESS", "SUCCESS"]
    assert together.value("SELECT COUNT(DISTINCT RunId) FROM Source") == 2  # both had a part in it
    assert loose_ends(together) == []
    assert differences(state_of(alone), state_of(together)) == []
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM BackgroundJob")) == {(1,)}  # no job was done twice
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM Source")) == {(1,)}
