"""The newest version of a source is empty, or cannot be taken in: what was current before is so no more."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.messages import INGESTION_QUEUE, PROVENANCE_QUEUE, parse_provenance_event
from hartonomous_resources.database.searchable_atoms import NO_FILTER, searchable_ids
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.graph_sync import changes_of
from hartonomous_service.ingest import ingest as ingest_files
from hartonomous_service.search.places import read_places
from hartonomous_service.source_records import show_source
from tests.builders import dead_letters, enqueue, receive_all, request
from tests.held_graph import HeldGraph
from tests.stages import MakeHome, all_sources, content_of, ingest, put_file, run_stages_of, states


def too_large(path: Path) -> None:
    path.write_bytes(bytes(1001))


BAD_VERSIONS = {
    "too large": (too_large, "1,001 bytes, more than"),
    "gone": (Path.unlink, "not there (any more)"),
}


def test_an_emptied_file_is_current_and_its_text_is_not(home: Resources) -> None:
    path = put_file(home, "a.txt", b"It held this.")
    ingest(home, request(uri=path.as_uri()))
    path.write_bytes(b"")

    ingest(home, request(uri=path.as_uri()))

    _, new = all_sources(home)
    assert states(home) == [("Atomized", 1, new["sourceId"]), ("Atomized", 2, None)]
    assert (new["byteLength"], content_of(home, new)) == (0, b"")
    assert new["contentHash"] == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert not show_source(home, new["sourceId"])["searchable"]
    again = ingest_files(home, [path], wait=False)
    assert [(row["sourceId"], row["searchable"], row["note"]) for row in again["sources"]] == [
        (new["sourceId"], False, None)
    ]
    assert again["notSearchable"] == {"sources": 0, "contentTypes": {}, "unread": 0}


@pytest.mark.parametrize(("spoil", "reason"), BAD_VERSIONS.values(), ids=BAD_VERSIONS)
def test_what_was_current_is_so_no_more_when_the_file_cannot_be_taken_in(
    make_home: Callable[..., Resources], spoil: Callable[[Path], None], reason: str
) -> None:
    home = make_home(max_source_bytes=1000)
    path = put_file(home, "a.txt", b"It held this.")
    ingest(home, request(uri=path.as_uri()))
    spoil(path)

    ingest(home, request(uri=path.as_uri()))

    _, new = all_sources(home)
    assert states(home) == [("Atomized", 1, new["sourceId"]), ("DeadLettered", 2, None)]
    assert reason in new["errorMessage"]
    (letter,) = dead_letters(home.database)
    assert (letter["kind"], letter["sourceId"], letter["reason"]) == ("source", new["sourceId"], new["errorMessage"])


def test_a_file_that_can_be_read_again_is_current_and_follows_what_was_last_read(
    make_home: Callable[..., Resources],
) -> None:
    home = make_home(max_source_bytes=1000)
    path = put_file(home, "a.txt", b"It held this.")
    for spoil in (lambda path: None, too_large, lambda path: path.write_bytes(b"It held this.")):
        spoil(path)
        ingest(home, request(uri=path.as_uri()))

    first, _, third = all_sources(home)
    assert (first["supersededBy"], third["status"], third["supersededBy"]) == (third["sourceId"], "Atomized", None)


def test_a_message_that_may_not_read_the_file_changes_no_version_of_it(home: Resources, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_bytes(b"Given by name.")
    with home.database.unit_of_work() as unit_of_work:
        (message_id,) = unit_of_work.enqueue(INGESTION_QUEUE, [("key", request(uri=outside.as_uri()))])
        unit_of_work.execute_many("insert_path_grant", [(message_id, outside.resolve().as_uri())])
    run_stages_of(home)

    ingest(home, request(uri=outside.as_uri()))

    assert states(home) == [("Atomized", 1, None)]
    (letter,) = dead_letters(home.database)
    assert letter["kind"] == "message"


def test_a_file_that_is_forbidden_only_when_its_turn_comes_changes_no_version_of_it_either(
    make_home: MakeHome,
) -> None:
    home = make_home()
    path = put_file(home, "a.txt", b"It held this.")
    ingest(home, request(uri=path.as_uri()))
    path.write_bytes(b"It holds that.")
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri())])
    run_stages_of(home, landing.STAGE)

    run_stages_of(make_home(allowed_roots=[]), atoms.STAGE)

    assert states(home) == [("Atomized", 1, None), ("DeadLettered", 2, None)]
    (letter,) = dead_letters(home.database)
    assert (letter["kind"], "outside the allowed roots" in letter["reason"]) == ("source", True)


def test_an_inline_source_that_cannot_be_taken_in_is_not_current_either(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stream: BinaryIO) -> Scan:
        raise OSError("the disk does not answer")

    enqueue(home.database, INGESTION_QUEUE, [request(rawData=b"Before.", sourceUri="note:a.txt")])
    run_stages_of(home)

    monkeypatch.setattr(atoms, "scan", fail)
    ingest(home, request(rawData=b"After.", sourceUri="note:a.txt"))

    assert [status for status, _, _ in states(home)] == ["Atomized", "DeadLettered"]
    assert states(home)[0][2] == all_sources(home)[1]["sourceId"]


def test_the_text_of_a_version_that_is_not_current_is_not_found(make_home: Callable[..., Resources]) -> None:
    home = make_home(max_source_bytes=1000)
    path = put_file(home, "a.txt", b"It held this.")
    ingest(home, request(uri=path.as_uri()))
    too_large(path)
    ingest(home, request(uri=path.as_uri()))

    with home.database.read() as unit_of_work:
        ids = [atom_id for atom_id, _ in unit_of_work.match_words(0, ["held"], 10)]
        assert searchable_ids(unit_of_work, ids, 0, NO_FILTER) == set()
        assert read_places(unit_of_work, ids, 0, NO_FILTER, 10, 0) == {atom_id: [] for atom_id in ids}


def test_the_graph_is_told_that_what_was_current_is_so_no_more(make_home: Callable[..., Resources]) -> None:
    home = make_home(max_source_bytes=1000)
    path = put_file(home, "a.txt", b"It held this.")
    ingest(home, request(uri=path.as_uri()))
    receive_all(home.database, PROVENANCE_QUEUE)
    too_large(path)
    ingest(home, request(uri=path.as_uri()))
    old, new = all_sources(home)

    told = [parse_provenance_event(message.body) for message in receive_all(home.database, PROVENANCE_QUEUE)]

    [change] = changes_of(home.database, HeldGraph(), told)
    superseded = {node.number: node.properties["supersededBy"] for node in change.nodes if node.label == "Source"}
    assert superseded == {old["sourceId"]: new["sourceId"]}
    assert [edge.start for edge in change.edges if edge.view.type == "BELONGS_TO"] == [old["sourceId"]]
    assert "SUPERSEDES" not in {edge.view.type for edge in change.edges}, "one that was given up is not in the graph"
