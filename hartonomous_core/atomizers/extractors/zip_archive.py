"""The files in a zip archive, and their names. Its directory says how large they are; it is not believed."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.members import Member, MemberLost, member_items
from hartonomous_core.atomizers.sections import Partial, Section

MOST_DIRECTORY_BYTES = 32 * 1024 * 1024
"""Of the directory, which is read as a whole; it takes some 10 times as much memory."""
DAMAGED_DIRECTORY = (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, struct.error)
"""What Python's zipfile raises as it reads a directory."""
_END = b"PK\x05\x06"
_LONGEST_END = 22 + 65535
_BLOCK_BYTES = 256 * 1024
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
_ENCRYPTED = 0x1
MOST_LZMA_BYTES = 128 * 1024 * 1024
"""Of the window that a file packed by LZMA asks for, which may be 4 GiB; the other ways need 1 MiB or so."""


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield the names of the files, {"part": "files"}, and then each file. Raises Partial for an archive that is damaged."""
    size = check_directory(stream)
    try:
        archive = zipfile.ZipFile(stream)
    except DAMAGED_DIRECTORY as problem:
        raise Partial(f"it is a damaged archive: {problem}") from problem
    files = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if files:
        yield Section("\n".join(info.filename for info in files), {"part": "files"})
    for info in files:
        if info.flag_bits & _ENCRYPTED:
            yield from (Member(info.filename), MemberLost("it is encrypted"))
        elif info.compress_type not in _PACKED:
            yield from (Member(info.filename), MemberLost("it is packed in a way that is not read"))
        elif not 0 <= info.header_offset < size:
            yield from (Member(info.filename), MemberLost("the directory says that it lies where nothing is"))
        elif info.compress_type == zipfile.ZIP_LZMA and _lzma_bytes(stream, info) > MOST_LZMA_BYTES:
            yield from (Member(info.filename), MemberLost("it takes too much memory to unpack"))
        else:
            yield from member_items(info.filename, _blocks(archive, info), _DAMAGE)


def check_directory(stream: BinaryIO) -> int:
    """Return the bytes of the archive. Raises Partial for a directory that takes more memory than an archive may."""
    size = stream.seek(0, 2)
    stream.seek(max(0, size - _LONGEST_END))
    tail = stream.read()
    at = tail.rfind(_END)
    said = int.from_bytes(tail[at + 12 : at + 16], "little") if at >= 0 else 0
    if said == 0xFFFFFFFF:  # zip64 says it elsewhere; no directory is larger than the archive
        said = size
    if said > MOST_DIRECTORY_BYTES:
        raise Partial(f"the directory of this archive is larger than {MOST_DIRECTORY_BYTES:,} bytes")
    stream.seek(0)
    return size


def _lzma_bytes(stream: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return how large a window a file asks for (APPNOTE.TXT 4.3.7, 5.8.8)."""
    stream.seek(info.header_offset + 26)
    lengths = stream.read(4)  # of its name, and of what else is said of it
    stream.seek(int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little") + 5, 1)
    return int.from_bytes(stream.read(4), "little")


def _blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    with archive.open(info) as file:
        while block := file.read(_BLOCK_BYTES):
            yield block
