"""ChunkAtomizer: exact, bounded, the same cuts for any reads and for either build of pyfastcdc."""

import io
import random
import tracemalloc
from typing import BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hartonomous_core.atomizers import ChunkAtomizer
from hartonomous_core.atomizers.chunks import AVERAGE_CHUNK_BYTES, MAX_CHUNK_BYTES, MIN_CHUNK_BYTES

RANDOM_BYTES = random.Random(7).randbytes(400_000)


class ShortReads(io.RawIOBase):
    """A raw stream that fills no more than a few bytes of what it is given."""

    def __init__(self, content: bytes, seed: int) -> None:
        self._content = io.BytesIO(content)
        self._random = random.Random(seed)

    def readable(self) -> bool:
        return True

    def readinto(self, target: object) -> int:
        view = memoryview(cast(bytearray, target))
        return self._content.readinto(view[: self._random.randint(1, 5000)])


class Zeros(io.RawIOBase):
    """`size` zero bytes, made as they are read."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, target: object) -> int:
        count = min(len(memoryview(cast(bytearray, target))), self._left)
        self._left -= count
        return count


def chunks_of(stream: io.RawIOBase | io.BytesIO) -> list[bytes]:
    return [atom.content for atom in ChunkAtomizer().atomize(cast(BinaryIO, stream))]


blobs = st.tuples(st.integers(0, 2**32), st.integers(0, 300_000)).map(
    lambda pair: random.Random(pair[0]).randbytes(pair[1])
)
modest = settings(derandomize=True, deadline=None, max_examples=40)


@modest
@given(blobs)
def test_chunks_are_the_bytes(content: bytes) -> None:
    assert b"".join(chunks_of(io.BytesIO(content))) == content


@modest
@given(blobs, st.integers(0, 2**32))
def test_short_reads_do_not_move_a_cut(content: bytes, seed: int) -> None:
    assert chunks_of(cast(io.RawIOBase, ShortReads(content, seed))) == chunks_of(io.BytesIO(content))


@pytest.mark.parametrize("content", [RANDOM_BYTES, b"\0" * 400_000, b"abc" * 100_000], ids=["random", "zeros", "abc"])
def test_every_chunk_but_the_last_keeps_the_limits(content: bytes) -> None:
    *chunks, last = chunks_of(io.BytesIO(content))
    assert all(MIN_CHUNK_BYTES <= len(chunk) <= MAX_CHUNK_BYTES == 65_536 for chunk in chunks)
    assert 0 < len(last) <= MAX_CHUNK_BYTES


def test_cuts_are_the_same_as_ever() -> None:
    sizes = [len(chunk) for chunk in chunks_of(io.BytesIO(RANDOM_BYTES))]
    assert sizes == [65536, 15669, 38916, 58254, 16806, 36951, 32333, 39942, 65536, 30057]


def test_the_pure_python_build_of_the_library_cuts_alike() -> None:
    from pyfastcdc.py import FastCDC

    cutter = FastCDC(AVERAGE_CHUNK_BYTES, min_size=MIN_CHUNK_BYTES, max_size=MAX_CHUNK_BYTES)
    expected = [bytes(chunk.data) for chunk in cutter.cut_stream(io.BytesIO(RANDOM_BYTES))]
    assert chunks_of(io.BytesIO(RANDOM_BYTES)) == expected


def test_an_insertion_changes_only_the_chunks_beside_it() -> None:
    content = random.Random(8).randbytes(2_000_000)
    changed = content[:1_000_000] + b"inserted" + content[1_000_000:]
    before, after = chunks_of(io.BytesIO(content)), chunks_of(io.BytesIO(changed))
    assert len(set(after) - set(before)) <= 3


def test_chunks_are_binary_atoms_without_text_or_suffix() -> None:
    (atom,) = ChunkAtomizer().atomize(io.BytesIO(b"\xff\x00"))
    assert (atom.modality, atom.subtype, atom.suffix, atom.text) == ("binary", "chunk", b"", None)
    assert atom.content_type == "application/octet-stream"


def test_an_empty_stream_has_no_chunks() -> None:
    assert chunks_of(io.BytesIO(b"")) == []


def test_a_long_stream_needs_little_memory() -> None:
    tracemalloc.start()
    try:
        length = sum(len(a.content) for a in ChunkAtomizer().atomize(cast(BinaryIO, Zeros(100_000_000))))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert length == 100_000_000
    assert peak < 2_000_000
