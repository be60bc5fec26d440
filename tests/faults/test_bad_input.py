"""Input that is broken, hostile or gone: each piece gets a clear error or a dead letter, and the rest is done."""

import os
import shutil
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.compute.text_model import TextModelFiles
from hartonomous_resources.database.sqlite import SqliteDatabase
from tests.builders import enqueue, request
from tests.cli import Home, Result

LINE = b"again and again "
LINE_BYTES = 10_000_000
GOOD = "A good file lies among the bad ones."
FORBIDDEN = "Nobody allowed this to be read."


@dataclass(frozen=True, slots=True)
class Fed:
    """A home that was given good and bad at once, and what the command said."""

    home: Home
    folder: Path
    outside: Path
    result: Result

    def error_of(self, path: Path) -> str:
        """The error that the command gave for a file."""
        [item] = [item for item in self.result.document["failed"] if item["sourceUri"] == path.as_uri()]
        return str(item["error"])

    def left_out(self) -> dict[str, str]:
        """What the command passed over, and why."""
        return {item["sourceUri"]: item["reason"] for item in self.result.document["leftOut"]}

    def source_of(self, path: Path) -> Any:
        """What the command made of a file."""
        [source] = [item for item in self.result.document["sources"] if item["sourceUri"] == path.as_uri()]
        return source

    def dead_letter_of(self, uri: str) -> str:
        """The reason of the one dead letter about a uri."""
        return str(self.home.value("SELECT Reason FROM DeadLetter WHERE instr(Body, CAST(? AS BLOB)) > 0", uri))


