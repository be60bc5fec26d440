"""What is read of a zip archive that is damaged or means harm."""

import io
import random
import struct
import zipfile

import pytest

from hartonomous_core.atomizers import Partial, Section
from hartonomous_core.atomizers.document_atomizer import Format, Item, extract_here
from hartonomous_core.atomizers.extractors import zip_archive
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.registry import OUR_ENTRIES


def zipped(**files: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return target.getvalue()


def items_of(data: bytes) -> list[Item]:
    [zip_format] = [each for each in OUR_ENTRIES if isinstance(each, Format) and each.name == "zip"]
    return list(extract_here(zip_format, io.BytesIO(data), "application/zip"))


GOOD = zipped(fog=b"low " * 9, tides=b"high " * 9)


def test_files_are_named_and_then_given() -> None:
    assert items_of(GOOD) == [
        Section("fog\ntides", {"part": "files"}),
        Member("fog"),
        b"low " * 9,
        Member("tides"),
        b"high " * 9,
    ]
    assert items_of(zipped()) == []


def test_a_directory_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MOST_DIRECTORY_BYTES", 50)
    with pytest.raises(Partial, match="the directory of this archive is larger than 50 bytes"):
        items_of(GOOD)
    at = GOOD.rindex(b"PK\5\6") + 12
    with pytest.raises(Partial, match="the directory"):
        items_of(GOOD[:at] + b"\xff" * 4 + GOOD[at + 4 :])


def test_a_file_in_a_way_of_compressing_that_is_not_known_is_left_out() -> None:
    data = bytearray(GOOD)
    for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        struct.pack_into("<H", data, data.index(signature) + offset, 98)
    _, first, lost, *rest = items_of(bytes(data))
    assert first == Member("fog")
    assert isinstance(lost, MemberLost) and lost.reason == "it is packed in a way that is not read"
    assert rest == [Member("tides"), b"high " * 9]


def test_a_file_that_lies_outside_of_the_archive_is_left_out() -> None:
    data = bytearray(GOOD)
    struct.pack_into("<L", data, data.index(b"PK\1\2") + 42, 0x7FFFFFFF)
    _, first, lost, *rest = items_of(bytes(data))
    assert (first, lost) == (Member("fog"), MemberLost("the directory says that it lies where nothing is"))
    assert rest == [Member("tides"), b"high " * 9]


def test_an_archive_of_another_age_is_damaged() -> None:
    data = bytearray(GOOD)
    data[data.index(b"PK\1\2") + 6] = 88
    with pytest.raises(Partial, match=r"^it is a damaged archive: zip file version 8\.8$"):
        list(zip_archive.extract(io.BytesIO(bytes(data)), "application/zip"))


def test_a_file_packed_by_lzma_is_read_unless_its_window_is_too_large() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("fog", b"low " * 9)
        archive.writestr("tides", b"high " * 9)
    data = bytearray(target.getvalue())
    assert items_of(bytes(data))[1:] == [Member("fog"), b"low " * 9, Member("tides"), b"high " * 9]
    properties = data.index(b"fog") + 3 + 4
    assert data[properties - 2 : properties] == b"\5\0"
    struct.pack_into("<I", data, properties + 1, 2**31)
    assert items_of(bytes(data))[1:] == [
        Member("fog"),
        MemberLost("it takes too much memory to unpack"),
        Member("tides"),
        b"high " * 9,
    ]


def test_a_file_without_a_name_is_given_like_any_other() -> None:
    data = bytearray(zipped(f=b"fog"))
    data[26:28] = b"\0\0"
    del data[30]
    entry, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    data[entry + 28 : entry + 30] = b"\0\0"
    del data[entry + 46]
    size, offset = struct.unpack_from("<LL", data, end - 1 + 12)
    struct.pack_into("<LL", data, end - 1 + 12, size - 1, offset - 1)
    assert items_of(bytes(data))[1:] == [Member(""), b"fog"]


def test_whatever_is_damaged_nothing_but_partial_is_raised() -> None:
    draw = random.Random(16)
    outcomes = set()
    for _ in range(400):
        data = bytearray(GOOD)
        for _ in range(draw.randrange(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            found = items_of(bytes(data[: draw.randrange(len(data)) if draw.random() < 0.2 else None]))
            outcomes.add(any(isinstance(item, MemberLost) for item in found))
        except Partial:
            outcomes.add("partial")
    assert outcomes == {True, False, "partial"}


def test_a_stream_that_fails_is_not_taken_for_a_damaged_file_in_it() -> None:
    """It failed while one file was read: that says nothing of the file."""

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if found:
                raise OSError("the disk is gone")
            return super().read(size)

    [zip_format] = [each for each in OUR_ENTRIES if isinstance(each, Format) and each.name == "zip"]
    found: list[Item] = []
    data = zipped(fog=random.Random(1).randbytes(200_000), tides=b"high")
    with pytest.raises(OSError, match="the disk is gone"):
        for item in extract_here(zip_format, Failing(data), "application/zip"):
            found.append(item)
    assert found[:2] == [Section("fog\ntides", {"part": "files"}), Member("fog")]
