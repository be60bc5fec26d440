"""The file in one that is packed (gzip, bzip2, xz, Zstandard) or, where that is a tar archive, the files in it.

Windows are limited, and so is what comes out: 10 MB may say that they are terabytes.
"""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from hartonomous_core.atomizers.content_type import TAR_BLOCK_BYTES, is_tar_header
from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.extractors.tar_archive import READ_BYTES, Blocks, DamagedArchive, files_of
from hartonomous_core.atomizers.members import Member, MemberLost, most_unpacked_bytes
from hartonomous_core.atomizers.sections import Partial

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MOST_XZ_BYTES = 128 * 1024 * 1024
"""Of memory; `xz -9` takes 65 MiB to unpack."""
MOST_ZSTD_WINDOW = 27
"""Its binary logarithm: 128 MiB, as much as `zstd -d` takes without being asked."""


class _Unpacker(Protocol):
    """As `bz2.BZ2Decompressor` is."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gunzip:
    """zlib's, which keeps elsewhere what it has yet to unpack."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        unpacked = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(unpacked) < max_length
        return unpacked


class _TooLong(Exception):
    """More bytes come out than may."""


_UNPACKERS: dict[bytes, Callable[[], _Unpacker]] = {
    b"\x1f\x8b": _Gunzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_XZ_BYTES),
    b"\x28\xb5\x2f\xfd": lambda: zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: MOST_ZSTD_WINDOW}
    ),
}
_DAMAGE = (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, EOFError, _TooLong)


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the file, without a name, or what is in the tar archive that it is. Raises Partial for what is damaged, or packed in no known way."""
    head = stream.read(6)
    unpacker = next((make for signature, make in _UNPACKERS.items() if head.startswith(signature)), None)
    if unpacker is None:
        raise Partial("it is not packed as gzip, bzip2, xz or Zstandard pack")
    packed_bytes = stream.seek(0, 2)
    stream.seek(0)
    blocks = Blocks(_unpacked(stream, unpacker, most_unpacked_bytes(packed_bytes)), _DAMAGE)
    try:
        is_tar = is_tar_header(blocks.peek(TAR_BLOCK_BYTES))
    except (DamagedArchive, Partial):  # it comes again, behind what is before it
        is_tar = False
    yield from _files(blocks) if is_tar else _file(blocks)


def _files(blocks: Blocks) -> Iterator[Item]:
    """Yield what is in the tar archive, and go on to the very end, where the sum of what was packed stands."""
    yield from files_of(blocks)
    try:
        while blocks.read_some(READ_BYTES):
            pass
    except DamagedArchive as damage:
        raise Partial(f"it is damaged behind the files, and so may they be: {damage}") from damage


def _file(blocks: Blocks) -> Iterator[Item]:
    yield Member("")
    try:
        while block := blocks.read_some(READ_BYTES):
            yield block
    except DamagedArchive as damage:
        yield MemberLost(str(damage))


def _unpacked(stream: BinaryIO, make: Callable[[], _Unpacker], most: int) -> Iterator[bytes]:
    """Yield blocks of what comes out of one or several packed streams, one after the other. Raises errors of `_DAMAGE`, and Partial for bytes
    behind the last.
    """
    left, is_behind_one = most, False
    data = stream.read(READ_BYTES)
    while data:
        unpacker = make()
        try:
            while not unpacker.eof:
                if unpacker.needs_input and not data:
                    data = stream.read(READ_BYTES)
                    if not data:
                        raise EOFError("its end is missing")
                block, data = unpacker.decompress(data, READ_BYTES), b""
                left -= len(block)
                if left < 0:
                    raise _TooLong(f"it unpacks to more than {most:,} bytes")
                if block:
                    yield block
                    is_behind_one = False
        except _DAMAGE as problem:
            if is_behind_one:
                raise Partial("bytes behind the end of what is packed are not read") from problem
            raise
        is_behind_one = True
        data = unpacker.unused_data.lstrip(b"\0")
        while not data and (more := stream.read(READ_BYTES)):
            data = more.lstrip(b"\0")
