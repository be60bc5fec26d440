"""What people read in Parquet: its rows in turn, some at a time, each value beside the name of its column."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from hartonomous_core.atomizers.rows.named_values import joined, named_parts, names_in_locator
from hartonomous_core.atomizers.rows.row_blocks import RowText
from hartonomous_core.atomizers.rows.row_groups import RowGroups
from hartonomous_core.atomizers.sections import Partial, Section

_ROWS_TOGETHER = 256
_MOST_BYTES_OF_SCHEMA = 16 * 1024 * 1024
_BUFFER_BYTES = 1024 * 1024
INSTALL_PYARROW = (
    "Parquet is read by pyarrow, which is not installed: pip install 'hartonomous[parquet]', then ingest it again"
)


def extract(stream: BinaryIO, content_type: str) -> Iterator[Section]:
    """Yield each row, short ones together, with {"row" or "rows", "columns": the names of the first columns, each with its type}.

    Raises Partial where pyarrow is not installed, and what pyarrow raises of a file that is damaged.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as problem:
        raise Partial(INSTALL_PYARROW) from problem
    pyarrow.set_memory_pool(
        pyarrow.system_memory_pool()
    )  # its own reserve address space, of which the child has little
    pyarrow.set_io_thread_count(1)
    file = ParquetFile(
        stream,
        buffer_size=_BUFFER_BYTES,
        pre_buffer=False,  # which would read all columns of a group of rows at once, and keep them
        thrift_string_size_limit=_MOST_BYTES_OF_SCHEMA,
        thrift_container_size_limit=_MOST_BYTES_OF_SCHEMA,
    )
    place = {"columns": names_in_locator(tuple(f"{field.name} {field.type}" for field in file.schema_arrow))}
    groups = RowGroups(has_offsets=False)
    number = 1
    for batch in file.iter_batches(_ROWS_TOGETHER, use_threads=False):
        rows = [_text(row) for row in batch.to_pylist()]
        for group in groups.add(RowText(text, 0, 0, row, place) for row, text in enumerate(rows, number)):
            yield Section(*group)
        number += len(rows)
    for group in groups.finish():
        yield Section(*group)


def _text(row: dict[str, Any]) -> str:
    return joined(list(named_parts(_members(row))), "; ")


def _members(value: Any) -> object:
    """Return a value as `named_parts` takes it; of bytes only those that are text."""
    if isinstance(value, dict):
        return tuple((name, _members(member)) for name, member in value.items())
    if isinstance(value, list):
        if value and all(isinstance(each, tuple) and len(each) == 2 for each in value):  # a map
            return tuple((str(key), _members(member)) for key, member in value)
        return [_members(each) for each in value]
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            return None
        return text if text.isprintable() else None
    return value
