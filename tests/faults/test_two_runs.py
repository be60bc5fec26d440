"""Two runs of one hour side by side: mutual exclusion lives in the database, so the end is the same as with one."""

import sys
from pathlib import Path

from tests.cli import Home, finish, hour_with_room
from tests.faults.files import write_files
from tests.faults.state import differences, loose_ends, state_of

SMALL = {"ingestion_batch_size": 5, "atom_batch_size": 20, "embedding_batch_size": 16, "projection_batch_size": 16}

# Says when it is ready, waits for the word, and runs the chain of an hour through Dagster.
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


def test_two_processes_that_run_the_same_hour_at_once_end_like_one(home: Home, tmp_path: Path) -> None:
    files = write_files(tmp_path.resolve() / "given", 40)
    alone = Home(tmp_path / "alone", home.model_dir, SMALL)
    alone.json("ingest", files)
    together = home.with_settings(**SMALL)
    hour = hour_with_room(60)
    together.json("ingest", "--no-wait", files)

    processes = [together.start(hour, program=(sys.executable, "-c", RUN)) for _ in range(2)]
    assert [process.stdout.readline() for process in processes if process.stdout] == [b"ready\n"] * 2
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"now\n")
        process.stdin.flush()
    results = [finish(process) for process in processes]

    assert [result.code for result in results] == [0, 0], results
    assert together.run_statuses() == ["SUCCESS", "SUCCESS"]
    assert together.value("SELECT COUNT(DISTINCT RunId) FROM Source") == 2  # both had a part in it
    assert loose_ends(together) == []
    assert differences(state_of(alone), state_of(together)) == []
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM BackgroundJob")) == {(1,)}  # no job was done twice
    assert set(together.rows("SELECT DISTINCT AttemptCount FROM Source")) == {(1,)}
