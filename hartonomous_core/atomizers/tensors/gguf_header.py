"""GGUF: counts, keys with values, and names of tensors with shape, type and place; then the tensors, aligned."""

from math import prod
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.sections import Partial
from hartonomous_core.atomizers.tensors.tensor_layout import MOST_TENSORS, Tensor, TensorLayout, check_tensor, in_order

MOST_KEYS = 10_000
MOST_VALUES = 4_000_000
"""In arrays together; a vocabulary has some hundred thousand."""
_DEEPEST = 4
"""Arrays within one another."""
_LONGEST_KEPT = 1000
"""Bytes of a text that is told; longer ones, such as templates of a chat, are passed over."""


class _Packed(NamedTuple):
    """A type of numbers: so many together take so many bytes."""

    name: str
    numbers: int
    bytes: int


_TYPES = {
    number: _Packed(name, numbers, size)
    for numbers, types in {
        1: {0: ("f32", 4), 1: ("f16", 2), 24: ("i8", 1), 25: ("i16", 2), 26: ("i32", 4), 27: ("i64", 8), 28: ("f64", 8), 30: ("bf16", 2)},
        32: {2: ("q4_0", 18), 3: ("q4_1", 20), 6: ("q5_0", 22), 7: ("q5_1", 24), 8: ("q8_0", 34), 20: ("iq4_nl", 18),
             39: ("mxfp4", 17)},
        64: {40: ("nvfp4", 36)},
        128: {41: ("q1_0", 18)},
        256: {10: ("q2_k", 84), 11: ("q3_k", 110), 12: ("q4_k", 144), 13: ("q5_k", 176), 14: ("q6_k", 210), 15: ("q8_k", 292),
              16: ("iq2_xxs", 66), 17: ("iq2_xs", 74), 18: ("iq3_xxs", 98), 19: ("iq1_s", 50), 21: ("iq3_s", 110), 22: ("iq2_s", 82),
              23: ("iq4_xs", 136), 29: ("iq1_m", 56), 34: ("tq1_0", 54), 35: ("tq2_0", 66)},
    }.items()
    for number, (name, size) in types.items()
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_VALUE_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def read_gguf(stream: BinaryIO, size: int) -> TensorLayout:
    """Read where the tensors lie in a stream of `size` bytes. Raises Partial where the header breaks a rule of the format."""
    return _Header(stream, size).read()


class _Header:
    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._at = 0
        self._values = 0

    def read(self) -> TensorLayout:
        if self._bytes(4) != b"GGUF":
            raise Partial("it is no GGUF")
        if (version := self._number(4)) not in (2, 3):
            raise Partial(f"GGUF of version {version:,} is not read: 2 and 3 are, little-endian")
        tensors, keys = self._number(8), self._number(8)
        if tensors > MOST_TENSORS or keys > MOST_KEYS:
            raise Partial(f"it says that it has {tensors:,} tensors and {keys:,} keys")
        about: dict[str, str] = {}
        alignment = 32
        for _ in range(keys):
            key = self._string()
            value = self._value(self._number(4), 0)
            if key == "general.alignment" and isinstance(value, int):
                alignment = value
            elif isinstance(value, str):
                about[key] = value
        if not 1 <= alignment <= 2**20:
            raise Partial(f"its tensors are aligned to {alignment:,} bytes")
        infos = [self._tensor() for _ in range(tensors)]
        start = self._at + -self._at % alignment
        placed = [
            Tensor(name, kind.name, shape, start + offset, prod(shape) // kind.numbers * kind.bytes)
            for name, kind, shape, offset in infos
        ]
        return TensorLayout(in_order(placed, start, max(start, self._size)), about)

    def _tensor(self) -> tuple[str, _Packed, tuple[int, ...], int]:
        name = self._string()
        dimensions = self._number(4)
        if dimensions > 8:
            raise Partial(f"tensor {name[:100]!r} has {dimensions:,} dimensions")
        shape = tuple(self._number(8) for _ in range(dimensions))[::-1]  # the file has the fastest first
        number, offset = self._number(4), self._number(8)
        check_tensor(name, shape)
        if (kind := _TYPES.get(number)) is None:
            raise Partial(f"tensor {name!r} is of a type that is not known: {number}")
        if (shape[-1] if shape else 1) % kind.numbers:
            raise Partial(f"rows of tensor {name!r} are no multiple of {kind.numbers} numbers")
        return name, kind, shape, offset

    def _value(self, kind: int, depth: int) -> str | int | None:
        """Read a value; of texts and whole numbers return it. Arrays are passed over."""
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            self._skip_array(depth)
            return None
        if kind not in _VALUE_BYTES:
            raise Partial(f"a key has a value of a type that is not known: {kind}")
        return self._number(_VALUE_BYTES[kind])

    def _skip_array(self, depth: int) -> None:
        kind, count = self._number(4), self._number(8)
        self._values += count
        if depth == _DEEPEST or self._values > MOST_VALUES:
            raise Partial(f"its arrays have more than {MOST_VALUES:,} values, or {_DEEPEST} levels")
        if width := _VALUE_BYTES.get(kind):
            self._skip(width * count)
        else:
            for _ in range(count):
                self._value(kind, depth + 1)

    def _string(self) -> str:
        length = self._number(8)
        if length > _LONGEST_KEPT:
            self._skip(length)
            return ""
        return self._bytes(length).decode("utf-8", "replace")

    def _number(self, width: int) -> int:
        return int.from_bytes(self._bytes(width), "little")

    def _bytes(self, count: int) -> bytes:
        self._at += count
        data = self._stream.read(count) if self._at <= self._size else b""
        if len(data) < count:
            raise Partial("it ends within its header")
        return data

    def _skip(self, count: int) -> None:
        self._at += count
        if self._at > self._size:
            raise Partial("it ends within its header")
        self._stream.seek(self._at)
