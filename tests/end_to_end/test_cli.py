"""The commands as users and their scripts meet them: documents, exit codes, errors, tenants, and what an unchanged folder costs."""

import hashlib
import json
import os
import random
import re
import shutil
import sqlite3
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_service.cli.output import out, printable
from tests.cli import Home, Result

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

OLD_TIDE = "At noon the tide table of the year 1889 was nailed to the door."
NEW_TIDE = "Since spring a brass plate tells when the water will rise."

FILES = {
    "harbour.txt": b"The harbour lay quiet under the fog.\r\n\r\nA lantern swung above the customs house.\r\n",
    "copy/harbour again.txt": b"The harbour lay quiet under the fog.\r\n\r\nA lantern swung above the customs house.\r\n",
    "bread.md": b"# Bread\n\nKnead the dough for ten minutes.  Let it rest overnight in a cool place.\n",
    "tide.txt": f"{OLD_TIDE} A lantern swung above the customs house.\n".encode(),
    "unicode.txt": "Die Möwe schrie über dem Hafen. 港は静かだった。 Ω comes last.".encode(),
    "cargo.bin": random.Random(7).randbytes(300_000),
}


@dataclass(frozen=True, slots=True)
class Ingested:
    """A home with the small folder in it, and what each of three ingests said."""

    home: Home
    folder: Path
    first: Any
    changed: Any
    unchanged: Any
    before_unchanged: dict[str, Any]
    after_unchanged: dict[str, Any]

    def source_id(self, name: str, document: str = "first") -> int:
        """The source that an ingest made of a file."""
        uri = (self.folder / name).as_uri()
        [source] = [source for source in getattr(self, document)["sources"] if source["sourceUri"] == uri]
        return int(source["sourceId"])


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Ingested:
    """The folder ingested; one file changed, one given to tenant 7 and ingested again; then once more, unchanged. Only read from here on."""
    folder = tmp_path_factory.mktemp("folder").resolve()
    for name, content in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"text_unit": "sentence"})
    first = home.json("ingest", folder)
    (folder / "tide.txt").write_text(f"{NEW_TIDE} A lantern swung above the customs house.\n")
    home.json("ingest", "--no-wait", "--tenant", "7", folder / "harbour.txt")
    changed = home.json("ingest", folder)
    before = footprint(home)
    # A model that is not there: an unchanged folder must not need one.
    unchanged = home.with_settings(text_model=folder / "no model", model_dir=folder / "none").json("ingest", folder)
    return Ingested(home, folder, first, changed, unchanged, before, footprint(home))


def footprint(home: Home) -> dict[str, Any]:
    """Everything that an ingest of an unchanged folder must leave as it is, and when the sources were last seen."""
    return {
        "atoms": home.rows("SELECT * FROM Atom ORDER BY AtomId"),
        "jobs": home.rows("SELECT * FROM BackgroundJob ORDER BY JobId"),
        "messages ever sent": home.rows("SELECT seq FROM sqlite_sequence WHERE name = 'QueueMessage'"),
        "sources": home.rows("SELECT SourceId, Version, Status, AttemptCount FROM Source ORDER BY SourceId"),
        "runs of sources": home.rows("SELECT SourceId, RunId FROM SourceRun ORDER BY SourceId, RunId"),
        "runs": home.run_statuses(),
        "seen": dict(home.rows("SELECT SourceId, LastSeenAt FROM Source WHERE SupersededBy IS NULL AND TenantId = 0")),
    }


def sources_of(document: Any) -> dict[str, Any]:
    """The sources of an ingest's document by the last part of their uri."""
    return {source["sourceUri"].rsplit("/", 1)[1]: source for source in document["sources"]}


# ---- ingest


