"""`dead-letters`: what is said of each, a replay and a discard."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hartonomous_resources.compute.text_model import TextModelFiles
from tests.cli import Home


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
