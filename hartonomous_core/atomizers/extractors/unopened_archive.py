"""Archives that are not opened: 7z and RAR (docs/decisions/0047-sources-within-sources.md)."""

from collections.abc import Iterator
from typing import BinaryIO

from hartonomous_core.atomizers.sections import Partial, Section


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield nothing. Raises Partial."""
    raise Partial("archives of this kind (7z, RAR) are not opened: kept as bytes; unpack it, and ingest the files")
    yield