def test_ingest_says_of_every_file_what_became_of_it(ingested: Ingested) -> None:
    sources = sources_of(ingested.first)

    assert ingested.first["failed"] == []
    assert len(sources) == len(FILES)
    for name, content in FILES.items():
        source = sources[name.rsplit("/", 1)[-1].replace(" ", "%20")]
        assert set(source) >= {"sourceId", "contentType", "atomCount", "newAtomCount", "newBytes"}
        assert source["contentHash"] == hashlib.sha256(content).hexdigest()
        assert source["byteLength"] == len(content)
        assert source["status"] == "Atomized"
        assert source["sourceUri"] == (ingested.folder / name).as_uri()
    assert sources["cargo.bin"]["contentType"] == "application/octet-stream"
    assert sources["harbour.txt"]["contentType"] == "text/plain"


def test_a_second_copy_of_a_file_brings_no_new_atom(ingested: Ingested) -> None:
    first, second = (
        sources_of(ingested.first)[name]
        for name in sorted(
            ("harbour.txt", "harbour%20again.txt"), key=lambda n: sources_of(ingested.first)[n]["sourceId"]
        )
    )

    assert first["newAtomCount"] == first["atomCount"] > 0
    assert (second["atomCount"], second["newAtomCount"], second["newBytes"]) == (first["atomCount"], 0, 0)


def test_an_unchanged_folder_adds_no_atom_sends_no_message_starts_no_run_and_needs_no_model(ingested: Ingested) -> None:
    before, after = dict(ingested.before_unchanged), dict(ingested.after_unchanged)
    seen_before, seen_after = before.pop("seen"), after.pop("seen")

    assert after == before
    assert set(before["runs"]) == {"SUCCESS"}
    assert seen_before and seen_after.keys() == seen_before.keys()
    assert all(seen_after[source_id] > seen_before[source_id] for source_id in seen_before)


def test_an_unchanged_file_is_reported_as_such_and_brings_nothing_new(ingested: Ingested) -> None:
    nothing_new = {"unchanged": True, "newAtomCount": 0, "newBytes": 0}
    changed = sources_of(ingested.changed)

    assert ingested.unchanged == {**ingested.changed, "sources": ingested.unchanged["sources"]}
    assert sources_of(ingested.unchanged) == {name: {**source, **nothing_new} for name, source in changed.items()}
    assert {source["unchanged"] for source in ingested.first["sources"]} == {False}
    assert [name for name, source in changed.items() if not source["unchanged"]] == ["tide.txt"]
    assert changed["tide.txt"]["newAtomCount"] > 0


def test_a_changed_file_becomes_a_new_version_that_supersedes_the_old_one(ingested: Ingested) -> None:
    old, new = ingested.source_id("tide.txt"), ingested.source_id("tide.txt", "changed")

    assert ingested.home.rows(
        "SELECT SourceId, Version, SupersededBy FROM Source WHERE SourceUri LIKE '%tide.txt' ORDER BY Version"
    ) == [(old, 1, new), (new, 2, None)]
    others = {name: source["sourceId"] for name, source in sources_of(ingested.first).items() if name != "tide.txt"}
    assert others == {
        name: source["sourceId"] for name, source in sources_of(ingested.changed).items() if name != "tide.txt"
    }


def test_no_wait_only_enqueues(home: Home, tmp_path: Path) -> None:
    (tmp_path / "later.txt").write_text("Nobody is here to read this.")

    document = home.json("ingest", "--no-wait", tmp_path / "later.txt")

    assert [source["status"] for source in document["sources"]] == ["Queued"]
    assert home.json("stats")["queues"] == {"IngestionQueue": 1, "ProvenanceQueue": 0}
    assert home.run_statuses() == []

    assert home.json("ingest") == {
        "sources": [],
        "failed": [],
        "notSearchable": {"sources": 0, "contentTypes": {}},
        "leftOut": [],
        "stages": {},
        "gone": 0,
        "otherModel": None,
    }, "without a path it does what waits"
    assert home.json("stats")["queues"] == {"IngestionQueue": 0, "ProvenanceQueue": 0}


def test_what_looks_like_the_code_of_an_emoji_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    out.print(printable("It is 10:ok:20 [b] :smile:"))
    assert capsys.readouterr().out == "It is 10:ok:20 [b] :smile:\n"


# ---- one document on stdout


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


