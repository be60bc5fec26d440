"""Rows of atoms, jobs and embeddings that somebody wrote as he liked: refused in words, or else put right, named, and the rest is done."""

import hashlib
import logging
import sqlite3
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from hartonomous_assets import embeddings, projections
from hartonomous_assets.chain import run_stages
from hartonomous_assets.stage import Work
from hartonomous_core.clock import current_hour, is_hour
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.pending import hours_with_work, move_stray_work
from hartonomous_service.background_jobs import list_jobs
from hartonomous_service.health import check_health
from hartonomous_service.search import search
from hartonomous_service.source_records import verify_sources
from tests.builders import SmallCompute, open_home, write

NOT_HOURS = [
    "x'ff'",
    "CAST(x'ff' AS TEXT)",
    "'2026-13-45-77:00'",
    "'2026-02-30-00:00'",
    "'zz'",
    "''",
    "7",
    "CAST('2026-11-23-09:00' AS BLOB)",
]
LAST_ID = 2**63 - 1


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Resources]:
    """A home whose model takes no time."""
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    resources = open_home(tmp_path, database, provenance_enabled=False, ingestion_enabled=False)
    object.__setattr__(resources, "compute", SmallCompute())
    yield resources
    database.close()


@pytest.fixture
def unchecked(home: Resources) -> sqlite3.Connection:
    """A client, and the database without its checks, as one that an older release made and a client filled."""
    client = sqlite3.connect(home.settings.database_path, isolation_level=None)
    for trigger in ("Atom_ByHand", "Atom_HourByHand", "AtomEmbedding_ByHand"):
        client.execute(f"DROP TRIGGER {trigger}")
    client.execute("PRAGMA ignore_check_constraints = ON")
    return client


def insert(client: sqlite3.Connection, text: str, **columns: str) -> None:
    """An atom by hand; `columns` are SQL expressions."""
    given = {
        "TenantId": "0",
        "Modality": "'text'",
        "ContentHash": f"x'{hashlib.sha256(text.encode()).hexdigest()}'",
        "CanonicalText": f"'{text}'",
        **columns,
    }
    client.execute(f"INSERT INTO Atom ({', '.join(given)}) VALUES ({', '.join(given.values())})")


def run(home: Resources) -> None:
    """Everything that asks for a run, until nothing does."""
    for _ in range(5):
        move_stray_work(home.database, home.settings, current_hour())
        hours = hours_with_work(home.database, home.settings, current_hour())
        for hour in hours:
            reports = run_stages(
                Work(hour, "run", home), [embeddings.STAGE, projections.STAGE], 0, lambda _stage, _report: None
            )
            assert [report.error for report in reports.values()] == [None, None]
        if not hours:
            return
    raise AssertionError("what is left asks for a run again and again")


# ---- refused


@pytest.mark.parametrize("hour", NOT_HOURS)
@pytest.mark.parametrize("table", ["Atom", "BackgroundJob"])
def test_an_hour_that_is_none_is_refused_in_words(home: Resources, table: str, hour: str) -> None:
    client = sqlite3.connect(home.settings.database_path)
    with pytest.raises(sqlite3.IntegrityError, match="IngestHour is an hour such as 2026-11-23-09:00"):
        if table == "Atom":
            insert(client, "a text", IngestHour=hour)
        else:
            client.execute(
                f"INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId, IngestHour) VALUES ('a', 'b', '{{}}', 0, {hour})"
            )


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        ({"AtomId": str(LAST_ID)}, "AtomId is a number below 9007199254740992"),
        ({"TenantId": "'mine'"}, "TenantId is a number"),
        ({"TenantId": "-1"}, "TenantId is a number"),
        ({"CanonicalText": "x'ff'"}, "CanonicalText is text"),
        ({"CreatedAt": "'yesterday'"}, "CreatedAt is a time"),
        ({"CreatedAt": "x'ff'"}, "CreatedAt is a time"),
    ],
)
def test_an_atom_that_no_run_could_work_with_is_refused_in_words(
    home: Resources, columns: dict[str, str], complaint: str
) -> None:
    with pytest.raises(sqlite3.IntegrityError, match=complaint):
        insert(sqlite3.connect(home.settings.database_path), "a text", **columns)


@pytest.mark.parametrize(
    "time", ["'2026-11-23T09:44:16.123Z'", "'2026-11-23 09:44:16.1234567'", "'2026-11-23T09:44:16+01:00'"]
)
def test_times_as_clients_write_them_are_taken(home: Resources, time: str) -> None:
    insert(sqlite3.connect(home.settings.database_path), "a text", CreatedAt=time)


@pytest.mark.parametrize("vector", ["'text as long'", "zeroblob(8)"])
def test_an_embedding_that_is_no_vector_of_its_model_is_refused(home: Resources, vector: str) -> None:
    write(home.database, "a text", hour=current_hour())
    run(home)
    with pytest.raises(sqlite3.IntegrityError, match="EmbeddingVector is the bytes"):
        sqlite3.connect(home.settings.database_path).execute(
            "INSERT INTO AtomEmbedding (AtomId, TenantId, ModelId, Dimension, EmbeddingVector, IngestHour, CreatedAt)"
            f" SELECT AtomId, TenantId, 1, length({vector}) / 4, {vector}, IngestHour, CreatedAt FROM Atom"
        )


# ---- there all the same