@pytest.fixture(scope="module")
def fed(tmp_path_factory: pytest.TempPathFactory, model_dir: Path, text_model: TextModelFiles) -> Fed:
    """One folder and one queue with everything at once."""
    folder = tmp_path_factory.mktemp("given").resolve()
    outside = tmp_path_factory.mktemp("outside").resolve()
    (outside / "secret.txt").write_text(FORBIDDEN)
    (folder / "good.txt").write_text(GOOD)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "latin.txt").write_bytes(b"It is 7 o\xe7\x8eclock.")
    (folder / "line.txt").write_bytes(LINE * (LINE_BYTES // len(LINE)))
    (folder / "two\nlines.txt").write_text("A name with a line end.")
    (folder / "smile \U0001f600 100%.txt").write_text("A name with a face.")
    (folder / "way out.txt").symlink_to(outside / "secret.txt")
    (folder / "also good.txt").symlink_to(folder / "good.txt")
    os.mkfifo(folder / "pipe.txt")
    (folder / "gone.txt").write_text("Soon it will be gone.")
    home = Home(tmp_path_factory.mktemp("homes") / "home", model_dir, {"allowed_roots": f'["{folder}"]'})
    home.json("ingest", "--no-wait", folder / "gone.txt")
    (folder / "gone.txt").unlink()
    uris = [
        (outside / "secret.txt").as_uri(),
        f"{folder.as_uri()}/../{outside.name}/secret.txt",
        (folder / "way out.txt").as_uri(),
    ]
    with closing(SqliteDatabase(home.path / "hartonomous.db")) as database:
        messages = [
            b'{"tenantId": 0, "uri": ',
            b"\xff\xfe\x00",
            *(request(uri=uri, sourceUri=f"named {uri}") for uri in uris),
        ]
        enqueue(database, INGESTION_QUEUE, messages)
    return Fed(home, folder, outside, home.run("ingest", folder, folder / "no such folder", "--json"))


def test_the_command_fails_and_its_document_has_good_and_bad(fed: Fed) -> None:
    assert fed.result.code == 1
    assert "Traceback" not in fed.result.stderr
    assert {source["status"] for source in fed.result.document["sources"]} == {"Atomized"}


def test_the_good_file_among_the_bad_is_found(fed: Fed) -> None:
    [hit, *_] = fed.home.json("search", GOOD)["results"]

    assert hit["text"] == GOOD


def test_a_link_and_its_target_in_the_folder_are_one_source(fed: Fed) -> None:
    assert fed.source_of(fed.folder / "good.txt")["atomCount"] == 1
    assert fed.home.rows("SELECT 1 FROM Source WHERE SourceUri LIKE '%also%20good%'") == []


def test_an_empty_file_is_a_source_of_no_atoms(fed: Fed) -> None:
    source = fed.source_of(fed.folder / "empty.txt")

    assert (source["byteLength"], source["atomCount"]) == (0, 0)
    assert fed.home.json("verify", str(source["sourceId"])) == {"checked": 1, "failed": [], "truncated": False}


def test_text_that_is_not_utf8_is_kept_and_says_the_place_of_the_first_bad_byte(fed: Fed) -> None:
    source = fed.source_of(fed.folder / "latin.txt")

    assert (source["contentType"], source["searchable"]) == ("text/plain; charset=unknown-8bit", False)
    assert "not UTF-8 at byte 9" in source["note"]
    assert fed.result.document["notSearchable"]["contentTypes"] == {source["contentType"]: 1}


def test_a_single_line_of_10_megabytes_is_one_source_with_few_atoms(fed: Fed) -> None:
    source = fed.source_of(fed.folder / "line.txt")

    assert source["byteLength"] == LINE_BYTES
    assert source["atomCount"] > 1_000
    assert source["newAtomCount"] <= 8


def test_names_with_a_line_end_or_a_face_are_taken_in(fed: Fed) -> None:
    for name in ("two\nlines.txt", "smile \U0001f600 100%.txt"):
        source = fed.source_of(fed.folder / name)
        assert source["sourceUri"].endswith(quote(name))
        assert source["atomCount"] == 1


def test_a_link_that_leads_out_of_the_folder_is_passed_over_and_not_read(fed: Fed) -> None:
    assert "leads out of" in fed.left_out()[(fed.folder / "way out.txt").as_uri()]
    assert fed.home.rows("SELECT 1 FROM Atom WHERE CanonicalText = ?", FORBIDDEN) == []


def test_a_pipe_is_passed_over_without_waiting_for_its_writer(fed: Fed) -> None:
    left_out = fed.left_out()
    assert left_out[(fed.folder / "pipe.txt").as_uri()] == "is not a regular file"
    assert len(left_out) == 2


def test_a_folder_that_does_not_exist_is_named(fed: Fed) -> None:
    assert str(fed.folder / "no such folder") in fed.error_of(fed.folder / "no such folder")


def test_a_file_that_is_gone_when_its_message_is_received_is_dead_lettered(fed: Fed) -> None:
    assert "not there" in fed.dead_letter_of((fed.folder / "gone.txt").as_uri())


def test_a_message_that_names_a_path_outside_the_allowed_roots_is_dead_lettered(fed: Fed) -> None:
    uris = [(fed.outside / "secret.txt").as_uri(), f"{fed.folder.as_uri()}/../{fed.outside.name}/secret.txt"]

    for uri in uris:
        assert "outside the allowed roots" in fed.dead_letter_of(f"named {uri}")


def test_a_message_that_names_a_link_out_of_the_allowed_roots_is_dead_lettered(fed: Fed) -> None:
    uri = (fed.folder / "way out.txt").as_uri()

    assert "outside the allowed roots" in fed.dead_letter_of(f"named {uri}")


def test_a_message_that_is_no_json_is_dead_lettered_as_nobodys(fed: Fed) -> None:
    letters = fed.home.json("dead-letters", "list", "--all-tenants")["deadLetters"]
    nobodys = [letter for letter in letters if letter["tenantId"] is None]

    assert len(nobodys) == 2
    assert all("JSON" in letter["reason"] for letter in nobodys)
    assert fed.home.json("dead-letters", "list")["withoutTenant"] == 2


def test_nothing_is_left_on_the_queue_and_the_home_is_sound(fed: Fed) -> None:
    assert fed.home.rows("SELECT * FROM QueueMessage") == []
    assert fed.home.json("verify", "--all-tenants")["failed"] == []
    assert set(fed.home.run_statuses()) == {"SUCCESS"}


def test_a_file_whose_name_is_not_utf8_is_taken_in_with_the_others(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "good.txt").write_text(GOOD)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff\xfe.txt")).write_text("A name that nobody can read.")

    result = home.run("ingest", folder, "--json")

    assert "Traceback" not in result.stderr, result.stderr[-300:]
    assert result.code == 0
    assert {source["sourceUri"].rsplit("/", 1)[1] for source in result.document["sources"]} == {
        "good.txt",
        "%FF%FE.txt",
    }
    assert home.json("verify")["checked"] == 2


def test_links_that_lead_nowhere_are_named_and_make_no_folder_fail(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "good.txt").write_text(GOOD)
    (folder / "loop.txt").symlink_to(folder / "loop.txt")
    (folder / "gone.txt").symlink_to("nowhere")

    result = home.run("ingest", "--no-wait", folder, "--json")

    assert "Traceback" not in result.stderr, result.stderr[-300:]
    assert result.code == 0 and result.document["failed"] == []
    assert [Path(item["sourceUri"]).name for item in result.document["leftOut"]] == ["gone.txt", "loop.txt"]
    assert [Path(item["sourceUri"]).name for item in result.document["sources"]] == ["good.txt"]


def test_a_path_too_long_for_a_message_is_named_and_the_other_files_are_enqueued(home: Home, tmp_path: Path) -> None:
    deep = tmp_path / "given"
    for _ in range(6):
        deep /= "港" * 80  # nine characters of uri each
    deep.mkdir(parents=True)
    (deep / "deep.txt").write_text("Down here.")
    (tmp_path / "given" / "good.txt").write_text(GOOD)

    result = home.run("ingest", "--no-wait", tmp_path / "given", "--json")

    assert "Traceback" not in result.stderr, result.stderr[-300:]
    assert any(source["sourceUri"].endswith("good.txt") for source in result.document["sources"]), result


def test_what_cannot_be_met_is_named_and_the_rest_is_done(home: Home, tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(1100):
        deep /= "d"
        deep.mkdir()
    (deep / "deep.txt").write_text("Down here.")
    (tmp_path / "good.txt").write_text(GOOD)

    result = home.run("ingest", tmp_path, tmp_path / ("x" * 300), tmp_path / "missing", "--json")
    subprocess.run(["rm", "-rf", tmp_path / "d"], check=True)  # deeper than shutil.rmtree may go

    assert result.code == 1
    assert [(Path(source["sourceUri"]).name, source["status"]) for source in result.document["sources"]] == [
        ("deep.txt", "Atomized"),
        ("good.txt", "Atomized"),
    ]
    assert [Path(item["sourceUri"]).name for item in result.document["failed"]] == ["x" * 300, "missing"]
    assert [item["sourceUri"] for item in result.document["leftOut"]] == [home.path.as_uri()]


# ---- the text model


def test_without_the_text_model_the_sources_and_atoms_are_done_and_one_line_names_it(
    home: Home, tmp_path: Path
) -> None:
    (tmp_path / "file.txt").write_text(GOOD)

    result = home.with_settings(text_model=tmp_path / "no model").run("ingest", tmp_path / "file.txt", "--json")

    assert result.code == 1
    assert str(tmp_path / "no model") in result.error
    assert [(source["status"], source["atomCount"]) for source in result.document["sources"]] == [("Atomized", 1)]
    assert home.rows("SELECT Status, AttemptCount FROM BackgroundJob") == [("Pending", 0)]


def test_a_damaged_text_model_is_named_and_what_waits_is_done_once_it_is_whole(
    home: Home, tmp_path: Path, text_model: TextModelFiles
) -> None:
    (tmp_path / "file.txt").write_text(GOOD)
    copy = tmp_path / "models" / text_model.model_path.parent.name
    copy.mkdir(parents=True)
    for path in (text_model.model_path, text_model.tokenizer_path):
        shutil.copy(path, copy)
    with (copy / text_model.model_path.name).open("r+b") as file:
        file.seek(1_000_000)
        flipped = bytes(byte ^ 0xFF for byte in file.read(100))
        file.seek(1_000_000)
        file.write(flipped)

    result = home.with_settings(model_dir=tmp_path / "models").run("ingest", tmp_path / "file.txt", "--json")
    waiting = home.rows("SELECT Status, AttemptCount FROM BackgroundJob")
    home.json("ingest", tmp_path / "file.txt")

    assert result.code == 1
    assert str(copy / text_model.model_path.name) in result.error and "delete it and run again" in result.error
    assert [source["status"] for source in result.document["sources"]] == ["Atomized"]
    assert waiting == [("Pending", 0)]
    assert home.rows("SELECT Status, AttemptCount FROM BackgroundJob") == [("Completed", 1)]
    assert home.value("SELECT COUNT(*) FROM AtomEmbedding WHERE HilbertValue IS NOT NULL") == 1
