"""The files in a tar archive, and the names of all that is in it. What it says of itself is counted, not believed.

Not by `tarfile`: that reads a header of any size into memory, takes time that grows with the square of it, and takes a damaged header for the
end. Formats: V7, ustar, pax (POSIX.1-2001) and GNU tar's, https://www.gnu.org/software/tar/manual/html_node/Standard.html.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from hartonomous_core.atomizers.content_type import TAR_BLOCK_BYTES, is_tar_header
from hartonomous_core.atomizers.document_atomizer import Item
from hartonomous_core.atomizers.members import Member, MemberLost
from hartonomous_core.atomizers.sections import Partial, Section

READ_BYTES = 256 * 1024
MOST_HEADERS = 100_000
"""Of files, folders and links, and of what is said of one beside its header."""
MOST_EXTENDED_BYTES = 1024 * 1024
"""Of what is said of a file beside its header: a long name, or its attributes."""
_NAMED_TOGETHER = 1000
"""Characters of names in a section: a passage."""
_FILES = {b"0", b"\0", b"7"}
_WITHOUT_DATA = {b"1", b"2", b"3", b"4", b"5", b"6"}
"""Links, devices, folders, pipes."""
_FOLDER, _LONG_NAME, _LONG_LINK, _SPARSE = b"5", b"L", b"K", b"S"
_PAX, _PAX_OF_ALL = {b"x", b"X"}, b"g"
_KEYS_OF_SPARSE = "GNU.sparse."
"""How the keys begin that say that a file is sparse, and where it has data."""


class DamagedArchive(Exception):
    """What follows cannot be read."""


class Blocks:
    """Blocks of bytes as they come, read in pieces of any length. Errors of the types `damage` mean that the bytes are not sound."""

    def __init__(self, blocks: Iterator[bytes], damage: tuple[type[Exception], ...] = ()) -> None:
        self._blocks = blocks
        self._damage = damage
        self._held = b""
        self._at = 0
        self._problem: DamagedArchive | Partial | None = None

    def peek(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end, and leave them there. Raises DamagedArchive, and Partial where the blocks do."""
        while len(self._held) - self._at < size and (block := self._next()):
            self._held, self._at = self._held[self._at :] + block, 0
        return self._held[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer only at the end. Raises DamagedArchive."""
        data = self.peek(size)
        self._at += len(data)
        return data

    def read_some(self, most: int) -> bytes:
        """Return some of the next bytes, none only at the end. Raises DamagedArchive."""
        self.peek(1)
        return self.read(min(most, len(self._held) - self._at))

    def _next(self) -> bytes:
        if self._problem is None:
            try:
                return next(self._blocks, b"")
            except self._damage as problem:
                self._problem = DamagedArchive(str(problem) or type(problem).__name__)
            except Partial as problem:
                self._problem = problem
        raise self._problem  # again: a generator that has raised only ends


@dataclass(frozen=True, slots=True)
class _Header:
    kind: bytes
    name: str
    size: int


def extract(stream: BinaryIO, content_type: str) -> Iterator[Item]:
    """Yield each file, and the names, {"part": "files"}, of those before. Raises Partial for an archive that is damaged."""
    return files_of(Blocks(iter(lambda: stream.read(READ_BYTES), b"")))


def files_of(archive: Blocks) -> Iterator[Item]:
    """Yield what `extract` does."""
    names: list[str] = []
    problem = None
    try:
        for header in _headers(archive):
            if header.kind != _FOLDER:
                names.append(header.name)
            if header.kind in _FILES:
                yield from _file(archive, header)
            elif header.kind == _SPARSE:
                yield from (Member(header.name), MemberLost("it is sparse, which is not read"))
            if sum(map(len, names)) >= _NAMED_TOGETHER:
                yield _section(names)
                names.clear()
    except DamagedArchive as damage:
        problem = f"it is damaged, and what follows is not read: {damage}"
    if names:
        yield _section(names)
    if problem:
        raise Partial(problem)


def _section(names: list[str]) -> Section:
    return Section("\n".join(names), {"part": "files"})


def _file(archive: Blocks, header: _Header) -> Iterator[Item]:
    """Yield a file, and leave the archive at the next header. Raises DamagedArchive."""
    yield Member(header.name)
    try:
        yield from _data(archive, header.size)
    except DamagedArchive as damage:
        yield MemberLost(str(damage))
        raise


def _data(archive: Blocks, size: int) -> Iterator[bytes]:
    """Yield so many bytes, and pass over what fills the last block. Raises DamagedArchive."""
    left = size
    while left:
        data = archive.read_some(min(left, READ_BYTES))
        if not data:
            raise DamagedArchive("it ends within a file")
        left -= len(data)
        yield data
    archive.read(-size % TAR_BLOCK_BYTES)


def _headers(archive: Blocks) -> Iterator[_Header]:
    """Yield what is in the archive; whoever takes a file reads its data, those of all else are passed over. Raises DamagedArchive."""
    said: dict[str, str] = {}
    for _ in range(MOST_HEADERS):
        block = archive.read(TAR_BLOCK_BYTES)
        if not block:
            raise DamagedArchive("its end is missing")
        if not block.strip(b"\0"):
            return
        header = _parsed(block)
        if header.kind in _PAX:
            said.update(_pax_records(_extension(archive, header)))
        elif header.kind == _LONG_NAME:
            said["path"] = _text(_extension(archive, header))
        elif header.kind in (_LONG_LINK, _PAX_OF_ALL):
            _extension(archive, header)
        else:
            header = _completed(header, said)
            said.clear()
            yield header
            if block[156:157] == _SPARSE:
                _pass_over_map(archive, block)
            if header.kind not in _FILES and header.kind not in _WITHOUT_DATA:
                for _ in _data(archive, header.size):
                    pass
    raise DamagedArchive(f"it has more than {MOST_HEADERS:,} headers")


def _parsed(block: bytes) -> _Header:
    if not is_tar_header(block):
        raise DamagedArchive("a header is none")
    name = _text(block[:100])
    if block[257:263] == b"ustar\0" and block[345] != 0:
        name = f"{_text(block[345:500])}/{name}"
    kind = block[156:157]
    return _Header(_FOLDER if kind == b"\0" and name.endswith("/") else kind, name, _size(block[124:136]))


def _size(field: bytes) -> int:
    """Return a number in octal digits, or behind the byte 0x80 in binary."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    digits = field.partition(b"\0")[0].strip(b" ")
    if digits.strip(b"01234567"):
        raise DamagedArchive("the size of a file is no number")
    return int(digits or b"0", 8)


def _completed(header: _Header, said: dict[str, str]) -> _Header:
    """Return a header with what was said of the same file before it."""
    size = said.get("size", "")
    return _Header(
        _SPARSE if any(key.startswith(_KEYS_OF_SPARSE) for key in said) else header.kind,
        said.get("GNU.sparse.name") or said.get("path") or header.name,
        int(size) if size.isascii() and size.isdecimal() and len(size) < 20 else header.size,
    )


def _extension(archive: Blocks, header: _Header) -> bytes:
    if header.size > MOST_EXTENDED_BYTES:
        raise DamagedArchive(f"what is said of a file is longer than {MOST_EXTENDED_BYTES:,} bytes")
    return b"".join(_data(archive, header.size))


def _pax_records(data: bytes) -> Iterator[tuple[str, str]]:
    """Yield those keys and values that are used: of where a sparse file has data, only that it was said, however often it was.

    Each record begins with its length in bytes, all of it counted.
    """
    at = 0
    while at < len(data):
        digits = data[at : at + 8].partition(b" ")[0]
        end = at + (int(digits) if digits.isdigit() else 0)
        key, equals, value = data[at + len(digits) + 1 : max(0, end - 1)].partition(b"=")
        if not equals or end > len(data):
            raise DamagedArchive("what is said of a file is no list of keys and values")
        if key in (b"path", b"size", b"GNU.sparse.name"):
            yield key.decode(), _text(value)
        elif key.startswith(_KEYS_OF_SPARSE.encode()):
            yield _KEYS_OF_SPARSE, ""
        at = end


def _pass_over_map(archive: Blocks, block: bytes) -> None:
    """Pass over the blocks that say where a sparse file of the old format has data; a byte in each says whether another one follows."""
    has_more = block[482]
    while has_more:
        more = archive.read(TAR_BLOCK_BYTES)
        if len(more) < TAR_BLOCK_BYTES:
            raise DamagedArchive("its end is missing")
        has_more = more[504]


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "replace")
