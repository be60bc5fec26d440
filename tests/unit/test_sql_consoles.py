"""`hartonomous sql`: what only reads is told from what changes, and one call is one transaction."""

import math
from pathlib import Path

import pytest

from hartonomous_resources.database.sqlite import SqliteDatabase
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import Invalid
from hartonomous_service.sql_console import run_sql


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    database = SqliteDatabase(settings.database_path)
    database.migrate()
    with database.unit_of_work() as unit_of_work:
        unit_of_work.enqueue("IngestionQueue", [("key", b"kept")])
    database.close()
    return settings


@pytest.fixture
def server() -> Settings:
    return Settings(sqlserver_server="127.0.0.1,1", sqlserver_login_seconds=1)


def depth(settings: Settings) -> int:
    return int(run_sql(settings, "SELECT COUNT(*) FROM QueueMessage")["rows"][0][0])


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1 DELETE FROM dbo.Atom; SELECT 1 COMMIT",
        "DELETE FROM dbo.Atom",
        "SELECT * INTO dbo.Copy FROM dbo.Atom",
        "SELECT NEXT VALUE FOR dbo.MessageSequence",
        "WITH a AS (SELECT 1 AS x) UPDATE dbo.Atom SET ReferenceCount = 0",
        "EXEC dbo.usp_delete_source 1",
        "SELECT 1\nGO\nDROP TABLE dbo.Atom",
        "SELECT * FROM OPENQUERY(x, 'DELETE FROM y')",
        "/* SELECT */ TRUNCATE TABLE dbo.Atom",
    ],
)
def test_on_sql_server_what_changes_something_is_refused_before_anything_is_sent(server: Settings, text: str) -> None:
    with pytest.raises(Invalid, match="is more than SELECT"):
        run_sql(server, text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT TOP (1) SpatialKey.ToString() FROM dbo.AtomEmbedding ORDER BY CreatedAt DESC",
        "DECLARE @v int = 1; SELECT @v AS [delete] -- drop",
        "SELECT 'DELETE', N'commit', \"update\" FROM dbo.Atom /* insert */",
    ],
)
def test_on_sql_server_what_only_reads_is_sent(server: Settings, text: str) -> None:
    pytest.importorskip("pyodbc")
    with pytest.raises(Exception, match="cannot be reached: Login timeout"):
        run_sql(server, text)


@pytest.mark.parametrize(
    "end", ["COMMIT", "ROLLBACK", "END", "DETACH dbo", "SAVEPOINT a", "PRAGMA writable_schema = 1"]
)
def test_one_call_is_one_transaction_whatever_the_text_says(settings: Settings, end: str) -> None:
    with pytest.raises(Invalid, match=r"not authorized|syntax"):
        run_sql(settings, f"DELETE FROM QueueMessage; {end}; SELECT 1", write=True)

    assert depth(settings) == 1


def test_a_value_that_json_cannot_hold_is_shown_as_text(settings: Settings) -> None:
    assert run_sql(settings, "SELECT 1e999, -1e999, 1.5")["rows"] == [[str(math.inf), str(-math.inf), 1.5]]


def test_an_argument_that_is_no_text_is_no_crash(settings: Settings) -> None:
    assert run_sql(settings, "SELECT '\udcff'")["rows"] == [["?"]]


@pytest.mark.parametrize(
    "text", ["DECLARE @i INT = 0; WHILE @i < 3 SET @i = @i + 1; SELECT @i", "DECLARE @i INT = 0; IF @i=0 SELECT 1"]
)
def test_control_flow_is_refused_and_not_passed_over(settings: Settings, text: str) -> None:
    with pytest.raises(Invalid):
        run_sql(settings, text)


def test_jobs_that_were_changed_are_counted_though_triggers_do_the_work(settings: Settings) -> None:
    insert = "INSERT INTO BackgroundJob (JobId, JobType, Parameters, TenantId, Status) VALUES "
    jobs = ", ".join(
        f"('a job {n}', 'Report', '{{}}', 0, '{status}')" for n, status in enumerate(("Pending", "Completed"))
    )
    changes = [
        insert + jobs,
        "UPDATE BackgroundJob SET Status = 'Completed'",
        "UPDATE dbo.BackgroundJob SET Result = 'none' WHERE JobId = 'a job 0'",
        "DELETE FROM BackgroundJob",
        "DELETE FROM BackgroundJob",
    ]

    assert [run_sql(settings, change, write=True)["rowsChanged"] for change in changes] == [2, 2, 1, 2, 0]
