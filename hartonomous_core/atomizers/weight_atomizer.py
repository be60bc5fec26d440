"""Files of model weights: a tensor, or a block of its rows, is an atom, so that models share what is equal in them."""

import io
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, BinaryIO, cast

from hartonomous_core.atomizers.charset_names import media_type
from hartonomous_core.atomizers.chunks import ChunkAtomizer
from hartonomous_core.atomizers.protocol import MAX_SUFFIX_BYTES, Atom, Context
from hartonomous_core.atomizers.sections import Partial, derived_atoms
from hartonomous_core.vocabulary import TextUnit

if TYPE_CHECKING:  # imported with the first file of weights
    from hartonomous_core.atomizers.tensors.tensor_layout import Tensor, TensorLayout
    from hartonomous_core.atomizers.tensors.tensor_statistics import TensorStatistics

Read = Callable[[BinaryIO, int], "TensorLayout"]
"""Tells where the tensors lie in a seekable stream of so many bytes. Raises Partial where the file breaks a rule of its format."""
_LARGEST_HEADER = 64 * 1024
"""Bytes between tensors that are one atom; more are cut into chunks."""


class WeightAtomizer:
    """Weights of one format. The bytes are blocks of tensors and what lies between them; derived are what the tensors are, and their statistics.

    `reader` names a `Read`, as `package.module:function`. A file that breaks a rule of its format is chunks.
    """

    reads_text = False
    gives_text = True
    has_members = False

    def __init__(self, name: str, content_types: tuple[str, ...], reader: str, unit: TextUnit) -> None:
        self.name = name
        self._content_types = content_types
        self._reader = reader
        self._unit: TextUnit = unit
        self._chunks = ChunkAtomizer()

    @cached_property
    def version(self) -> str:
        """Own version, and that of what cuts bytes."""
        return f"2 of {self._chunks.name} {self._chunks.version}"

    def handles(self, content_type: str) -> bool:
        """True for these types."""
        return media_type(content_type) in self._content_types

    def atomize(self, stream: BinaryIO, content_type: str, context: Context | None = None) -> Iterator[Atom]:
        """Yield header and tensors, and what is derived of them. Raises Partial, after all bytes. Memory: the header, and a block."""
        from hartonomous_core.atomizers.tensors.tensor_statistics import TensorStatistics
        from hartonomous_core.atomizers.tensors.tensor_words import tensor_sections

        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        try:
            layout = self._read(stream, size)
        except Partial:
            stream.seek(0)
            yield from self._chunks.atomize(stream)
            raise
        statistics = {tensor.name: TensorStatistics(tensor.dtype) for tensor in layout.tensors}
        yield from self._content(stream, size, layout.tensors, statistics)
        yield from derived_atoms(tensor_sections(layout), self._unit)
        for tensor in layout.tensors:
            yield _described(tensor, statistics[tensor.name])

    def _read(self, stream: BinaryIO, size: int) -> "TensorLayout":
        module, _, name = self._reader.partition(":")
        read: Read = getattr(import_module(module), name)
        return read(stream, size)

    def _content(
        self, stream: BinaryIO, size: int, tensors: list["Tensor"], statistics: dict[str, "TensorStatistics"]
    ) -> Iterator[Atom]:
        placed = [tensor for tensor in tensors if tensor.byte_length]
        starts = [tensor.offset for tensor in placed] + [size]
        yield from self._between(stream, 0, starts[0])
        for tensor, following in zip(placed, starts[1:], strict=True):
            end = tensor.offset + tensor.byte_length
            has_suffix = following - end <= MAX_SUFFIX_BYTES
            stream.seek(tensor.offset)
            for at, length, rows in tensor.blocks():
                block = stream.read(length)
                statistics[tensor.name].add(block)
                suffix = stream.read(following - end) if has_suffix and at + length == end else b""
                if block:  # a file may become shorter while it is read
                    yield _block(tensor, block, suffix, rows)
            if not has_suffix:
                yield from self._between(stream, end, following)

    def _between(self, stream: BinaryIO, start: int, end: int) -> Iterator[Atom]:
        """Yield what lies before, between or behind tensors: the header, and what pads."""
        stream.seek(start)
        if end - start > _LARGEST_HEADER:
            window = cast(BinaryIO, io.BufferedReader(_Window(stream, end - start)))
            yield from self._chunks.atomize(window)
        elif data := stream.read(end - start):
            kind = "header" if start == 0 else "chunk"
            yield Atom(data, b"", "binary", kind, "application/octet-stream", None)


def _block(tensor: "Tensor", block: bytes, suffix: bytes, rows: tuple[int, int] | None) -> Atom:
    place: dict[str, object] = {"tensor": tensor.name, "dtype": tensor.dtype, "shape": tensor.shape}
    if rows is not None:
        place["slice"] = rows
    return Atom(block, suffix, "tensor", "weights", f"tensor/{tensor.dtype}", None, locator=place)


def _described(tensor: "Tensor", statistics: "TensorStatistics") -> Atom:
    document = statistics.document(tensor.shape)
    return Atom(document, b"", "tensor", "statistics", "application/json", None, "derived", {"tensor": tensor.name})


class _Window(io.RawIOBase):
    """So many bytes of a stream, from where it stands."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream = stream
        self._left = length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._stream.read(min(len(buffer), self._left))
        buffer[: len(data)] = data
        self._left -= len(data)
        return len(data)
