"""One document on stdout for programs, of fixed keys; and what each command counts, checks or lists."""

from importlib.metadata import version

import pytest

from tests.cli import Home
from tests.end_to_end.commands.folder import FILES, Ingested

DOCUMENTS = {
    "sources list": "sources",
    "sources show 1": "sourceId sourceUri version status contentHash byteLength atomCount newAtomCount newBytes",
    "lineage 1": "nodes edges",
    "verify 1": "checked failed",
    "stats": "sources atoms embeddings projections jobs queues deadLetters bytesIn bytesStored bytesOnDisk dedupRatio graph "
    "graphUnavailable",
    "jobs list": "jobs",
    "dead-letters list": "deadLetters",
    "migrate --status": "ran migrations",
    "search lantern --mode lexical": "results",
}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_stdout_that_is_not_utf8_gets_valid_json_and_readable_text(
    ingested: Ingested, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    for_programs, for_people = ingested.home.run_all(
        ["search", "Möwe", "--mode", "lexical", "--json"], ["search", "Möwe", "--mode", "lexical"]
    )

    assert [hit["text"] for hit in for_programs.document["results"]] == ["Die Möwe schrie über dem Hafen."]
    assert for_people.code == 0, for_people.stderr
    assert b"schrie" in for_people.stdout


def test_with_json_stdout_is_one_document_with_the_fixed_keys(ingested: Ingested) -> None:
    results = ingested.home.run_all(*([*command.split(), "--json"] for command in DOCUMENTS))

    for (command, keys), result in zip(DOCUMENTS.items(), results, strict=True):
        assert result.code == 0, (command, result)
        assert set(keys.split()) <= set(result.document), command


def test_stats_counts_what_the_folder_holds(ingested: Ingested) -> None:
    stats, rows = ingested.home.json("stats"), ingested.home.value

    assert stats["sources"] == len(FILES) + 1  # the old version of the changed file counts
    assert stats["atoms"] == rows("SELECT COUNT(*) FROM Atom WHERE TenantId = 0")
    assert stats["embeddings"] == stats["projections"] == rows("SELECT COUNT(*) FROM BackgroundJob WHERE TenantId = 0")
    assert stats["jobs"] == {"Completed": stats["embeddings"]}
    assert stats["queues"] == {"IngestionQueue": 0, "ProvenanceQueue": 0}
    assert stats["deadLetters"] == 0
    assert stats["bytesIn"] > stats["bytesStored"] > 300_000
    assert stats["bytesOnDisk"] > stats["bytesStored"]
    assert stats["dedupRatio"] == round(stats["bytesIn"] / stats["bytesStored"], 3)
    assert set(stats["graph"]) == {"nodes", "edges"}


def test_verify_checks_every_source_and_finds_nothing(ingested: Ingested) -> None:
    assert ingested.home.json("verify") == {"checked": len(FILES) + 1, "failed": [], "truncated": False}


def test_jobs_list_shows_a_job_that_jobs_show_knows(ingested: Ingested) -> None:
    [job] = ingested.home.json("jobs", "list", "--limit", "1")["jobs"]

    assert (job["jobType"], job["status"], job["attemptCount"]) == ("GenerateEmbedding", "Completed", 1)
    assert ingested.home.json("jobs", "show", job["jobId"]) == job


def test_health_is_healthy_where_all_is_well(ingested: Ingested) -> None:
    health = ingested.home.json("health")

    assert health["status"] == "healthy", health
    assert all({"name", "status", "detail", "durationMs"} == set(check) for check in health["checks"])
    assert {check["name"] for check in health["checks"]} >= {"database", "graph", "text_model", "dead_letters"}


def test_health_of_a_damaged_database_is_unhealthy_and_exits_1(home: Home) -> None:
    home.path.mkdir()
    (home.path / "hartonomous.db").write_bytes(b"this is no database, it is a letter to the sea " * 100)

    result = home.run("health", "--json")

    assert (result.code, result.document["status"]) == (1, "unhealthy")


def test_config_show_names_every_setting_and_where_it_comes_from(ingested: Ingested) -> None:
    settings = {row["variable"]: row for row in ingested.home.json("config", "show")["settings"]}

    assert settings["HARTONOMOUS_HOME"]["value"] == str(ingested.home.path)
    assert settings["HARTONOMOUS_HOME"]["set"] is True
    assert settings["HARTONOMOUS_ATOM_BATCH_SIZE"] == {
        "variable": "HARTONOMOUS_ATOM_BATCH_SIZE",
        "value": 10_000,
        "set": False,
        "meaning": "Atoms written in one transaction.",
        "problem": None,
    }


def test_migrate_makes_the_database_once_and_status_only_looks(home: Home) -> None:
    too_early = home.run("migrate", "--status")
    made = home.path.exists()
    migrated, again, status = home.json("migrate"), home.json("migrate"), home.json("migrate", "--status")

    assert (too_early.code, made) == (1, False)
    assert "hartonomous migrate" in too_early.error
    assert len(migrated["ran"]) == len(migrated["migrations"]) > 0
    assert again["ran"] == status["ran"] == []
    assert all(row["appliedAt"] for row in status["migrations"])


def test_the_version_is_printed(home: Home) -> None:
    assert home.run("--version").stdout.decode().strip() == f"hartonomous {version('hartonomous')}"
