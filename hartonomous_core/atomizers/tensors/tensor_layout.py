"""What readers of weight files tell: the tensors with their places, checked before a byte of them is read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod

from hartonomous_core.atomizers.sections import Partial

MOST_TENSORS = 100_000
LONGEST_NAME = 1000
"""Characters of a tensor's name."""
MOST_DIMENSIONS = 32
BLOCK_BYTES = 1024 * 1024
"""Of a block of rows, at most."""

ITEM_BYTES = {
    **dict.fromkeys(("bool", "i8", "u8", "f8_e4m3", "f8_e5m2", "f8_e8m0"), 1),
    **dict.fromkeys(("f16", "bf16", "i16", "u16"), 2),
    **dict.fromkeys(("f32", "i32", "u32"), 4),
    **dict.fromkeys(("f64", "i64", "u64", "c64"), 8),
    "c128": 16,
}
"""Bytes of a number, by the names that all formats have here. Others are packed, several numbers together."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor and where its bytes lie.

    dtype: a key of `ITEM_BYTES`, or what the format calls its packed numbers, in lower case.
    shape: as people write it, the slowest dimension first; () for a single number.
    offset, byte_length: in the file.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    byte_length: int

    def blocks(self) -> Iterator[tuple[int, int, tuple[int, int] | None]]:
        """Yield (offset, length in bytes, first row and the one behind the last) of each block.

        The rows are None where one block is all, and where bytes do not come to rows.
        """
        if self.byte_length <= BLOCK_BYTES:
            if self.byte_length:
                yield self.offset, self.byte_length, None
            return
        rows = self.shape[0] if self.shape else 0
        row_bytes = self.byte_length // rows if rows and self.byte_length % rows == 0 else 0
        together = BLOCK_BYTES // row_bytes if row_bytes else 0
        step = together * row_bytes or BLOCK_BYTES
        for at in range(0, self.byte_length, step):
            length = min(step, self.byte_length - at)
            yield self.offset + at, length, (at // row_bytes, -(-(at + length) // row_bytes)) if row_bytes else None


@dataclass(slots=True)
class TensorLayout:
    """What a file of weights holds.

    tensors: in the order of their offsets; no two overlap.
    about: what the file says of itself, such as the name of the model.
    elsewhere: tensors without bytes of their own here, with where these are, as words that follow.
    """

    tensors: list[Tensor]
    about: dict[str, str] = field(default_factory=dict)
    elsewhere: list[tuple[Tensor, str]] = field(default_factory=list)


def check_tensor(name: str, shape: tuple[int, ...]) -> None:
    """Raise Partial for a name or a shape that no tensor has."""
    if len(name) > LONGEST_NAME:
        raise Partial(f"the name of a tensor has more than {LONGEST_NAME:,} characters")
    if len(shape) > MOST_DIMENSIONS or any(not 0 <= size < 2**63 for size in shape):
        raise Partial(f"the shape of tensor {name!r} is none")


def packed_bytes(dtype: str, shape: tuple[int, ...]) -> int | None:
    """Return how many bytes a tensor takes, None where its numbers are packed."""
    item = ITEM_BYTES.get(dtype)
    return None if item is None else item * prod(shape)


def in_order(tensors: Iterable[Tensor], first: int, end: int) -> list[Tensor]:
    """Return tensors by offset. Raises Partial where one lies outside of bytes `first` to `end`, or two overlap or have one name."""
    ordered = sorted(tensors, key=lambda tensor: (tensor.offset, tensor.byte_length))
    if len({tensor.name for tensor in ordered}) < len(ordered):
        raise Partial("two tensors have the same name")
    for tensor in ordered:
        if tensor.byte_length < 0 or tensor.offset < first or tensor.offset + tensor.byte_length > end:
            raise Partial(f"tensor {tensor.name!r} lies outside of the file, which has {end:,} bytes")
    position = first
    for tensor in ordered:
        if tensor.byte_length:
            if tensor.offset < position:
                raise Partial(f"tensor {tensor.name!r} overlaps another one")
            position = tensor.offset + tensor.byte_length
    return ordered
