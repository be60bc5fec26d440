"""Archives that hold themselves, whose files lie in one another, or whose links go round: no hang, one clear reason, and every byte back."""

import io
import tarfile
import time
from typing import Any

import pytest

from hartonomous_assets import atoms, source_members
from hartonomous_assets import sources as landing
from hartonomous_core.atomizers import members
from hartonomous_core.messages import INGESTION_QUEUE
from hartonomous_resources.database.protocol import Row
from hartonomous_resources.resources import Resources
from hartonomous_service.source_records import reconstruct, verify_sources
from tests.builders import enqueue, request
from tests.stages import all_sources, run_stages_of
from tests.unit.packed_files import PACKERS
from tests.unit.quines import gzip_quine, quoting_bomb, zip_quine
from tests.unit.zipped_files import zipped

MIB = 1024 * 1024


def take_in(home: Resources, data: bytes, uri: str = "a") -> dict[str, Row]:
    """The sources that come of it, by their names; it comes back byte for byte."""
    enqueue(home.database, INGESTION_QUEUE, [request(rawData=data, sourceUri=uri)])
    started = time.process_time()
    run_stages_of(home, landing.STAGE, atoms.STAGE)
    assert time.process_time() - started < 30
    found = {row["sourceUri"]: row for row in all_sources(home)}
    assert b"".join(reconstruct(home, found[uri]["sourceId"])) == data
    assert not verify_sources(home)["failed"]
    return found


@pytest.mark.parametrize("quine", [gzip_quine(), zip_quine()], ids=["gzip", "zip"])
def test_a_quine_ends_at_the_depth_that_any_archive_has(home: Resources, quine: bytes) -> None:
    found = take_in(home, quine)
    by_depth = {uri.count("!/"): row for uri, row in found.items()}
    assert sorted(by_depth) == list(range(source_members.MOST_DEPTH + 1)) and len(found) == len(by_depth)
    for row in found.values():
        assert b"".join(reconstruct(home, row["sourceId"])) == quine
    reasons = {row["errorMessage"] for row in found.values()} - {None}
    assert len(reasons) == 1 and "files more than 4 archives deep are not taken in" in reasons.pop()


@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zst"])
def test_a_quine_that_is_packed_again_ends_too(home: Resources, pack: str) -> None:
    assert len(take_in(home, PACKERS[pack](zip_quine()))) == 1 + source_members.MOST_DEPTH


def test_many_quines_in_one_archive_share_its_limits(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 40)
    found = take_in(home, zipped({f"{n}.zip": zip_quine() for n in range(25)}))
    assert len(found) == 1 + 40


def test_files_that_lie_in_one_another_are_taken_in_as_far_as_their_bytes_go(
    home: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(members, "BYTES_OF_ANY", 8 * MIB)
    monkeypatch.setattr(members, "MOST_RATIO", 1)
    found = take_in(home, quoting_bomb(50, MIB))
    assert len(found) == 1 + 7
    assert found["a"]["errorMessage"] == (
        "partial: the files in it hold more bytes than they may: 000042 and what follows was left out"
    )


def test_what_is_unpacked_counts_also_where_it_is_damaged(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 files with wrong sums, of 8 MiB each, in 92 kB: each is unpacked to its end before that is known."""
    unpacked = 0
    write = source_members.FoundMembers._write

    def counted(taker: source_members.FoundMembers, block: bytes) -> None:
        nonlocal unpacked
        unpacked += len(block)
        write(taker, block)

    monkeypatch.setattr(source_members.FoundMembers, "_write", counted)
    found = take_in(home, quoting_bomb(2000, 8 * MIB, is_sound=False))
    assert unpacked <= 65 * MIB
    assert set(found) == {"a"}
    assert "the files in it hold more bytes than they may" in (found["a"]["errorMessage"] or "")


def test_so_do_files_that_are_empty_and_damaged(home: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_members, "MOST_MEMBERS", 5)
    data = bytearray(zipped({f"{n}": b"" for n in range(9)}, 0))
    while (at := data.find(b"PK\1\2")) >= 0:
        data[at : at + 20] = b"PK\1\3" + data[at + 4 : at + 8] + b"\1\0" + data[at + 10 : at + 20]  # encrypted
    found = take_in(home, bytes(data).replace(b"PK\1\3", b"PK\1\2"))
    assert found["a"]["errorMessage"] == "partial: none of the files in it were taken in"


def test_links_that_go_round_are_names(home: Resources) -> None:
    def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        return info

    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, other in (("a", "b"), ("b", "a"), ("own", "own")):
            archive.addfile(entry(name, tarfile.SYMTYPE, other))
            archive.addfile(entry(f"hard-{name}", tarfile.LNKTYPE, f"hard-{other}"))
        archive.addfile(entry("folder", tarfile.DIRTYPE))
        archive.addfile(entry("folder/up", tarfile.SYMTYPE, "../folder"))
        noon = tarfile.TarInfo("folder/up/folder/up/noon.txt")
        noon.size = 4
        archive.addfile(noon, io.BytesIO(b"Fog."))
    found = take_in(home, target.getvalue())
    assert set(found) == {"a", "member:a!/folder/up/folder/up/noon.txt"}
    assert found["a"]["errorMessage"] is None


@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zst"])
def test_a_bomb_of_one_file_is_stopped(home: Resources, monkeypatch: pytest.MonkeyPatch, pack: str) -> None:
    monkeypatch.setattr(members, "BYTES_OF_ANY", MIB)
    monkeypatch.setattr("hartonomous_core.atomizers.extractors.packed_file.most_unpacked_bytes", lambda packed: MIB)
    found: dict[str, Any] = take_in(home, PACKERS[pack](bytes(40 * MIB)))
    assert set(found) == {"a"}
    assert "it unpacks to more than 1,048,576 bytes" in found["a"]["errorMessage"]