# ---- search, lineage, reconstruct


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "lexical"])
def test_search_finds_the_sentence_and_the_bytes_where_it_stands(ingested: Ingested, mode: str) -> None:
    found = ingested.home.json("search", "dough overnight", "--mode", mode, "-k", "3")
    hits = found["results"]

    assert found["answered"]
    assert hits[0]["text"] == "Let it rest overnight in a cool place." or hits[0]["text"].startswith("Knead the dough")
    assert [hit["rank"] for hit in hits] == list(range(1, len(hits) + 1))
    if mode == "lexical":
        assert [hit["score"] for hit in hits] == [None] * len(hits)
    if mode == "semantic":
        assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        assert set(hit) >= {
            "rank",
            "score",
            "semanticRank",
            "lexicalRank",
            "atomHash",
            "modality",
            "subtype",
            "text",
            "sources",
        }
        assert hit["atomHash"] == hashlib.sha256(hit["text"].encode()).hexdigest()
        for place in hit["sources"]:
            assert set(place) >= {"sourceId", "sourceUri", "byteOffset", "byteLength", "locator"}
            content = file_of(place["sourceUri"], ingested.folder).read_bytes()
            end = place["byteOffset"] + place["byteLength"]
            assert content[place["byteOffset"] : end].decode() == hit["text"]
            end = place["highlightOffset"] + place["highlightLength"]
            assert content[place["highlightOffset"] : end].decode() == hit["highlight"]["text"]


def test_a_search_is_narrowed_grouped_and_shown_with_neighbours(ingested: Ingested) -> None:
    [hit, *_] = ingested.home.json("search", "dough overnight", "--mode", "lexical")["results"]
    place = hit["sources"][0]
    narrow = ["search", "dough overnight", "--mode", "lexical", "--uri", place["sourceUri"], "--content-type", "text/*"]
    shown = ["--context", "1", "--group", "source", "--no-highlight", "--since", "2020-01-01"]

    [alone] = ingested.home.json(*narrow, *shown)["results"]

    assert {each["sourceId"] for each in alone["sources"]} == {place["sourceId"]}
    assert set(alone["sources"][0]["context"]) == {"before", "after"}
    assert alone["highlight"] is None
    for nothing in (["--until", "2020-01-01"], ["--metadata", "from=nobody"], ["--source", "4711"]):
        assert ingested.home.json(*narrow, *nothing)["results"] == []


def file_of(uri: str, folder: Path) -> Path:
    """The file of the folder that a uri names."""
    return next(path for path in folder.rglob("*") if path.as_uri() == uri)


def test_a_search_that_options_narrow_to_nothing_names_them(ingested: Ingested) -> None:
    shown = ingested.home.run(
        "search", "dough", "--uri", "kitchen", "--content-type", "text/csv", "--since", "2001-01-01"
    )

    said = "--uri kitchen: a uri begins with file:///…, --content-type text/csv, --since 2001-01-01"
    assert shown.stdout.decode() == f"nothing found in what was asked for ({said})\n"


def test_search_no_longer_shows_what_only_the_old_version_said(ingested: Ingested) -> None:
    modes = ("hybrid", "semantic", "lexical")

    results = ingested.home.run_all(*(["search", OLD_TIDE, "--mode", mode, "-k", "100", "--json"] for mode in modes))

    for mode, result in zip(modes, results, strict=True):
        texts = [hit["text"] for hit in result.document["results"]]
        assert texts and OLD_TIDE not in texts, mode


def test_an_old_version_with_every_word_does_not_hide_what_has_some_of_them(ingested: Ingested) -> None:
    hits = ingested.home.json("search", OLD_TIDE, "--mode", "lexical")["results"]

    assert "A lantern swung above the customs house." in [hit["text"] for hit in hits]  # they share a word


def test_search_shows_what_the_new_version_says(ingested: Ingested) -> None:
    [hit, *_] = ingested.home.json("search", "brass plate water")["results"]

    assert hit["text"] == NEW_TIDE
    assert [place["sourceId"] for place in hit["sources"]] == [ingested.source_id("tide.txt", "changed")]


