"""A segment: the rounded vectors of one space that were made in a range of AtomEmbeddingIds, in one file that is never changed.

The file holds the components of all rows, those of a tenant beside one another; then what is known of each row; then a header in JSON, and
at its very end how long that is. Checksums cover all of it.
"""

import json
import mmap
import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import IO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.vectors.quantized import QuantizedRows

_END = struct.Struct("<8sII")
_MAGIC = b"HARTVEC1"
_COLUMNS = {"embedding_ids": "<i8", "atom_ids": "<i8", "scales": "<f4", "errors": "<f4", "norms": "<f4"}


class BrokenSegment(Exception):
    """What was read is no whole segment."""


@dataclass(frozen=True, slots=True)
class Space:
    """What the vectors of a segment have in common: the database that holds them, and the model that made them."""

    database: str
    model_id: int
    artifact_hash: str
    dimension: int


class Span(NamedTuple):
    """AtomEmbeddingIds above `after`, up to `through` and with it."""

    after: int
    through: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows of a span; `tenants` says which of them are whose."""

    space: Space
    span: Span
    tenants: dict[int, slice]
    rows: QuantizedRows

    def of_tenant(self, tenant_id: int) -> QuantizedRows:
        """The rows of a tenant, perhaps none."""
        return self.rows[self.tenants.get(tenant_id, slice(0))]


def write_segment(file: IO[bytes], space: Space, span: Span, parts: Iterable[tuple[int, QuantizedRows]]) -> int:
    """Write a segment of parts, each some rows of a tenant, the parts of a tenant one after another; returns how many rows it has."""
    checksum = count = 0
    tenants: dict[int, tuple[int, int]] = {}
    known: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _COLUMNS}
    for tenant_id, rows in parts:
        checksum = _write(file, rows.components, "i1", checksum)
        for name, parts_of_column in known.items():
            parts_of_column.append(
                np.array(getattr(rows, name))
            )  # a copy: rows may be a view of what is let go after this
        first, _ = tenants.get(tenant_id, (count, count))
        count += len(rows)
        tenants[tenant_id] = (first, count)
    for name, dtype in _COLUMNS.items():
        for values in known[name]:
            checksum = _write(file, values, dtype, checksum)
    of_tenants = [[tenant_id, *rows] for tenant_id, rows in tenants.items()]
    header = {"space": asdict(space), "span": span, "count": count, "tenants": of_tenants, "checksum": checksum}
    text = json.dumps(header).encode()
    file.write(text + _END.pack(_MAGIC, len(text), zlib.crc32(text)))
    return count


def read_segment(data: mmap.mmap | bytes) -> Segment:
    """Read a segment, whose rows are views of the data.

    Raises BrokenSegment for what is torn, changed or something else.
    """
    view = memoryview(data)
    try:
        magic, length, checksum = _END.unpack_from(view, len(view) - _END.size)
        start = len(view) - _END.size - length
        text = view[start : start + length]
        if magic != _MAGIC or start < 0 or zlib.crc32(text) != checksum:
            raise BrokenSegment("it has no header")
        header = json.loads(bytes(text))
        space, count = Space(**header["space"]), header["count"]
        columns, place = {}, count * space.dimension
        components = np.frombuffer(view, dtype=np.int8, count=place).reshape(count, space.dimension)
        for name, dtype in _COLUMNS.items():
            columns[name] = np.frombuffer(view, dtype=dtype, count=count, offset=place)
            place += columns[name].nbytes
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise BrokenSegment(str(error)) from error
    if place != start or zlib.crc32(view[:start]) != header["checksum"]:
        raise BrokenSegment("its rows are not those that were written")
    tenants = {tenant_id: slice(first, end) for tenant_id, first, end in header["tenants"]}
    return Segment(space, Span(*header["span"]), tenants, QuantizedRows(**columns, components=components))


def _write(file: IO[bytes], values: NDArray[np.generic], dtype: str, checksum: int) -> int:
    data = np.ascontiguousarray(values, dtype=dtype).tobytes()
    file.write(data)
    return zlib.crc32(data, checksum)
