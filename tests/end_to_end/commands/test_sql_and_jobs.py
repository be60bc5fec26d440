"""`sql` and `jobs`."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from tests.cli import Home

SEED_INSERT = """USE Hartonomous;

-- Insert a test text atom
INSERT INTO dbo.Atom (TenantId, Modality, Subtype, ContentHash, CanonicalText, AtomicValue, CreatedAt)
VALUES (
    0,
    'text',
    'test',
    HASHBYTES('SHA2_256', 'This is a test sentence'),
    'This is a test sentence',
    CAST('This is a test sentence' AS VARBINARY(64)),
    GETUTCDATE()
);
"""
SEED_SELECT = "SELECT TOP 1 AtomId, CanonicalText FROM dbo.Atom ORDER BY AtomId DESC;"

SEED_JOBS = """SELECT TOP 5 * FROM dbo.BackgroundJob
WHERE JobType = 'GenerateEmbedding'
ORDER BY CreatedAt DESC;
"""


def test_the_seeds_insert_works_as_written_and_its_selects_find_the_atom_and_its_job(home: Home) -> None:
    inserted = home.json("sql", "--write", SEED_INSERT)
    selected = home.json("sql", SEED_SELECT)
    jobs = home.json("sql", SEED_JOBS)

    assert inserted["rowsChanged"] == 1
    assert selected["columns"] == ["AtomId", "CanonicalText"]
    assert [row[1] for row in selected["rows"]] == ["This is a test sentence"]
    assert home.rows("SELECT ContentHash, AtomicValue, typeof(AtomicValue), ReferenceCount FROM Atom") == [
        (hashlib.sha256(b"This is a test sentence").digest(), b"This is a test sentence", "blob", 0)
    ]
    [job] = [dict(zip(jobs["columns"], row, strict=True)) for row in jobs["rows"]]
    assert (job["Status"], json.loads(job["Parameters"])["AtomId"]) == ("Pending", job["AtomId"])


def test_sql_changes_nothing_unless_write_is_given(home: Home) -> None:
    assert home.run("migrate").code == 0
    result = home.run("sql", SEED_INSERT)

    assert result.code == 1
    assert "--write" in result.error
    assert home.value("SELECT COUNT(*) FROM Atom") == 0


# ---- jobs


def test_a_job_is_created_shown_done_by_an_installed_handler_and_marked(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports-1.dist-info").mkdir()
    (tmp_path / "reports-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: reports\nVersion: 1\n")
    (tmp_path / "reports-1.dist-info" / "entry_points.txt").write_text(
        "[hartonomous.job_handlers]\nSendReport = reports:send\n"
    )
    (tmp_path / "reports.py").write_text(
        "def send(parameters, tenant, resources):\n    return f'{parameters} of {tenant}'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    job_id = home.json("jobs", "create", "SendReport", "--parameters", '{"To": "x"}', "--tenant", "3")["jobId"]
    waiting = home.json("jobs", "create", "OfSomebodyElse")["jobId"]

    home.json("ingest")

    done = home.json("jobs", "show", job_id.upper(), "--tenant", "3")
    assert (done["status"], done["result"], done["tenantId"]) == ("Completed", "{'To': 'x'} of 3", 3)
    [jobs] = [check for check in home.json("health")["checks"] if check["name"] == "jobs"]
    assert (jobs["status"], jobs["detail"]) == ("healthy", "1 of type OfSomebodyElse wait for whoever does them")
    assert (
        home.json("jobs", "set-status", waiting, "Failed", "--result", "nobody does it")["result"] == "nobody does it"
    )
    assert home.json("health")["status"] == "degraded"


def test_a_job_that_is_not_there_is_an_error(home: Home) -> None:
    assert home.run("migrate").code == 0
    for words in (["show"], ["set-status"], ["retry"]):
        result = home.run("jobs", *words, "no such job", *(["Failed"] if words == ["set-status"] else []))
        assert result.code == 1
        assert "job no such job is not found" in result.error


def test_one_row_is_not_called_rows(home: Home) -> None:
    home.json("ingest")
    changed = home.run("sql", "--write", "UPDATE Modality SET Name = Name WHERE Name = 'text'")

    assert changed.stdout.decode().strip() == "1 row changed"
