"""What is the embedded database's own: the file it lies in."""

import sqlite3
import time
import uuid
from pathlib import Path

import pytest

from hartonomous_resources.database.database_errors import DatabaseUnavailable
from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.database.sqlite_connection import PAGE_BYTES
from tests.backends import rows
from tests.builders import write


def test_a_file_that_is_no_database_is_said_to_be_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "hartonomous.db"
    path.write_bytes(b"not a database " * 1000)

    with pytest.raises(DatabaseUnavailable, match=r"hartonomous\.db: file is not a database"):
        SqliteDatabase(path).migrate()


def test_a_database_whose_folder_cannot_be_made_is_said_to_be_unavailable(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the home should be")

    with pytest.raises(DatabaseUnavailable, match="check HARTONOMOUS_HOME"):
        SqliteDatabase(tmp_path / "home" / "hartonomous.db").migrate()


def test_a_damaged_file_is_said_to_be_unavailable_while_it_is_used(tmp_path: Path) -> None:
    path = tmp_path / "hartonomous.db"
    database = SqliteDatabase(path)
    database.migrate()
    pages = (
        database.connection().execute("SELECT rootpage FROM sqlite_master WHERE tbl_name = 'QueueMessage'").fetchall()
    )
    database.close()
    with path.open("r+b") as file:
        for (page,) in pages:
            file.seek((page - 1) * PAGE_BYTES)
            file.write(b"\xff" * PAGE_BYTES)

    with pytest.raises(DatabaseUnavailable, match="restore it from a backup"), database.read() as unit_of_work:
        unit_of_work.query("queue_depths")


def test_what_is_committed_survives_a_power_cut_and_readers_never_wait(tmp_path: Path) -> None:
    connection = SqliteDatabase(tmp_path / "hartonomous.db").connection()

    settings = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_bytes_on_disk_grow_with_what_is_written(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    before = database.bytes_on_disk()

    with database.unit_of_work() as unit_of_work:
        unit_of_work.enqueue("IngestionQueue", [("key", bytes(1_000_000))])

    assert database.bytes_on_disk() - before >= 1_000_000


def test_a_constraint_that_a_client_breaks_is_refused_by_the_database_itself(tmp_path: Path) -> None:
    path = tmp_path / "hartonomous.db"
    SqliteDatabase(path).migrate()
    client = sqlite3.connect(path)
    insert = "INSERT INTO Atom (TenantId, Modality, ContentHash, AtomicValue) VALUES (0, 'text', ?, ?)"
    client.execute(insert, (bytes(32), b"x" * 64))

    for content_hash, value in ((bytes(31), b"x"), ("a" * 32, b"x"), (b"1" * 32, b"x" * 65), (bytes(32), b"twice")):
        with pytest.raises(sqlite3.IntegrityError):
            client.execute(insert, (content_hash, value))
    client.close()


def test_job_ids_are_time_ordered_version_7_uuids(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hartonomous.db")
    database.migrate()
    before = time.time() * 1000
    write(database, *(f"sentence {n}" for n in range(200)))
    for n in range(20):
        write(database, f"one more {n}", uri=f"file:///{n}")
    after = time.time() * 1000

    found = rows(database.connection(), "SELECT JobId, AtomId FROM BackgroundJob ORDER BY JobId")
    ids = [uuid.UUID(job["JobId"]) for job in found]
    assert {(i.version, i.variant) for i in ids} == {(7, uuid.RFC_4122)}
    assert all(before - 2 <= i.int >> 80 <= after + 2 for i in ids)
    assert [job["AtomId"] for job in found] == sorted(job["AtomId"] for job in found), "JobId order is insertion order"
    assert len(ids) == 220
    database.close()


def test_a_mapped_database_sees_what_another_one_writes_and_deletes(tmp_path: Path) -> None:
    path = tmp_path / "hartonomous.db"
    plain, mapped = SqliteDatabase(path), SqliteDatabase(path, mapped=True)
    plain.migrate()
    sizes = []
    for database in (plain, mapped):
        with database.read() as reading:
            sizes += [size for (size,) in reading.connection.execute("PRAGMA mmap_size")]
    assert sizes[0] == 0 and sizes[1] > 2**30
    for count in (1000, 10, 2000):
        with plain.unit_of_work() as unit_of_work:
            unit_of_work.connection.execute("DELETE FROM QueueMessage")
            unit_of_work.enqueue("IngestionQueue", [("", bytes(2000))] * count)
        plain.connection().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        plain.connection().execute("VACUUM")  # the file becomes shorter, too
        with mapped.read() as reading:
            [(found, length)] = reading.connection.execute("SELECT COUNT(*), SUM(LENGTH(Body)) FROM QueueMessage")
        assert (found, length) == (count, 2000 * count)
    plain.close()
    mapped.close()
