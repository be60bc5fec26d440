"""What each step of the loop asks SQLite costs the same however much waits: indexes answer it, nothing is sorted or scanned."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.statements import load_statements
from hartonomous_resources.project_files import project_file

_STATEMENTS = load_statements(project_file("sql") / "sqlite" / "statements")
_ASKED_ALL_THE_TIME = re.compile(
    r"has_|claim|exhausted_|expire_|queue_has_|unfinished_|queued_|current_|.+_lease_owners$"
)
_MORE = (
    "pending_projections",
    "vectors",
    "embed_again",
    "atoms_to_embed",
    "complete_jobs",
    "remove_references",
    "delete_source_atoms",
    "delete_source_derivations",
    "release_source",
    "renew_job_leases",
    "renew_source_lease",
    "supersede_older_versions",
    "touch_sources",
)
_CHOSEN = sorted({name for name in _STATEMENTS if _ASKED_ALL_THE_TIME.match(name)} | set(_MORE))


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteDatabase]:
    """An empty store, migrated."""
    made = SqliteDatabase(Path(tmp_path_factory.mktemp("plans"), "hartonomous.db"))
    made.migrate()
    yield made
    made.close()


def plan(database: SqliteDatabase, name: str) -> list[str]:
    """What SQLite says that it does for a named statement."""
    text = _STATEMENTS[name]
    parameters = dict.fromkeys(re.findall(r":(\w+)", text))
    return [row["detail"] for row in database.connection().execute(f"EXPLAIN QUERY PLAN {text}", parameters)]


def costly(steps: list[str]) -> list[str]:
    """Sorting, and reading a table from end to end; a list that Python gives is read so, of course, what a limit left, a table of a row a queue."""
    return [
        step
        for step in steps
        if "TEMP B-TREE" in step
        or (step.startswith("SCAN") and not re.search("VIRTUAL TABLE|SCAN next|QueueLease", step))
    ]


def test_claims_are_among_what_is_looked_at() -> None:
    assert {"claimable_sources", "claim_sources", "claim_jobs", "queued_messages", "has_pending_projections"} <= set(
        _CHOSEN
    )


@pytest.mark.parametrize("name", _CHOSEN)
def test_what_is_asked_all_the_time_neither_sorts_nor_scans(database: SqliteDatabase, name: str) -> None:
    assert costly(plan(database, name)) == []


def test_the_sensor_reads_no_more_than_what_is_open(database: SqliteDatabase) -> None:
    steps = [
        step for step in costly(plan(database, "pending_work")) if step != "SCAN Held"
    ]  # the tables with unread rows
    steps.remove("USE TEMP B-TREE FOR ORDER BY")  # of these
    assert {step.partition(" USING ")[2] for step in steps} == {
        "INDEX Source_Open",
        "INDEX StoredJob_Open",
        "INDEX AtomEmbedding_Pending",
    }


@pytest.mark.parametrize("name", ["searchable_atoms", "occurrence_counts"])
def test_whether_atoms_may_be_shown_is_looked_up_by_their_ids(database: SqliteDatabase, name: str) -> None:
    steps = plan(database, name)
    assert any(
        re.match(r"SEARCH sa USING INDEX SourceAtom_Atom|SEARCH sa USING COVERING INDEX SourceAtom_Atom", step)
        for step in steps
    )
    assert "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)" in steps
    assert [step for step in steps if step.startswith("SCAN") and "VIRTUAL TABLE" not in step] == []


def test_the_sources_of_a_filter_are_found_by_id_or_by_how_their_uri_begins(database: SqliteDatabase) -> None:
    steps = plan(database, "atoms_of_wanted_sources")
    assert costly(steps) == []
    assert "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)" in steps
    by_uri = "SEARCH s USING INDEX Source_Current (TenantId=? AND SourceUri>? AND SourceUri<?)"
    assert steps.count(by_uri) == 2  # of sources, and of files within them
    assert "SEARCH sa USING PRIMARY KEY (SourceId=?)" in steps


@pytest.mark.parametrize("name", ["sources_of_uri", "source_count_of_uri"])
def test_the_sources_of_a_uri_are_found_by_an_index(database: SqliteDatabase, name: str) -> None:
    steps = plan(database, name)
    by_uri = [step for step in steps if "(TenantId=? AND SourceUri>? AND SourceUri<?)" in step]
    assert len(by_uri) == 2  # of sources, and of what was found in them
    assert any(re.match(r"SEARCH Source USING INTEGER PRIMARY KEY", step) for step in steps)


def test_a_page_of_the_sources_of_a_uri_counts_none_of_the_others() -> None:
    assert "COUNT(" not in _STATEMENTS["sources_of_uri"]


@pytest.mark.parametrize("name", ["inference_page", "places_after"])
def test_a_page_is_read_from_its_place_on_in_the_order_of_an_index(database: SqliteDatabase, name: str) -> None:
    steps = plan(database, name)
    assert costly(steps) == []
    assert any(
        re.search(r"USING (COVERING )?INDEX (Inference_Created|SourceAtom_Atom) \(\w+=\? AND \(?\w+", step)
        for step in steps
    )


def test_a_page_of_inferences_counts_what_its_own_rows_hold_alone(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    looked: list[None] = []
    with database.unit_of_work() as unit_of_work:
        unit_of_work.connection.execute(
            "INSERT INTO Inference (InferenceId, TenantId, Model, CreatedAt) "
            "SELECT 'it/' || value, 0, 'm', printf('2026-11-30T10:00:00.%03dZ', value % 1000) FROM json_each(?)",
            (json.dumps(list(range(10_000))),),
        )
    with database.read() as unit_of_work:
        unit_of_work.connection.set_progress_handler(lambda: looked.append(None), 100)
        place = {"after_time": "2026-11-30T10:00:00.500Z", "after_id": "it/5500"}
        page = unit_of_work.query("inference_page", tenant_id=0, model=None, n=10, **place)
        unit_of_work.connection.set_progress_handler(None, 0)
    database.close()
    assert [row["inferenceId"] for row in page[:2]] == ["it/500", "it/4500"]
    assert len(looked) < 20  # hundreds of SQLite's instructions: each of 10,000 takes some


@pytest.mark.parametrize("number", [777, 4711])
def test_a_job_is_found_by_its_id_without_reading_the_others(tmp_path: Path, number: int) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    with database.unit_of_work() as unit_of_work:
        unit_of_work.connection.execute(
            "INSERT INTO DoneJob (JobNumber, OwnJobId, TenantId, IngestHour, AttemptCount, MaxAttempts, CreatedAt) "
            "SELECT value, CASE value WHEN 4711 THEN 'of a client' END, 0, '2026-11-30-10:00', 1, 5, 0 FROM json_each(?)",
            (json.dumps(list(range(1, 10_001))),),
        )
    looked: list[None] = []
    with database.read() as unit_of_work:
        connection = unit_of_work.connection
        [job_id] = connection.execute("SELECT JobId FROM DoneJob WHERE JobNumber = ?", (number,)).fetchone()
        connection.set_progress_handler(lambda: looked.append(None), 100)
        found = unit_of_work.query("jobs", tenant_id=0, status=None, job_id=job_id.upper(), after=None, n=1)
        connection.set_progress_handler(None, 0)
    database.close()
    assert [job["jobId"] for job in found] == [job_id]
    assert len(looked) < 20  # hundreds of SQLite's instructions: each of 10,000 jobs takes some