def test_an_atom_that_the_new_version_keeps_is_shown_with_the_new_version_only(ingested: Ingested) -> None:
    [hit, *_] = ingested.home.json("search", "A lantern swung above the customs house.")["results"]

    sources = {place["sourceId"] for place in hit["sources"]}
    assert ingested.source_id("tide.txt", "changed") in sources
    assert ingested.source_id("tide.txt") not in sources


def test_lineage_of_an_atom_leads_to_its_sources_model_and_run(ingested: Ingested) -> None:
    digest = hashlib.sha256(b"A lantern swung above the customs house.").hexdigest()

    lineage = ingested.home.json("lineage", digest.upper())

    assert_edges_join_nodes(lineage)
    from_atom = {
        (edge["type"], edge["to"].split(":")[0]) for edge in lineage["edges"] if edge["from"] == f"Atom:{digest}"
    }
    assert from_atom == {
        ("INGESTED_FROM", "Source"),
        ("EMBEDDED_BY", "Model"),
        ("PROJECTED_BY", "Model"),
        ("GENERATED_BY", "Run"),
    }
    models = {node["kind"]: node for node in lineage["nodes"] if node["label"] == "Model"}
    assert models.keys() == {"embedding", "projection"}
    assert all(node["id"] == f"Model:{node['artifactHash']}" for node in models.values())
    runs = {node["id"].removeprefix("Run:") for node in lineage["nodes"] if node["label"] == "Run"}
    with ingested.home.dagster() as instance:
        assert runs and all(instance.has_run(run_id) for run_id in runs)


def test_lineage_of_a_source_says_which_version_it_supersedes(ingested: Ingested) -> None:
    old, new = ingested.source_id("tide.txt"), ingested.source_id("tide.txt", "changed")

    of_new, of_old = (ingested.home.json("lineage", str(asked)) for asked in (new, old))

    assert_edges_join_nodes(of_new)
    assert ("SUPERSEDES", f"Source:{new}", f"Source:{old}") in {
        (edge["type"], edge["from"], edge["to"]) for edge in of_new["edges"]
    }
    versions = {node["id"]: node["supersededBy"] for node in of_old["nodes"] if node["label"] == "Source"}
    assert versions == {f"Source:{old}": new}


def assert_edges_join_nodes(lineage: Any) -> None:
    """Every edge's ends are among the nodes, and every node has a label."""
    ids = {node["id"] for node in lineage["nodes"]}
    assert all(node["label"] for node in lineage["nodes"])
    assert all(edge["from"] in ids and edge["to"] in ids for edge in lineage["edges"])


@pytest.mark.parametrize("name", ["unicode.txt", "cargo.bin"])
def test_a_source_is_rebuilt_byte_for_byte_into_a_file(ingested: Ingested, tmp_path: Path, name: str) -> None:
    target = tmp_path / "rebuilt"

    document = ingested.home.json("reconstruct", str(ingested.source_id(name)), "-o", target)

    assert target.read_bytes() == FILES[name]
    assert document["byteLength"] == len(FILES[name])
    assert list(tmp_path.iterdir()) == [target]


def test_a_source_is_rebuilt_byte_for_byte_on_stdout_and_so_is_a_superseded_version(ingested: Ingested) -> None:
    result = ingested.home.run("reconstruct", str(ingested.source_id("tide.txt")), "-o", "-")

    assert (result.code, result.stdout) == (0, FILES["tide.txt"])


def test_a_tampered_atom_is_found_by_verify_and_never_rebuilt(ingested: Ingested, tmp_path: Path) -> None:
    damaged = Home(tmp_path / "home", ingested.home.model_dir)
    shutil.copytree(ingested.home.path, damaged.path)
    source_id = ingested.source_id("bread.md")
    with sqlite3.connect(damaged.path / "hartonomous.db") as connection:
        connection.execute("UPDATE Atom SET CanonicalText = 'Knead the bough' WHERE CanonicalText LIKE 'Knead%'")

    verified = damaged.run("verify", "--json")
    rebuilt = damaged.run("reconstruct", str(source_id), "-o", tmp_path / "rebuilt")

    assert verified.code == 1
    assert source_id in [item.get("sourceId") for item in verified.document["failed"]]
    assert rebuilt.code == 1 and f"source {source_id}" in rebuilt.error
    assert not (tmp_path / "rebuilt").exists()