@pytest.mark.parametrize("hour", [*NOT_HOURS, "'1970-01-01-00:00'"])
def test_work_in_an_hour_that_no_run_is_for_is_done_in_the_running_hour(
    home: Resources,
    unchecked: sqlite3.Connection,
    hour: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger("hartonomous"), "propagate", True)
    insert(unchecked, "a text", IngestHour=hour)
    insert(unchecked, "another")

    run(home)

    assert {job["status"] for job in list_jobs(home)["jobs"]} == {"Completed"}
    hours = unchecked.execute(
        "SELECT IngestHour FROM Atom UNION SELECT IngestHour FROM AtomEmbedding WHERE X IS NOT NULL"
    ).fetchall()
    assert hours == [(current_hour(),)]
    assert "which no run works on" in caplog.text
    assert verify_sources(home)["failed"] == []


def test_a_look_for_work_changes_nothing(home: Resources) -> None:
    write(home.database, "a text", hour="1970-01-01-00:00")

    hours = hours_with_work(home.database, home.settings, current_hour())

    assert hours == []
    assert [job["ingestHour"] for job in list_jobs(home)["jobs"]] == ["1970-01-01-00:00"]


def test_text_that_is_no_utf8_fails_its_own_job_only_and_is_named(
    home: Resources, unchecked: sqlite3.Connection
) -> None:
    insert(unchecked, "broken", CanonicalText="CAST(x'ff' || 'broken' AS TEXT)")
    insert(unchecked, "bytes", CanonicalText="x'62'")
    insert(unchecked, "whole")

    run(home)

    outcomes = {job["atomId"]: (job["status"], job["result"]) for job in list_jobs(home)["jobs"]}
    assert outcomes == {
        1: ("Failed", "the text of atom 1 is not UTF-8"),
        2: ("Failed", "the text of atom 2 is not UTF-8"),
        3: ("Completed", None),
    }
    assert [hit["text"] for hit in search(home, "broken", mode="lexical")["results"]] == ["\ufffdbroken"]
    assert [(row["atomId"], row["fault"]) for row in verify_sources(home)["failed"]] == [
        (1, "CanonicalText"),
        (2, "CanonicalText"),
    ]
    [jobs] = [check for check in check_health(home.settings)["checks"] if check["name"] == "jobs"]
    assert (jobs["status"], jobs["detail"].partition(":")[0]) == ("degraded", "2 failed")


def test_a_job_whose_id_is_no_utf8_is_done_once_under_its_bytes_in_hex(home: Resources) -> None:
    """What is read of such an id is not what stands in the row: the row must be found all the same."""
    client = sqlite3.connect(home.settings.database_path, isolation_level=None)
    insert(client, "a text")
    client.execute("UPDATE BackgroundJob SET JobId = CAST(x'6aff' AS TEXT)")

    run(home)

    assert [(job["jobId"], job["status"]) for job in list_jobs(home)["jobs"]] == [("6aff", "Completed")]


def test_an_atom_of_the_last_id_keeps_no_source_out_and_is_named(
    home: Resources, unchecked: sqlite3.Connection
) -> None:
    insert(unchecked, "the last", AtomId=str(LAST_ID))

    write(home.database, "one", "two", hour=current_hour())
    run(home)

    assert [row[0] for row in unchecked.execute("SELECT AtomId FROM Atom ORDER BY AtomId")] == [1, 2, LAST_ID]
    assert {job["status"] for job in list_jobs(home)["jobs"]} == {"Completed"}
    assert [(row["atomId"], row["fault"]) for row in verify_sources(home)["failed"]] == [(LAST_ID, "AtomId")]
    [database] = [check for check in check_health(home.settings)["checks"] if check["name"] == "database"]
    assert f"atom {LAST_ID} has the last id that there can be" in database["detail"]
    assert [hit["text"] for hit in search(home, "last")["results"]] == ["the last"]


NAN = f"x'{struct.pack('<3f', 1, float('nan'), 0).hex()}'"


@pytest.mark.parametrize("vector", ["zeroblob(4)", "'twelve bytes'", NAN])
def test_an_embedding_that_is_no_vector_is_made_anew_and_search_goes_on(
    home: Resources, unchecked: sqlite3.Connection, vector: str
) -> None:
    insert(unchecked, "one")
    insert(unchecked, "two")
    run(home)
    for projected in ("NULL", "1"):
        unchecked.execute(
            f"UPDATE AtomEmbedding SET EmbeddingVector = {vector}, ProjectionModelId = {projected} WHERE AtomId = 1"
        )

        assert len(search(home, "two", mode="semantic")["results"]) in (1, 2)
        run(home)

    assert [hit["text"] for hit in search(home, "two", mode="semantic")["results"]] == ["two"]
    unchecked.execute("UPDATE AtomEmbedding SET ProjectionModelId = NULL WHERE AtomId = 1")
    run(home)
    assert len(search(home, "two", mode="semantic")["results"]) == 2


def test_hours_are_told_from_what_is_none() -> None:
    assert is_hour("2026-11-23-09:00")
    assert [
        each
        for each in ("2026-11-23-9:00", "2026-11-23-24:00", "2026-11-23 09:00", "", None, b"2026-11-23-09:00", 7)
        if is_hour(each)
    ] == []


def test_days_are_told_from_hours() -> None:
    assert is_hour("2026-11-23-00:00") and is_hour("2026-11-23-00:00", "day")
    assert not is_hour("2026-11-23-09:00", "day") and not is_hour("2026-02-30-00:00", "day")
