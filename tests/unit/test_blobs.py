"""Blobs: content-addressed per tenant, durable, and never outside their folder."""

import errno
import hashlib
import io
import os
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from hartonomous_resources.blobs import READ_BYTES, LocalBlobs, TooManyBytes
from tests.processes import in_processes, start_and_kill
from tests.unit.weight_files import drawn

CONTENT = bytes(range(256)) * 300


@pytest.fixture
def blobs(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


def files(blobs: LocalBlobs) -> list[Path]:
    return [path for path in blobs.root.rglob("*") if path.is_file()]


def test_bytes_are_read_back_by_a_key_that_names_tenant_and_hash(blobs: LocalBlobs) -> None:
    key = blobs.put(7, CONTENT)

    assert key == f"7/{hashlib.sha256(CONTENT).hexdigest()}"
    assert blobs.get(key) == blobs.path(key).read_bytes() == CONTENT


def test_no_bytes_at_all_are_a_blob_too(blobs: LocalBlobs) -> None:
    assert blobs.get(blobs.put(0, b"")) == b""


def test_the_same_bytes_are_stored_once(blobs: LocalBlobs) -> None:
    assert blobs.put(0, CONTENT) == blobs.put(0, CONTENT)
    assert len(files(blobs)) == 1


def test_what_could_not_be_stored_leaves_nothing(blobs: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no room")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="no room"):
        blobs.put(0, CONTENT)

    assert files(blobs) == []


def test_tenants_share_no_blob(blobs: LocalBlobs) -> None:
    one, two = blobs.put(1, CONTENT), blobs.put(2, CONTENT)

    blobs.delete(one)

    assert blobs.get(two) == CONTENT


def test_a_key_that_is_not_there_cannot_be_read(blobs: LocalBlobs) -> None:
    with pytest.raises(FileNotFoundError):
        blobs.get(f"0/{'a' * 64}")


def test_deleting_removes_the_bytes_and_a_second_time_is_no_error(blobs: LocalBlobs) -> None:
    key = blobs.put(0, CONTENT)

    for _ in range(2):
        blobs.delete(key)

    assert files(blobs) == []


@pytest.mark.parametrize(
    "key", ["", "0", "0/", "../x", f"../{'a' * 64}", f"0/{'A' * 64}", f"0/{'a' * 63}/", f"/{'a' * 64}"]
)
def test_what_is_no_key_names_no_file(blobs: LocalBlobs, key: str) -> None:
    with pytest.raises(ValueError, match="is not a blob key"):
        blobs.path(key)


def test_every_key_is_listed(blobs: LocalBlobs) -> None:
    stored = {blobs.put(tenant, content) for tenant in (0, 12) for content in (b"a", b"b")}

    assert set(blobs.list_keys()) == stored


def test_keys_may_be_listed_by_age_and_storing_again_makes_young(blobs: LocalBlobs) -> None:
    old, again, young = (blobs.put(0, content) for content in (b"old", b"again", b"young"))
    for key in (old, again):
        os.utime(blobs.path(key), (time.time() - 3600,) * 2)
    blobs.put(0, b"again")

    assert list(blobs.list_keys(older_than_seconds=60)) == [old]
    assert set(blobs.list_keys()) == {old, again, young}


def test_blobs_that_go_while_they_are_listed_are_none(blobs: LocalBlobs) -> None:
    keys = {
        blobs.put(0, content) for content in (bytes([n, m]) for n in range(4) for m in range(256))
    }  # several a folder
    listing = blobs.list_keys()
    first = next(listing)
    for key in keys - {first}:
        blobs.delete(key)

    assert list(listing) == []


def test_what_a_killed_writer_left_is_no_blob(blobs: LocalBlobs) -> None:
    path = blobs.path(blobs.put(0, CONTENT))
    path.rename(path.with_name(f".{path.name}.unfinished"))

    assert list(blobs.list_keys()) == []


def put_with_others(_index: int, root: Path) -> list[str]:
    return [LocalBlobs(root).put(0, CONTENT + bytes([n])) for n in range(50)]


def test_processes_that_store_the_same_bytes_at_once_store_them_once(blobs: LocalBlobs) -> None:
    keys = in_processes(3, put_with_others, blobs.root)

    assert keys[0] == keys[1] == keys[2]
    assert [blobs.get(key) for key in keys[0]] == [CONTENT + bytes([n]) for n in range(50)]
    assert len(files(blobs)) == 50


class Stream(io.RawIOBase):
    """So many bytes, in pieces of at most 100 KB; then `then` is called, once, before the end."""

    def __init__(self, byte_length: int, then: Callable[[], None] = lambda: None) -> None:
        self.left = byte_length
        self.then = then

    def read(self, size: int = -1) -> bytes:
        piece = bytes(min(size, self.left, 100_000))
        if not piece:
            self.then()
        self.left -= len(piece)
        return piece


def put_stream(blobs: LocalBlobs, tenant_id: int, stream: Stream, max_bytes: int | None = None) -> str:
    """Take in a stream as the calls do: piece by piece, and a blob once all of it is there."""
    with blobs.receive(tenant_id, max_bytes) as file:
        while piece := stream.read(READ_BYTES):
            file.write(piece)
        incoming = file.finish()
        incoming.keep()
    return incoming.key


@pytest.mark.parametrize("byte_length", [0, 1, 300_000, 10_000_000])
def test_a_stream_is_stored_as_the_same_bytes_are(blobs: LocalBlobs, byte_length: int) -> None:
    key = put_stream(blobs, 7, Stream(byte_length))

    assert key == f"7/{hashlib.sha256(bytes(byte_length)).hexdigest()}"
    assert blobs.get(key) == bytes(byte_length)
    assert blobs.put(7, bytes(byte_length)) == put_stream(blobs, 7, Stream(byte_length)) == key
    assert files(blobs) == [blobs.path(key)]


def test_a_stream_is_stored_in_bounded_memory(blobs: LocalBlobs) -> None:
    tracemalloc.start()
    put_stream(blobs, 0, Stream(20_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 4_000_000


def test_streams_of_two_tenants_share_no_blob(blobs: LocalBlobs) -> None:
    one, two = (put_stream(blobs, tenant, Stream(10)) for tenant in (1, 2))

    blobs.delete(one)

    assert list(blobs.list_keys()) == [two]


def test_of_a_stream_that_is_too_long_nothing_is_left(blobs: LocalBlobs) -> None:
    with pytest.raises(TooManyBytes, match="more than 299,999 bytes"):
        put_stream(blobs, 0, Stream(300_000), max_bytes=299_999)

    assert files(blobs) == []
    assert blobs.get(put_stream(blobs, 0, Stream(300_000), max_bytes=300_000)) == bytes(300_000)


def test_of_a_stream_that_breaks_off_nothing_is_left(blobs: LocalBlobs) -> None:
    def hang_up() -> None:
        raise ConnectionResetError("the sender is gone")

    with pytest.raises(ConnectionResetError):
        put_stream(blobs, 0, Stream(300_000, hang_up))

    assert files(blobs) == []


def test_bytes_that_came_in_and_were_not_kept_go(blobs: LocalBlobs) -> None:
    with blobs.receive(0) as file:
        file.write(bytes(300_000))
        incoming = file.finish()
        assert (incoming.key, incoming.byte_length) == (f"0/{hashlib.sha256(bytes(300_000)).hexdigest()}", 300_000)
        assert list(blobs.list_keys()) == []

    assert files(blobs) == []


def test_keeping_is_done_again_as_often_as_its_transaction_is(blobs: LocalBlobs) -> None:
    with blobs.receive(0) as file:
        file.write(bytes(10))
        incoming = file.finish()
        for _ in range(2):
            incoming.keep()

    assert files(blobs) == [blobs.path(incoming.key)]


def put_half(ready: Callable[[], None], root: Path) -> None:
    def wait() -> None:
        ready()
        time.sleep(60)

    put_stream(LocalBlobs(root), 0, Stream(300_000, wait))


def test_what_a_killed_sender_left_is_no_blob_and_is_swept(blobs: LocalBlobs) -> None:
    start_and_kill(put_half, blobs.root)
    assert len(files(blobs)) == 1 and list(blobs.list_keys()) == []

    assert blobs.delete_partial(older_than_seconds=3600) == 0
    assert blobs.delete_partial(older_than_seconds=-1) == 1

    assert files(blobs) == []


def test_weights_are_packed_and_read_back_as_they_were(blobs: LocalBlobs) -> None:
    weights = drawn(1, 300, 300, dtype="BF16").data
    key = blobs.put(3, weights, "tensor/bf16")
    [file] = files(blobs)

    assert file.name == f"{key.partition('/')[2]}.planes"
    assert file.stat().st_size == blobs.stored_bytes() < 0.7 * len(weights)
    assert blobs.get(key) == weights
    assert blobs.put(3, weights) == blobs.put(3, weights, "tensor/bf16") == key
    assert files(blobs) == [file] and list(blobs.list_keys()) == [key]
    assert list(blobs.list_keys(older_than_seconds=60)) == []
    blobs.delete(key)
    assert files(blobs) == []
    with pytest.raises(FileNotFoundError):
        blobs.get(key)


def test_packed_bytes_that_are_landed_too_can_be_read_as_a_file(blobs: LocalBlobs) -> None:
    weights = drawn(1, 300, 300, dtype="BF16").data
    key = blobs.put(3, weights, "tensor/bf16")
    with blobs.receive(3) as file:
        file.write(weights)
        file.finish().keep()

    assert blobs.path(key).read_bytes() == blobs.get(key) == weights
    blobs.delete(key)
    assert files(blobs) == []


def test_what_does_not_pack_is_stored_as_it_is(blobs: LocalBlobs) -> None:
    noise = os.urandom(100_000)
    key = blobs.put(0, noise, "tensor/bf16")
    assert blobs.path(key).read_bytes() == noise


def test_damaged_weights_have_another_hash(blobs: LocalBlobs) -> None:
    weights = drawn(1, 300, 300, dtype="BF16").data
    key = blobs.put(3, weights, "tensor/bf16")
    [file] = files(blobs)
    packed = file.read_bytes()
    for damaged in (
        packed[:-1],
        packed[: len(packed) // 2],
        b"",
        packed[:20] + b"\xff" * 50 + packed[70:],
        packed + b"x",
    ):
        file.write_bytes(damaged)
        assert hashlib.sha256(blobs.get(key)).hexdigest() != key.partition("/")[2]
