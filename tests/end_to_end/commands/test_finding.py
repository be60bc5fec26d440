"""`search`, `lineage` and `reconstruct`: what is found, where it stands, where it came from, and every byte back."""

import hashlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Home
from tests.end_to_end.commands.folder import FILES, NEW_TIDE, OLD_TIDE, Ingested


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


def test_a_search_before_anything_is_embedded_says_that_words_alone_were_compared(home: Home, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("The sea rises.")
    home.with_settings(embedding_enabled=False).json("ingest", tmp_path / "file.txt")

    searched = home.run("search", "sea")

    assert "The **sea** rises" in searched.stdout.decode() or "The sea rises." in searched.stdout.decode()
    assert "only words were compared" in searched.stderr
    assert "note" not in home.json("search", "sea", "--mode", "lexical")
