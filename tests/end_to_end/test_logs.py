"""The lines that an operator greps for, on stderr of a run and as JSON; no text of a tenant is in them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli import Home

FEW = "The harbour lay quiet under the fog.\n\nA lantern swung above the customs house.\n"
MANY = "".join(f"The keeper counted ship number {i} at dawn.\n" for i in range(11))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: object) -> Home:
    """A home that logs what its runs do, as `hartonomous dev` does by default."""
    settings = {"log_level": "info", "linger_seconds": 0, "text_unit": "sentence"}
    return Home(tmp_path_factory.mktemp("homes") / "home", model_dir, settings)


@pytest.fixture(scope="module")
def lines(home: Home, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The messages of one ingest of a small and a larger file."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "few.txt").write_text(FEW)
    few = home.run("ingest", folder / "few.txt")
    (folder / "many.txt").write_text(MANY)
    many = home.run("ingest", folder / "many.txt")
    assert (few.code, many.code) == (0, 0)
    return [line.split(maxsplit=2)[2] for line in (few.stderr + many.stderr).splitlines()]


def starting(lines: list[str], words: str) -> list[str]:
    return [line for line in lines if line.startswith(words)]


def test_a_stage_says_its_name_batch_size_and_interval_when_it_starts(lines: list[str]) -> None:
    found = [re.match(r"Stage (\w+) started: BatchSize=(\d+), IntervalSeconds=1\.0 ", line) for line in lines]

    assert [(match[1], int(match[2])) for match in found if match][:5] == [
        ("sources", 100),
        ("atoms", 10_000),
        ("atom_embeddings", 256),
        ("atom_projections", 4096),
        ("provenance_graph", 20),
    ]


def test_a_source_says_how_many_atoms_it_became(lines: list[str]) -> None:
    assert [line.split(" run_id")[0] for line in starting(lines, "Atomized")] == [
        "Atomized source 1: 2 atoms created",
        "Atomized source 2: 11 atoms created",
    ]


def test_the_atoms_of_a_small_batch_have_a_line_each(lines: list[str], home: Home) -> None:
    before = [line.split(" run_id")[0] for line in starting(lines, "Generating embedding for atom: AtomId=")]
    after = [line.split(" run_id")[0] for line in starting(lines, "Embedding created: AtomId=")]

    assert before == [f"Generating embedding for atom: AtomId={i}, Modality=text, TenantId=0" for i in (1, 2)]
    assert sorted(after) == [
        f"Embedding created: AtomId={atom}, Dimension=384, Hilbert={hilbert}, Bucket=({x},{y},{z})"
        for atom, hilbert, x, y, z in home.rows(
            "SELECT AtomId, HilbertValue, SpatialBucketX, SpatialBucketY, SpatialBucketZ FROM AtomEmbedding WHERE AtomId < 3"
            " ORDER BY AtomId"
        )
    ]


def test_the_atoms_of_a_larger_batch_have_one_line_with_the_first_the_last_and_the_count(lines: list[str]) -> None:
    several = "FirstAtomId=3, LastAtomId=13, Count=11 "

    assert len(starting(lines, f"Generating embedding for atom: {several}")) == 1
    assert len(starting(lines, f"Embedding created: {several}")) == 1


def test_no_text_and_no_name_of_a_file_is_in_them(lines: list[str]) -> None:
    assert [line for line in lines if re.search(r"harbour|lantern|keeper|few\.txt|many\.txt", line)] == []


def test_none_of_them_is_in_dagsters_storage_as_an_event(home: Home, lines: list[str]) -> None:
    with home.dagster() as instance:
        events = [str(entry) for run in instance.get_runs() for entry in instance.all_logs(run.run_id)]

    assert events
    assert [event for event in events if "AtomId=" in event or "Atomized source" in event] == []


def test_in_json_the_values_are_fields_of_their_own(home: Home, lines: list[str], tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("A single sentence.")

    result = home.with_settings(log_format="json").run("ingest", tmp_path / "one.txt")

    by_words = {document["message"].split(":")[0]: document for document in map(json.loads, result.stderr.splitlines())}
    created = by_words["Embedding created"]
    assert (
        by_words["Generating embedding for atom"].items() >= {"AtomId": 14, "Modality": "text", "TenantId": 0}.items()
    )
    assert (created["AtomId"], created["Dimension"], created["stage"]) == (14, 384, "atom_projections")
    assert all(type(created[name]) is int for name in ("Hilbert", "BucketX", "BucketY", "BucketZ"))
    assert by_words["Atomized source 3"].items() >= {"SourceId": 3, "AtomCount": 1}.items()
    steps: list[dict[str, Any]] = [d for words, d in by_words.items() if words == "step"]
    assert all("{" not in document["message"] for document in [*by_words.values(), *steps])


def test_commands_are_quiet_by_default(home: Home, tmp_path: Path) -> None:
    (tmp_path / "two.txt").write_text("Another single sentence.")
    quiet = Home(home.path, home.model_dir, {"linger_seconds": 0})

    said = quiet.run("ingest", tmp_path / "two.txt").stderr.splitlines()
    assert [
        line for line in said if " of 1 files done" not in line
    ] == []  # a machine that takes longer than 2 s says how far it is


def test_a_stage_that_fails_says_what_where_and_why(home: Home, tmp_path: Path) -> None:
    (tmp_path / "three.txt").write_text("A sentence that no model embeds.")

    result = home.with_settings(text_model=tmp_path / "none", log_format="json").run("ingest", tmp_path / "three.txt")

    [failed] = [d for d in map(json.loads, result.stderr.splitlines()[:-1]) if d["message"].startswith("stage failed")]
    assert (failed["level"], failed["stage"], failed["ErrorClass"]) == ("error", "atom_embeddings", "StageUnavailable")
    assert re.fullmatch(r"run_models\.py, line \d+", failed["ErrorPlace"])
    assert "is neither all-MiniLM-L6-v2 nor" in failed["ErrorText"]
