"""A segment: the rounded vectors of one space that were made in a range of AtomEmbeddingIds, in one file that is never changed.

The file holds the components of all rows, those of a tenant beside one another; what is known of each row; graphs of the tenants with most of
them; then a header in JSON, and at its very end how long that is. Checksums cover all of it.
"""

import json
import mmap
import struct
import zlib
from dataclasses import asdict, dataclass, field
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.vectors.graphs import Graph, GraphBytes
from hartonomous_resources.vectors.quantized import QuantizedRows

_END = struct.Struct("<8sII")
_MAGIC = b"HARTVEC2"
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

    def holds(self, embedding_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of these are in it, bool (n,)."""
        return (embedding_ids > self.after) & (embedding_ids <= self.through)


class Measured(NamedTuple):
    """What a merge found out of a segment: its recall, and how many rows the database had of each tenant in its span.

    Where the database has fewer, some were deleted.
    """

    recall: float
    found: dict[int, int]


class StoredGraph(NamedTuple):
    """A graph as `Graph.save` made it, and how many rows a search of it has to go through."""

    data: GraphBytes
    breadth: int


@dataclass(frozen=True, slots=True)
class Segment:
    """The rows of a span; `tenants` says which of them are whose, `graphs` holds what was made to search those of a tenant by.

    `measured` is None where no merge wrote it.
    """

    space: Space
    span: Span
    tenants: dict[int, slice]
    rows: QuantizedRows
    graphs: dict[int, StoredGraph]
    measured: Measured | None
    byte_length: int
    _read_graphs: dict[int, Graph] = field(default_factory=dict, compare=False)

    def of_tenant(self, tenant_id: int) -> QuantizedRows:
        """The rows of a tenant, perhaps none."""
        return self.rows[self.tenants.get(tenant_id, slice(0))]

    def graph_of(self, tenant_id: int) -> Graph | None:
        """The graph of a tenant's rows, where they have one."""
        if tenant_id in self.graphs and tenant_id not in self._read_graphs:
            data, breadth = self.graphs[tenant_id]
            self._read_graphs[tenant_id] = Graph.read(data, self.space.dimension, breadth)
        return self._read_graphs.get(tenant_id)


class SegmentWriter:
    """Writes a segment: the rows of each tenant one after another, then graphs, then `finish`."""

    def __init__(self, file: IO[bytes], space: Space, span: Span) -> None:
        self._file = file
        self._space = space
        self._span = span
        self._count = 0
        self._checksum = 0
        self._tenants: dict[int, tuple[int, int]] = {}
        self._columns: dict[str, list[NDArray[np.generic]]] = {name: [] for name in _COLUMNS}
        self._graphs: dict[int, StoredGraph] = {}

    def add(self, tenant_id: int, rows: QuantizedRows) -> None:
        """Add rows of a tenant, whose others were the last that were added."""
        self._write(rows.components, "i1")
        for name, values in self._columns.items():
            values.append(np.array(getattr(rows, name)))  # a copy: what it is a view of may go
        first, _ = self._tenants.get(tenant_id, (self._count, self._count))
        self._count += len(rows)
        self._tenants[tenant_id] = (first, self._count)

    def add_graph(self, tenant_id: int, graph: StoredGraph) -> None:
        """Add a graph of a tenant's rows."""
        self._graphs[tenant_id] = graph

    def finish(self, measured: Measured | None = None) -> None:
        """Write the rest. Without it the file is no segment."""
        for name, dtype in _COLUMNS.items():
            for values in self._columns[name]:
                self._write(values, dtype)
        for graph in self._graphs.values():
            self._file.write(graph.data)
        header: dict[str, Any] = {
            "space": asdict(self._space),
            "span": self._span,
            "count": self._count,
            "checksum": self._checksum,
            "tenants": [[tenant_id, *rows] for tenant_id, rows in self._tenants.items()],
            "graphs": [
                [tenant_id, len(graph.data), zlib.crc32(graph.data), graph.breadth]
                for tenant_id, graph in self._graphs.items()
            ],
            "measured": measured and [measured.recall, list(measured.found.items())],
        }
        text = json.dumps(header).encode()
        self._file.write(text + _END.pack(_MAGIC, len(text), zlib.crc32(text)))

    def _write(self, values: NDArray[np.generic], dtype: str) -> None:
        data = np.ascontiguousarray(values, dtype=dtype).tobytes()
        self._file.write(data)
        self._checksum = zlib.crc32(data, self._checksum)


def read_segment(data: mmap.mmap | bytes, is_checked: bool = False) -> Segment:
    """Read a segment, whose rows are views of the data. With `is_checked` only its header and its length are looked at, whatever its size.

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
        parts, graphs = [(view[:place], header["checksum"])], {}
        for tenant_id, length, checksum, breadth in header["graphs"]:
            parts.append((view[place : place + length], checksum))
            graphs[tenant_id] = StoredGraph(parts[-1][0], breadth)
            place += length
        measured = header["measured"] and Measured(header["measured"][0], dict(header["measured"][1]))
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise BrokenSegment(str(error)) from error
    if place != start or not (is_checked or all(zlib.crc32(part) == checksum for part, checksum in parts)):
        raise BrokenSegment("its rows are not those that were written")
    tenants = {tenant_id: slice(first, end) for tenant_id, first, end in header["tenants"]}
    rows = QuantizedRows(**columns, components=components)
    return Segment(space, Span(*header["span"]), tenants, rows, graphs, measured, len(view))
