"""Blobs: content-addressed per tenant, durable, and never outside their folder."""

import errno
import hashlib
import os
import time
from pathlib import Path

import pytest

from hartonomous_resources.blobs import LocalBlobs
from tests.builders import in_processes

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
