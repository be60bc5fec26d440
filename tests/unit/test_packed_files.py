"""What is read of a file that is packed: whole ones of every kind, damaged ones, and those that mean harm."""

import gzip
import io
import lzma
import random
import tracemalloc

import pytest
from backports import zstd
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import members
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.extractors import packed_file
from hartonomous_core.atomizers.members import Member, MemberLost
from tests.unit.changed_bytes import Cuts, cut, cuts_of, rebuilt
from tests.unit.packed_files import PACKERS, read, tarred

TYPES = {"gz": "application/x-gzip", "bz2": "application/x-bzip2", "xz": "application/x-xz", "zst": "application/zstd"}
LOG = random.Random(16).randbytes(1000) * 700
FILES = {"notes/fog.txt": b"low " * 300, "tides": b"high"}
every_kind = pytest.mark.parametrize("kind", PACKERS)


@every_kind
@pytest.mark.parametrize("name", ["", "a.txt", "a.svgz"])
def test_it_is_known_by_how_it_begins(kind: str, name: str) -> None:
    for data in (LOG, b""):
        assert sniff(PACKERS[kind](data)[:8192], name) == TYPES[kind]


@every_kind
@pytest.mark.parametrize("data", [LOG, b"", b"x", b"x" * 511, b"x" * 512, b"x" * 256 * 1024])
def test_the_file_in_it_is_found_without_a_name(kind: str, data: bytes) -> None:
    assert read(PACKERS[kind](data)) == ({"": data}, [], None)


@every_kind
def test_a_tar_archive_in_it_is_read_as_one_archive(kind: str) -> None:
    assert read(PACKERS[kind](tarred(FILES))) == (FILES, list(FILES), None)


@every_kind
def test_one_behind_the_other_are_one_file_whatever_zeros_are_between(kind: str) -> None:
    pack = PACKERS[kind]
    for zeros in (0, 4, 600_000):
        assert read(pack(b"one ") + b"\0" * zeros + pack(b"two") + b"\0" * zeros) == ({"": b"one two"}, [], None)


@every_kind
@pytest.mark.parametrize("behind", [b"x", b"junk" * 999, b"\x1f"])
def test_what_stands_behind_it_costs_nothing_but_a_note(kind: str, behind: bytes) -> None:
    files, _, problem = read(PACKERS[kind](LOG) + behind)
    assert files == {"": LOG}
    assert problem == "bytes behind the end of what is packed are not read"


