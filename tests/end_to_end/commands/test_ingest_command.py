"""What `ingest` says of every file, and what an unchanged folder costs."""

import hashlib
import re
from pathlib import Path

import pytest

from hartonomous_service.cli.output import out, printable
from tests.cli import Home
from tests.end_to_end.commands.folder import FILES, Ingested, sources_of


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
        "members": {"sources": 0, "notSearchable": 0, "partial": 0, "failed": 0, "unfinished": 0, "reasons": []},
        "notSearchable": {"sources": 0, "contentTypes": {}, "unread": 0},
        "leftOut": [],
        "stages": {},
        "gone": {"sources": 0, "sourceUris": []},
        "otherModel": None,
    }, "without a path it does what waits"
    assert home.json("stats")["queues"] == {"IngestionQueue": 0, "ProvenanceQueue": 0}


def test_what_looks_like_the_code_of_an_emoji_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    out.print(printable("It is 10:ok:20 [b] :smile:"))
    assert capsys.readouterr().out == "It is 10:ok:20 [b] :smile:\n"


def test_what_proc_holds_is_ingested_and_what_cannot_be_read_is_named(home: Home) -> None:
    ingested = home.run("ingest", "/proc/cpuinfo", "/proc/self/mem")

    assert ingested.code == 1
    assert [row[0] for row in home.rows("SELECT SourceUri FROM Source")] == ["file:///proc/cpuinfo"]
    assert re.search(r"^failed: /proc/\d+/mem: ", ingested.stderr, re.M), ingested.stderr
