"""Makes tar archives and packed files, and reads them as a source is read."""

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Mapping

from backports import zstd

from hartonomous_core.atomizers import DocumentAtomizer, Partial, Section, atomizer_for
from hartonomous_core.atomizers.content_type import sniff
from hartonomous_core.atomizers.document_atomizer import extract_here
from hartonomous_core.atomizers.members import Member, MemberLost

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda data: gzip.compress(data, mtime=0),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd.compress,
}
Found = dict[str, bytes | str]
"""By their names the bytes of files, or why one was left out."""


def tarred(files: Mapping[str, bytes], kind: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive in one of the formats of `tarfile`."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=kind) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return target.getvalue()


def read(data: bytes, content_type: str | None = None) -> tuple[Found, list[str], str | None]:
    """What files are found in an archive, which names are listed, and why not all of it is read."""
    content_type = content_type or sniff(data[:8192])
    atomizer = atomizer_for(content_type)
    assert isinstance(atomizer, DocumentAtomizer)
    files: Found = {}
    listed: list[str] = []
    name, blocks = "", list[bytes]()
    try:
        for item in extract_here(atomizer.format, io.BytesIO(data), content_type):
            if isinstance(item, Member):
                name, blocks = item.name, []
                files[name] = b""
            elif isinstance(item, bytes):
                assert 0 < len(item) <= 256 * 1024
                blocks.append(item)
                files[name] = b"".join(blocks)
            elif isinstance(item, MemberLost):
                files[name] = item.reason
            elif isinstance(item, Section):
                assert item.locator == {"part": "files"}
                listed += item.text.split("\n")
    except Partial as problem:
        return files, listed, str(problem)
    return files, listed, None