@every_kind
def test_one_that_is_cut_off_is_left_out(kind: str) -> None:
    data = PACKERS[kind](LOG)
    for length in (len(data) - 1, len(data) // 2, 12):
        assert read(data[:length], TYPES[kind]) == ({"": "its end is missing"}, [], None)
    assert read(PACKERS[kind](b"one") + data[:-1])[0] == {"": "its end is missing"}


@every_kind
def test_a_tar_archive_that_is_cut_off_keeps_the_files_before(kind: str) -> None:
    data = PACKERS[kind](tarred({"fog": b"low", "random": random.Random(1).randbytes(3_000_000), "after": b"1"}))
    files, listed, problem = read(data[: len(data) // 2])
    assert files == {"fog": b"low", "random": "its end is missing"}
    assert listed == ["fog", "random"]
    assert problem == "it is damaged, and what follows is not read: its end is missing"


def test_a_wrong_sum_at_the_end_is_damage() -> None:
    data = bytearray(gzip.compress(LOG))
    data[-6] ^= 1
    [reason] = read(bytes(data))[0].values()
    assert isinstance(reason, str) and "incorrect data check" in reason

    data = bytearray(gzip.compress(tarred({"log": LOG}) + b"\0" * 600_000))
    data[-6] ^= 1
    files, _, problem = read(bytes(data))
    assert files == {"log": LOG}
    assert problem is not None and problem.startswith("it is damaged behind the files, and so may they be: Error -3")


def test_what_is_packed_in_no_known_way_is_said() -> None:
    assert read(b"1234567", "application/gzip") == ({}, [], "it is not packed as gzip, bzip2, xz or Zstandard pack")
    assert read(b"", "application/gzip")[2] == "it is not packed as gzip, bzip2, xz or Zstandard pack"


@every_kind
def test_more_than_so_many_times_its_size_does_not_come_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "BYTES_OF_ANY", 1_000_000)
    bomb = PACKERS[kind](b"\0" * 8_000_000)
    assert len(bomb) * members.MOST_RATIO < 8_000_000
    limit = max(1_000_000, len(bomb) * members.MOST_RATIO)
    assert read(bomb)[0] == {"": f"it unpacks to more than {limit:,} bytes"}


@every_kind
def test_so_it_is_where_a_tar_archive_hides_them_behind_what_is_no_file(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is given these bytes, who could count them."""
    monkeypatch.setattr(members, "BYTES_OF_ANY", 1_000_000)
    archive = bytearray(tarred({"fog": b"low", "hidden": b"\0" * 8_000_000}))
    at = 1024
    archive[at + 156 : at + 157] = b"Z"
    archive[at + 148 : at + 156] = b" " * 8
    archive[at + 148 : at + 156] = b"%06o\0 " % sum(archive[at : at + 512])
    files, _, problem = read(PACKERS[kind](bytes(archive)))
    assert files == {"fog": b"low"}
    assert problem is not None and "it unpacks to more than" in problem


def test_windows_are_limited() -> None:
    large = {zstd.CompressionParameter.window_log: 28, zstd.CompressionParameter.enable_long_distance_matching: 1}
    # Of a size that is told beforehand a frame asks for no more.
    compressor = zstd.ZstdCompressor(options=large)
    data = compressor.compress(b"x" * 1000) + compressor.flush()
    [reason] = read(data)[0].values()
    assert isinstance(reason, str) and "Frame requires too much memory" in reason
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 256 * 1024 * 1024}]
    [reason] = read(lzma.compress(b"x" * 1000, filters=filters))[0].values()
    assert isinstance(reason, str) and "Memory usage limit" in reason
    most = [{"id": lzma.FILTER_LZMA2, "preset": 9}]
    assert read(lzma.compress(b"x" * 1000, filters=most))[0] == {"": b"x" * 1000}


@every_kind
def test_memory_does_not_grow_with_what_comes_out(kind: str) -> None:
    data = PACKERS[kind](tarred({"zeros": b"\0" * 50_000_000}))
    tracemalloc.start()
    length = sum(len(item) for item in packed_file.extract(io.BytesIO(data), "") if isinstance(item, bytes))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == 50_000_000
    assert peak < 16 * 1024 * 1024  # xz has a window of 8 MiB


def test_a_stream_that_fails_is_no_damage() -> None:
    from hartonomous_core.atomizers.document_atomizer import Format, extract_here
    from hartonomous_core.atomizers.registry import OUR_ENTRIES

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() >= 256 * 1024:
                raise OSError("the disk is gone")
            return super().read(size)

    [packed] = [each for each in OUR_ENTRIES if isinstance(each, Format) and each.name == "packed"]
    data = gzip.compress(random.Random(1).randbytes(900_000))
    found = []
    with pytest.raises(OSError, match="the disk is gone"):
        for item in extract_here(packed, Failing(data), "application/gzip"):
            found.append(item)
    assert found[0] == Member("") and isinstance(found[-1], MemberLost)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.data(), st.sampled_from(list(PACKERS)), st.booleans())
def test_whatever_is_changed_the_bytes_are_rebuilt(draw: st.DataObject, kind: str, is_tar: bool) -> None:
    good = PACKERS[kind](tarred(FILES) if is_tar else LOG[:5000])
    cuts: Cuts = draw.draw(cuts_of(good))
    data = cut(good, cuts)
    assert rebuilt(data, TYPES[kind]) == data


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=3), st.sampled_from(list(PACKERS)))
def test_what_is_packed_comes_out(parts: list[bytes], kind: str) -> None:
    data = b"".join(map(PACKERS[kind], parts))
    files, _, problem = read(data)
    assert problem is None and files == {"": b"".join(parts)}
