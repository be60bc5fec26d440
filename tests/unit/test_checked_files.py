"""A file of vectors is read whole once, and again where anything but this program's own writing may have changed it."""

import os
import shutil
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hartonomous_resources.vectors import checked_files, segments
from hartonomous_resources.vectors.quantized import quantize
from hartonomous_resources.vectors.segment_files import SegmentFiles
from hartonomous_resources.vectors.segments import Segment, SegmentWriter, Space, Span

SPACE = Space("2026-11-30", 1, "hash", 64)
SPAN = Span(0, 1000)
ROWS = quantize(
    np.arange(1, 1001), np.arange(1, 1001), np.random.default_rng(1).standard_normal((1000, 64)).astype(np.float32)
)
Read = Callable[[], tuple[int, int]]


@pytest.fixture
def files(tmp_path: Path) -> SegmentFiles:
    """A folder with one segment."""
    files = SegmentFiles(tmp_path, SPACE)

    def write(file: object) -> None:
        writer = SegmentWriter(file, SPACE, SPAN)  # type: ignore[arg-type]
        writer.add(0, ROWS)
        writer.finish()

    with files.writing(wait=True):
        files.publish(SPAN, write)
    return files


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Opens the folder anew, as another process would: how many rows are in force, and how many bytes were checked."""

    def look() -> tuple[int, int]:
        checked: list[int] = []

        def crc32(data: bytes, start: int = 0) -> int:
            checked.append(len(data))
            return zlib.crc32(data, start)

        with monkeypatch.context() as patch:
            patch.setattr(segments, "zlib", type("Counting", (), {"crc32": staticmethod(crc32)}))
            chain: list[Segment] = SegmentFiles(tmp_path, SPACE).chain(10_000, lambda _: True)
        return sum(len(segment.rows) for segment in chain), sum(checked)

    return look


def segment_of(files: SegmentFiles) -> Path:
    [file] = files.folder.glob("*.segment")
    return file


def test_what_this_program_wrote_is_not_read_whole(files: SegmentFiles, read: Read) -> None:
    rows, checked = read()

    assert rows == 1000
    assert checked < 1000 < segment_of(files).stat().st_size


def test_after_a_start_of_the_machine_it_is_read_whole_once(
    files: SegmentFiles, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_files, "this_boot", lambda: 42)

    (_, first), (_, second) = read(), read()

    assert first > 64 * 1000 > 1000 > second


def changed(data: bytes) -> bytes:
    return data[:50] + bytes([data[50] ^ 1]) + data[51:]


@pytest.mark.parametrize("how", ["in place", "another file of the same time", "a copy of the folder"])
def test_a_file_that_was_changed_is_read_whole_though_its_times_and_length_are_as_before(
    files: SegmentFiles, read: Read, how: str
) -> None:
    file = segment_of(files)
    before = file.stat()
    time.sleep(0.02)  # file systems tell times apart that are some milliseconds apart
    if how == "in place":
        file.write_bytes(changed(file.read_bytes()))
    elif how == "another file of the same time":
        other = file.with_name("other")
        other.write_bytes(changed(file.read_bytes()))
        other.replace(file)
    else:
        file.write_bytes(changed(file.read_bytes()))
        shutil.copytree(files.folder, files.folder.with_name("copy"))
        shutil.rmtree(files.folder)
        files.folder.with_name("copy").rename(files.folder)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert read()[0] == 0


@pytest.mark.parametrize("note", ["", "[", "none of ours", "[1, 2, 3, 4, 5, 6]", "gone", "a folder"])
def test_a_note_that_says_nothing_is_made_again(files: SegmentFiles, read: Read, note: str) -> None:
    path = checked_files.note_of(segment_of(files))
    path.unlink()
    if note == "a folder":
        path.mkdir()
    elif note != "gone":
        path.write_text(note)

    (rows, first), (_, second) = read(), read()

    assert rows == 1000
    assert first > 64 * 1000
    assert (second < 1000) == (note != "a folder")  # where it cannot be written each process reads


def test_a_note_goes_with_its_file(files: SegmentFiles) -> None:
    [note] = files.folder.glob("*.checked")
    files.remove_others(files.chain(10_000, lambda _: True))
    assert note.exists()

    files.remove_others([])

    assert not [*files.folder.glob("*.checked"), *files.folder.glob("*.segment")]