# ---- sql


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


def health_of_jobs(home: Home) -> tuple[str, str]:
    [check] = [check for check in home.json("health")["checks"] if check["name"] == "jobs"]
    return check["status"], check["detail"]


def test_a_job_that_is_not_there_is_an_error(home: Home) -> None:
    for words in (["show"], ["set-status"], ["retry"]):
        result = home.run("jobs", *words, "no such job", *(["Failed"] if words == ["set-status"] else []))
        assert result.code == 1
        assert "job no such job is not found" in result.error


# ---- dead letters


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """A home in which two files died, and what the commands said while one was replayed and the other discarded."""

    home: Home
    folder: Path
    letters: dict[str, Any]
    shown: Any
    replayed: Any
    discarded: Any
    good_again: Any
    good_before: Any


@pytest.fixture(scope="module")
def died(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> DeadLetters:
    """A file too large that gets smaller and is replayed, one that is and stays so and is discarded, and one that is bad for a while."""
    folder = tmp_path_factory.mktemp("folder").resolve()
    large, huge, note = (folder / name for name in ("large.txt", "huge.txt", "note.txt"))
    large.write_bytes(bytes(101))
    huge.write_bytes(bytes(1001))
    note.write_bytes(b"A good note.\n")
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"max_source_bytes": 100})
    first = home.run("ingest", folder, "--json")
    assert first.code == 1
    listed = home.json("dead-letters", "list")["deadLetters"]
    letters = {letter["orderingKey"].rsplit("/", 1)[1]: letter for letter in listed}
    shown = home.json("dead-letters", "show", str(letters["huge.txt"]["deadLetterId"]))
    large.write_text("It has few words now.\n")
    replayed = home.json("dead-letters", "replay", str(letters["large.txt"]["deadLetterId"]))
    discarded = home.json("dead-letters", "discard", str(letters["huge.txt"]["deadLetterId"]))
    note.write_bytes(b"A bad note." * 10)
    assert home.run("ingest", note, "--json").code == 1  # does what was replayed on the way
    note.write_bytes(b"A good note.\n")
    return DeadLetters(
        home, folder, letters, shown, replayed, discarded, home.json("ingest", note), first.document["sources"]
    )


def test_a_dead_letter_says_what_it_was_and_why_it_died(died: DeadLetters) -> None:
    assert set(died.letters) == {"large.txt", "huge.txt"}
    assert died.shown == died.letters["huge.txt"]
    assert died.shown["kind"] == "message"
    assert "1,001 bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES" in died.shown["reason"]
    assert json.loads(died.shown["body"])["uri"] == (died.folder / "huge.txt").as_uri()


def test_a_replayed_dead_letter_is_gone_and_its_file_is_done_by_the_next_run(died: DeadLetters) -> None:
    uri = (died.folder / "large.txt").as_uri()

    assert died.replayed["deadLetterId"] == died.letters["large.txt"]["deadLetterId"]
    assert died.home.rows("SELECT Status FROM Source WHERE SourceUri = ?", uri) == [("Atomized",)]
    assert died.home.value("SELECT COUNT(*) FROM DeadLetter WHERE OrderingKey = ?", uri) == 0


def test_a_discarded_dead_letter_is_gone(died: DeadLetters) -> None:
    letter = died.letters["huge.txt"]["deadLetterId"]

    assert died.discarded["discarded"] is True
    assert died.home.value("SELECT COUNT(*) FROM DeadLetter WHERE DeadLetterId = ?", letter) == 0


def test_only_what_may_still_be_read_is_allowed_to_be_read(died: DeadLetters) -> None:
    allowed = died.home.rows("SELECT Uri FROM PathGrant")

    assert allowed == [((died.folder / "note.txt").as_uri(),)]  # of the dead letter that is left


def test_a_file_that_is_good_again_is_not_reported_as_the_bad_version_between(died: DeadLetters) -> None:
    [before], [again] = died.good_before, died.good_again["sources"]

    assert (again["contentHash"], again["status"]) == (before["contentHash"], "Atomized")
    assert died.home.json("sources", "show", str(before["sourceId"]))["supersededBy"] == again["sourceId"]


