"""Office files that are no zip but storage of OLE: those with a password, and those of before 2007. Neither is read."""

from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.sections import Partial, Section

_HEADER = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_NAME_OF_ENCRYPTED = "EncryptedPackage".encode("utf-16le")


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield nothing. Raises Partial, which says which of the two it is where the directory of the storage tells."""
    header = stream.read(512)
    if header.startswith(_HEADER) and len(header) == 512:
        sector_bytes = 1 << min(int.from_bytes(header[30:32], "little"), 16)
        stream.seek((int.from_bytes(header[48:52], "little") + 1) * sector_bytes)
        if _NAME_OF_ENCRYPTED in stream.read(sector_bytes):
            raise Partial("it is an Office document encrypted with a password: kept as bytes")
    raise Partial("it is of an encrypted or old binary Office format (.doc, .xls, .ppt): kept as bytes")
    yield
