"""Bytes that come without a path: landed by the call that brings them, found by search, rebuilt byte for byte, each tenant's its own."""

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import dagster as dg
import pytest

from hartonomous_assets import atoms
from hartonomous_assets.housekeeping import sweep_blobs
from hartonomous_core.atomizers.content_type import Scan
from hartonomous_core.limits import INLINE_LIMIT
from hartonomous_resources.resources import Resources
from hartonomous_service.dead_letters import replay_dead_letter
from hartonomous_service.errors import Invalid, NotFound
from hartonomous_service.ingest import submit
from hartonomous_service.search import search
from hartonomous_service.source_records import list_sources, reconstruct, verify_sources
from tests.backends import Store
from tests.builders import dead_letters, open_home
from tests.processes import start_and_kill
from tests.stages import MakeHome, all_sources, run_stages_of

TEN_MB = b"".join(
    b"Row %d of the log%s. " % (number, b" says nothing new of the harbour" * 30) for number in range(11_000)
)[:10_000_000]


def blob_files(home: Resources) -> list[str]:
    return [path.name for path in home.settings.blob_dir.rglob("*") if path.is_file()]


def landed(home: Resources, content: Any, **fields: Any) -> dict[str, Any]:
    """The one source that is landed, as `submit` tells of it."""
    found = submit(home, content, **fields)
    assert (found["failed"], found["stages"], found["leftOut"]) == ([], {}, [])
    [source] = found["sources"]
    assert source["status"] == "Landed"
    return dict(source)


@pytest.mark.parametrize(
    "content",
    [b"", b"The sea rises with the moon.", b"\x00\xff" * 1000, (b"A sentence" + b" and more" * 12 + b". ") * 10_000],
)
@pytest.mark.parametrize("is_stream", [False, True])
def test_what_is_submitted_is_landed_and_then_atomized_byte_for_byte(
    home: Resources, content: bytes, is_stream: bool
) -> None:
    source = landed(
        home, io.BytesIO(content) if is_stream else content, source_uri="upload:1", metadata={"from": "desk"}
    )
    assert (source["sourceUri"], source["byteLength"]) == ("upload:1", len(content))

    run_stages_of(home)

    [row] = list_sources(home)["sources"]
    assert (row["sourceId"], row["status"], row["metadata"]) == (source["sourceId"], "Atomized", {"from": "desk"})
    assert row["contentHash"] == hashlib.sha256(content).hexdigest()
    assert b"".join(reconstruct(home, row["sourceId"])) == content
    assert blob_files(home) == [], "the landed copy is not needed any more"


@pytest.mark.slow
def test_a_stream_of_ten_megabytes_is_searchable_and_rebuilt(home: Resources) -> None:
    source = landed(home, io.BytesIO(TEN_MB), source_uri="upload:log.txt")

    run_stages_of(home)

    [hit] = search(home, "row 9876 harbour", mode="lexical", k=1)["results"]
    assert [place["sourceUri"] for place in hit["sources"]] == ["upload:log.txt"]
    assert b"".join(reconstruct(home, source["sourceId"])) == TEN_MB
    assert verify_sources(home)["failed"] == []


@pytest.mark.parametrize(
    ("fields", "uri"),
    [
        ({"source_uri": "mail:42"}, "mail:42"),
        ({"source_id": 7}, "source:7"),
        ({}, f"sha256:{hashlib.sha256(b'Hello.').hexdigest()}"),
        ({"source_uri": "/etc/hostname"}, "claimed:/etc/hostname"),
        ({"source_uri": "file:///etc/hostname"}, "claimed:file:///etc/hostname"),
    ],
)
def test_it_is_called_what_a_message_with_the_same_bytes_would_be(
    home: Resources, fields: dict[str, Any], uri: str
) -> None:
    assert landed(home, b"Hello.", **fields)["sourceUri"] == uri


def test_no_name_reads_a_file_or_the_bytes_of_another_tenant(home: Resources) -> None:
    theirs = landed(home, b"Secret of seven.", tenant=7, source_uri="upload:1")
    [key] = home.blobs.list_keys()
    landed(home, b"Mine.", source_uri=key)
    landed(home, b"Mine, too.", source_uri=f"file://{home.blobs.path(key)}", metadata={"blobKey": key, "uri": key})

    run_stages_of(home)

    assert {b"".join(reconstruct(home, row["sourceId"])) for row in list_sources(home)["sources"]} == {
        b"Mine.",
        b"Mine, too.",
    }
    assert search(home, "secret", mode="lexical")["results"] == []
    assert [hit["text"] for hit in search(home, "secret", mode="lexical", tenant=7)["results"]] == ["Secret of seven."]
    with pytest.raises(NotFound):
        b"".join(reconstruct(home, theirs["sourceId"]))