# ---- tenants


def test_what_belongs_to_another_tenant_reads_as_what_does_not_exist(ingested: Ingested, tmp_path: Path) -> None:
    mine = {
        "source": str(ingested.source_id("bread.md")),
        "atom": hashlib.sha256(b"Knead the dough for ten minutes.").hexdigest(),
        "job": ingested.home.value("SELECT MIN(JobId) FROM BackgroundJob WHERE TenantId = 0"),
    }
    nobodys = {"source": "999999", "atom": "0" * 64, "job": "00000000-0000-7000-8000-000000000000"}
    out = tmp_path / "out"
    commands = {
        "source": [["sources", "show"], ["lineage"], ["reconstruct", "-o", out]],
        "atom": [["lineage"]],
        "job": [["jobs", "show"]],
    }
    asked = [(kind, command) for kind, of_kind in commands.items() for command in of_kind]

    results = ingested.home.run_all(
        *([*command, names[kind], "--tenant", "7"] for kind, command in asked for names in (mine, nobodys))
    )

    for (kind, command), of_other, of_nobody in zip(asked, results[::2], results[1::2], strict=True):
        assert of_other.code == of_nobody.code == 1, command
        assert of_other.error.replace(mine[kind], "…") == of_nobody.error.replace(nobodys[kind], "…")
    assert not out.exists()


def test_search_and_lists_and_counts_hold_only_the_tenants_own(ingested: Ingested) -> None:
    own = {"The harbour lay quiet under the fog.", "A lantern swung above the customs house."}

    found = ingested.home.json("search", "dough lantern harbour", "--tenant", "7", "-k", "100")["results"]
    listed = ingested.home.json("sources", "list", "--tenant", "7")["sources"]
    stats = ingested.home.json("stats", "--tenant", "7")

    assert {hit["text"] for hit in found} == own
    assert {place["sourceId"] for hit in found for place in hit["sources"]} == {source["sourceId"] for source in listed}
    assert (stats["sources"], stats["embeddings"]) == (1, len(own))


def test_a_tenant_cannot_tell_that_another_has_the_same_bytes(ingested: Ingested) -> None:
    [source] = ingested.home.json("sources", "list", "--tenant", "7")["sources"]

    assert source["newAtomCount"] == source["atomCount"] > 0


def test_all_tenants_shows_everything(ingested: Ingested) -> None:
    listed = ingested.home.json("sources", "list", "--all-tenants")["sources"]

    assert {source["tenantId"] for source in listed} == {0, 7}


# ---- errors and exit codes


def failing(result: Result, *words: str) -> None:
    """The command failed with one line that holds these words."""
    assert result.code == 1, result
    assert result.stdout == b""
    assert all(word in result.error for word in words), result.error


def test_an_error_is_one_line_that_names_the_input(ingested: Ingested) -> None:
    expected: dict[tuple[str, ...], list[str]] = {
        ("sources", "show", "999"): ["source 999", "sources list"],
        ("lineage", "neither"): ["'neither'", "64 hex digits"],
        ("reconstruct", "1", "-o", "-", "--json"): ["stdout"],
        ("search", "  "): ["give some words"],
        ("search", "--", "---"): ["give some words"],
        ("dead-letters", "replay", "999"): ["dead letter 999"],
        ("jobs", "retry", "nonsense"): ["job nonsense"],
        ("sql", "SELECT * FROM Nowhere"): ["Nowhere"],
    }

    for words, result in zip(expected.values(), ingested.home.run_all(*expected), strict=True):
        failing(result, *words)


def test_an_argument_that_is_no_text_is_named(home: Home) -> None:
    no_text = os.fsdecode(b"a\xff")
    commands = [["jobs", "show", no_text], ["inferences", "list", "--model", no_text], ["inferences", "show", no_text]]

    for result in home.run_all(*commands, ["--config", no_text, "stats"]):
        failing(result, r"a\xff", "not UTF-8")
    failing(home.run("jobs", "create", no_text), "1 to 64 ASCII characters")


