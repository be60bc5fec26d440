"""Bad messages and files: a dead letter that says why, and the others go on; bytes that a message carried are there as long as needed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import BinaryIO

import pytest

from hartonomous_assets import atoms
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.blobs import LocalBlobs
from hartonomous_resources.database.protocol import Database, Row
from hartonomous_resources.resources import Resources
from tests.backends import DATABASES, Store
from tests.builders import (
    broken_invariants,
    dead_letters,
    enqueue,
    receive_all,
    request,
)
from tests.stages import (
    ALL_RULES,
    MakeHome,
    all_sources,
    ingest,
    put_file,
    run_stages_of,
    states,
)

GOOD = request(rawData=b"A good one.", sourceUri="note:good")


def assert_only_the_bad_one_died(home: Resources, *phrases: str) -> Row:
    """There is one dead letter whose reason holds the phrases; the good source is in."""
    (letter,) = dead_letters(home.database)
    for phrase in phrases:
        assert phrase in letter["reason"]
    good = [source for source in all_sources(home) if source["sourceUri"] == "note:good"]
    assert [source["status"] for source in good] == ["Atomized"]
    assert receive_all(home.database, INGESTION_QUEUE) == []
    assert not broken_invariants(home.database, *ALL_RULES)
    return letter


BAD_MESSAGES = {
    "invalid JSON": (b'{"tenantId": 0, "uri": ', None, "not JSON"),
    "invalid UTF-8 in the message": (b'{"tenantId": 0, "uri": "/\xff"}', None, "not JSON"),
    "no object": (b"[1]", None, "not a JSON object"),
    "tenant in two spellings": (
        b'{"uri": "file:///a", "tenantId": 1, "TenantId": 2}',
        None,
        "tenantId: it is given more than once",
    ),
    "no tenant, and a relative uri": (b'{"Uri": "a.txt"}', 0, "not an absolute path"),
    "nested too deeply": (
        b'{"tenantId": 3, "rawData": "YQ==", "metadata": %s0%s}' % (b'{"a":' * 200, b"}" * 200),
        3,
        "nested",
    ),
    "neither rawData nor uri": (b'{"tenantId": 3}', 3, "exactly one of rawData and uri"),
    "both rawData and uri": (request(tenantId=3, rawData=b"x", uri="file:///a"), 3, "exactly one of rawData and uri"),
    "bad base64": (request(tenantId=3, rawData="not base64!"), 3, "rawData: not base64"),
    "inline above 1 MiB": (request(tenantId=3, rawData=bytes(1024 * 1024 + 1)), 3, "limited to 1048576 bytes"),
    "NUL in the uri": (request(tenantId=3, uri="file:///a\0b"), 3, "NUL"),
    "http uri": (request(tenantId=3, uri="http://host/a.txt"), 3, "only local files"),
    "relative uri": (request(tenantId=3, uri="a.txt"), 3, "not an absolute path"),
    "file of another host": (request(tenantId=3, uri="file://host/a.txt"), 3, "names the host 'host'"),
    "metadata with NaN": (b'{"tenantId": 3, "rawData": "YQ==", "metadata": {"a": NaN}}', 3, "metadata"),
    "metadata beyond any number": (b'{"tenantId": 3, "rawData": "YQ==", "metadata": {"a": 1e999}}', 3, "metadata"),
    "sourceId with half a character": (b'{"tenantId": 3, "rawData": "YQ==", "sourceId": "\\ud800"}', 3, "sourceId"),
}


@pytest.mark.parametrize(("body", "tenant", "reason"), BAD_MESSAGES.values(), ids=BAD_MESSAGES)
def test_a_bad_message_becomes_a_dead_letter_and_the_others_go_on(
    home: Resources, body: bytes, tenant: int | None, reason: str
) -> None:
    ingest(home, body, GOOD)

    letter = assert_only_the_bad_one_died(home, reason)
    assert (letter["kind"], letter["queue"], letter["tenantId"]) == ("message", INGESTION_QUEUE, tenant)
    assert bytes(letter["body"]) == body


def test_metadata_nested_too_deeply_becomes_a_dead_letter_and_the_others_go_on(home: Resources) -> None:
    deep = b'{"a":' * 1500 + b"1" + b"}" * 1500

    ingest(home, b'{"tenantId": 3, "rawData": "YQ==", "metadata": %s}' % deep, GOOD)

    assert_only_the_bad_one_died(home)


def inside(path: Path) -> Path:
    return path


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def make_directory(path: Path) -> Path:
    path.mkdir()
    return path


def make_file(content: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


def make_outside(path: Path) -> Path:
    return make_file(b"secret")(path.parent.parent / "outside.txt")


def make_link_out(path: Path) -> Path:
    path.symlink_to(make_outside(path))
    return path


def make_path_out(path: Path) -> Path:
    return path.parent / ".." / make_outside(path).name


def make_link_to_itself(path: Path) -> Path:
    path.symlink_to(path)
    return path


BAD_FILES = {
    "missing": (inside, "the file is not there"),
    "directory": (make_directory, "not a regular file"),
    "named pipe": (make_fifo, "not a regular file"),
    "outside the allowed roots": (make_outside, "outside the allowed roots"),
    "dots that lead out": (make_path_out, "outside the allowed roots"),
    "symlink that leads out": (make_link_out, "outside the allowed roots"),
    "symlink to itself": (make_link_to_itself, "cannot be opened"),
    "too large": (make_file(bytes(1001)), "1,001 bytes, more than HARTONOMOUS_MAX_SOURCE_BYTES (1,000)"),
    "name too long": (lambda path: path.with_name("x" * 300), "cannot be opened"),
}


@pytest.mark.parametrize(("make", "reason"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_becomes_a_dead_letter_and_the_others_go_on(
    make_home: MakeHome, make: Callable[[Path], Path], reason: str
) -> None:
    home = make_home(max_source_bytes=1000)
    uri = "file://" + str(make(home.settings.allowed_roots[0] / "bad.txt"))

    ingest(home, request(tenantId=3, uri=uri), GOOD)

    letter = assert_only_the_bad_one_died(home, uri, reason)
    assert (letter["kind"], letter["tenantId"]) == ("message", 3)
    assert json.loads(letter["body"])["uri"] == uri


def test_a_file_deleted_after_it_was_landed_becomes_a_dead_letter_and_the_others_go_on(home: Resources) -> None:
    path = put_file(home, "gone.txt", b"Soon gone.")
    enqueue(home.database, INGESTION_QUEUE, [request(uri=path.as_uri(), metadata={"a": 1}), GOOD])
    run_stages_of(home, landing.STAGE)
    path.unlink()

    run_stages_of(home)

    letter = assert_only_the_bad_one_died(home, path.as_uri(), "not there (any more)")
    source = all_sources(home)[0]
    assert (letter["kind"], letter["sourceId"], letter["messageId"]) == (
        "source",
        source["sourceId"],
        source["messageId"],
    )
    assert (source["status"], source["errorMessage"]) == ("DeadLettered", letter["reason"])
    assert json.loads(letter["body"])["metadata"] == {"a": 1}


def test_bytes_that_a_given_up_message_carried_are_kept_for_its_replay(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(stream: BinaryIO) -> Scan:
        raise OSError("the disk does not answer")

    monkeypatch.setattr(atoms, "scan", fail)
    ingest(home, request(rawData=b"Bytes.", sourceUri="note:a.txt"))

    (letter,) = dead_letters(home.database)
    assert "the disk does not answer" in letter["reason"]
    assert home.blobs.get(json.loads(letter["body"])["blobKey"]) == b"Bytes."


def test_a_message_for_whose_bytes_there_is_no_room_is_tried_five_times_and_the_others_go_on(home: Resources) -> None:
    home.settings.blob_dir.mkdir()
    (home.settings.blob_dir / "3").write_bytes(b"a file where tenant 3's folder should be")

    ingest(home, request(tenantId=3, rawData=b"x", sourceUri="note:bad"), GOOD)

    assert assert_only_the_bad_one_died(home)["attemptCount"] == 5


def test_a_path_given_on_the_command_line_may_lie_outside_the_allowed_roots(home: Resources, tmp_path: Path) -> None:
    path = make_file(b"Given by name.")(tmp_path / "elsewhere.txt")
    with home.database.unit_of_work() as unit_of_work:
        (message_id,) = unit_of_work.enqueue(INGESTION_QUEUE, [("key", request(uri=path.as_uri()))])
        unit_of_work.execute_many("insert_path_grant", [(message_id, path.resolve().as_uri())])

    run_stages_of(home)

    assert states(home) == [("Atomized", 1, None)]
    with home.database.read() as unit_of_work:
        assert unit_of_work.query("path_grant", message_id=message_id) == [], "a grant is for one message"


class BlobsWithALateSender(LocalBlobs):
    """A blob store in which, in the moment before a landed copy is deleted, another run begins to land the same bytes."""

    def __init__(self, root: Path, land_again: Callable[[], None]) -> None:
        super().__init__(root)
        self._land_again = land_again
        self.late_sender: Thread | None = None

    def delete(self, key: str) -> None:
        if self.late_sender is None:
            self.late_sender = Thread(target=self._land_again)
            self.late_sender.start()
            self.late_sender.join(0.5)  # long enough to land, unless it has to wait for this run's transaction
        super().delete(key)


def test_forgetting_a_landed_copy_leaves_the_same_bytes_of_a_message_landed_meanwhile(
    home: Resources, store: Store, database: Database
) -> None:
    def land_again() -> None:
        other = DATABASES[store.backend].open(store.location)
        enqueue(other, INGESTION_QUEUE, [request(rawData=b"Same bytes.", sourceUri="note:second.txt")])
        run_stages_of(Resources(home.settings, other, home.graph, home.compute, home.blobs), landing.STAGE)
        other.close()

    blobs = BlobsWithALateSender(home.settings.blob_dir, land_again)
    racing = Resources(home.settings, database, home.graph, home.compute, blobs)

    ingest(racing, request(rawData=b"Same bytes.", sourceUri="note:first.txt"))
    assert blobs.late_sender is not None
    blobs.late_sender.join()
    run_stages_of(home)

    assert [source["status"] for source in all_sources(home)] == ["Atomized", "Atomized"]