def test_the_same_bytes_twice_are_one_source_and_other_bytes_a_version(home: Resources) -> None:
    for content, is_new in ((b"One.", True), (b"One.", False), (b"Two.", True)):
        assert landed(home, content, source_uri="upload:1")["unchanged"] is not is_new
    run_stages_of(home)
    [again] = submit(home, b"Two.", source_uri="upload:1")["sources"]
    assert (again["status"], again["unchanged"], again["newBytes"]) == ("Atomized", True, 0)
    run_stages_of(home)

    assert [(row["status"], row["supersededBy"] is None) for row in all_sources(home)] == [
        ("Atomized", False),
        ("Atomized", True),
    ]
    assert blob_files(home) == []


def test_more_than_a_source_may_have_is_refused_and_leaves_nothing(make_home: MakeHome) -> None:
    home = make_home(max_source_bytes=1000)
    for content in (bytes(1001), io.BytesIO(bytes(1001))):
        with pytest.raises(Invalid, match="more than 1,000 bytes"):
            submit(home, content)

    assert all_sources(home) == [] and blob_files(home) == []
    landed(home, bytes(1000))


@pytest.mark.parametrize(
    "fields",
    [
        {"tenant": -1},
        {"tenant": "0"},
        {"content_type": "text"},
        {"source_uri": ""},
        {"source_uri": "a\0b"},
        {"source_uri": "\ud800"},
        {"metadata": {"a": float("nan")}},
        {"metadata": {"a": b"bytes"}},
    ],
)
def test_what_no_message_may_say_is_refused(home: Resources, fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        submit(home, b"Hello.", **fields)
    with pytest.raises(Invalid, match="give bytes"):
        submit(home, "Hello.")  # type: ignore[arg-type]

    assert all_sources(home) == [] and blob_files(home) == []


def test_a_stream_that_breaks_off_is_not_landed(home: Resources) -> None:
    class HangsUp(io.RawIOBase):
        pieces = iter([b"The beginning"])

        def read(self, size: int = -1) -> bytes:
            for piece in self.pieces:
                return piece
            raise ConnectionResetError("the sender is gone")

    with pytest.raises(ConnectionResetError):
        submit(home, HangsUp())  # type: ignore[arg-type]

    assert all_sources(home) == [] and blob_files(home) == []


def submit_half(ready: Callable[[], None], store: Store, folder: Path) -> None:
    class Hangs(io.RawIOBase):
        pieces = iter([bytes(500_000)])

        def read(self, size: int = -1) -> bytes:
            for piece in self.pieces:
                return piece
            ready()
            time.sleep(60)
            return b""

    submit(open_home(folder, store.open()), Hangs())  # type: ignore[arg-type]


@pytest.mark.slow
def test_of_a_sender_that_is_killed_nothing_is_landed_and_what_it_left_is_swept(
    home: Resources, store: Store, tmp_path: Path
) -> None:
    start_and_kill(submit_half, store, tmp_path)
    assert all_sources(home) == [] and len(blob_files(home)) == 1

    age_and_sweep(home)

    assert blob_files(home) == []


class NotReady(io.RawIOBase):
    """A stream that does not block, and has nothing now."""

    def read(self, size: int = -1) -> None:
        return None


@pytest.mark.parametrize("stream", [NotReady(), io.StringIO("text")])
def test_what_is_no_blocking_stream_of_bytes_is_not_taken_for_an_empty_one(home: Resources, stream: Any) -> None:
    with pytest.raises((TypeError, Invalid)):
        submit(home, stream)

    assert all_sources(home) == [] and blob_files(home) == []


def test_a_blob_whose_sender_died_before_the_row_is_swept_and_a_landed_one_is_not(home: Resources) -> None:
    home.blobs.put(0, b"Orphan.")
    landed(home, b"Landed.")

    age_and_sweep(home)

    assert list(home.blobs.list_keys()) == [f"0/{hashlib.sha256(b'Landed.').hexdigest()}"]
    run_stages_of(home)
    assert [row["status"] for row in all_sources(home)] == ["Atomized"]


def age_and_sweep(home: Resources) -> None:
    for path in home.settings.blob_dir.rglob("*"):
        os.utime(path, (0, 0))
    sweep_blobs(dg.build_op_context(resources={"database": home.database, "blobs": home.blobs}))


def test_what_is_given_up_is_replayed_from_its_landed_copy_however_large(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_stream: BinaryIO) -> Scan:
        raise OSError("the disk does not answer")

    content = TEN_MB[: 2 * INLINE_LIMIT]
    with monkeypatch.context() as broken:
        broken.setattr(atoms, "scan", fail)
        landed(home, io.BytesIO(content), source_uri="upload:log.txt", source_id="mine")
        run_stages_of(home)
    (letter,) = dead_letters(home.database)

    message_id = replay_dead_letter(home, letter["deadLetterId"])["messageId"]
    run_stages_of(home)

    last = all_sources(home)[-1]
    assert (last["status"], last["messageId"], last["sourceUri"]) == ("Atomized", message_id, "upload:log.txt")
    assert json.loads(last["metadata"]) == {"sourceId": "mine"}
    assert b"".join(reconstruct(home, last["sourceId"])) == content
    assert dead_letters(home.database) == [] and blob_files(home) == []