def test_debug_shows_the_traceback(ingested: Ingested) -> None:
    result = ingested.home.run("--debug", "sources", "show", "999")

    assert result.code == 1
    assert "Traceback" in result.stderr


def test_wrong_usage_exits_2(home: Home) -> None:
    wrong = [
        ["no-such-command"],
        ["search"],
        ["search", "x", "-k", "0"],
        ["search", "x", "--metadata", "from"],
        ["search", "x", "--group", "atom"],
        ["stats", "--nonsense"],
    ]
    wrong += [["sources", "list", "--status", "Done"], ["jobs", "list", "--status", "Done"]]
    for result in home.run_all(*wrong):
        assert (result.code, result.stdout) == (2, b"")
        assert "Traceback" not in result.stderr


def test_a_wrong_setting_is_one_line_that_names_it(home: Home) -> None:
    failing(home.with_settings(threads="-1").run("stats"), "HARTONOMOUS_THREADS")


def test_a_wrong_content_type_is_one_line_that_names_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("Words.")

    result = home.run("ingest", "--no-wait", "--content-type", "nonsense", tmp_path / "file.txt")

    assert result.code in (1, 2)
    assert "Traceback" not in result.stderr
    assert "content" in result.stderr and "nonsense" in result.stderr, result.stderr
    assert "setting HARTONOMOUS" not in result.stderr  # it is an option, and there is no such setting


def test_a_damaged_database_is_one_line_that_names_the_file(home: Home) -> None:
    home.path.mkdir()
    (home.path / "hartonomous.db").write_bytes(b"this is no database, it is a letter to the sea " * 100)

    for result in home.run_all(["stats"], ["ingest", "."]):
        failing(result, str(home.path / "hartonomous.db"))


def test_a_home_that_is_a_file_is_one_line_that_names_it(home: Home) -> None:
    home.path.write_text("not a folder")

    for result in home.run_all(["stats"], ["ingest", "."]):
        failing(result, f"HARTONOMOUS_HOME: {home.path} is a file, not a folder")


def test_what_proc_holds_is_ingested_and_what_cannot_be_read_is_named(home: Home) -> None:
    ingested = home.run("ingest", "/proc/cpuinfo", "/proc/self/mem")

    assert ingested.code == 1
    assert [row[0] for row in home.rows("SELECT SourceUri FROM Source")] == ["file:///proc/cpuinfo"]
    assert re.search(r"^failed: /proc/\d+/mem: ", ingested.stderr, re.M), ingested.stderr


INTERRUPTED = """
import sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == {module!r}:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupting())
from hartonomous_service.cli import main
main()
"""


@pytest.mark.parametrize("module", ["pydantic", "hartonomous_service.ingest", "dagster"])
def test_interrupted_while_modules_are_read_a_command_says_so_in_one_line(
    home: Home, tmp_path: Path, module: str
) -> None:
    (tmp_path / "file.txt").write_text("It is interrupted.")
    program = (sys.executable, "-c", INTERRUPTED.format(module=module))

    result = home.run("ingest", tmp_path / "file.txt", program=program)

    assert result.code == 1
    assert re.fullmatch(r"error: interrupted.*\n", result.stderr), result.stderr


def test_the_version_is_printed(home: Home) -> None:
    assert home.run("--version").stdout.decode().strip() == f"hartonomous {version('hartonomous')}"


def test_a_search_before_anything_is_embedded_says_that_words_alone_were_compared(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("The sea rises.")
    home.with_settings(embedding_enabled=False).json("ingest", tmp_path / "file.txt")

    searched = home.run("search", "sea")

    assert "The **sea** rises" in searched.stdout.decode() or "The sea rises." in searched.stdout.decode()
    assert "only words were compared" in searched.stderr
    assert "note" not in home.json("search", "sea", "--mode", "lexical")


def test_one_row_is_not_called_rows(home: Home) -> None:
    home.json("ingest")
    changed = home.run("sql", "--write", "UPDATE Modality SET Name = Name WHERE Name = 'text'")

    assert changed.stdout.decode().strip() == "1 row changed"
