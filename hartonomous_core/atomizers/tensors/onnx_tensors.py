"""ONNX: the wire format of its protobuf, walked from field to field; what is not a tensor is passed over.

The numbers of fields are those of onnx.proto: ModelProto, GraphProto, TensorProto, StringStringEntryProto.
"""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from hartonomous_core.atomizers.sections import Partial, shorten
from hartonomous_core.atomizers.tensors.tensor_layout import (
    LONGEST_NAME,
    MOST_DIMENSIONS,
    MOST_TENSORS,
    Tensor,
    TensorLayout,
    check_tensor,
    in_order,
    packed_bytes,
)

MOST_FIELDS = 1_000_000
"""Of what is walked; a node of the graph is one."""
_DTYPES = {
    1: "f32", 2: "u8", 3: "i8", 4: "u16", 5: "i16", 6: "i32", 7: "i64", 8: "string", 9: "bool", 10: "f16", 11: "f64", 12: "u32", 13: "u64",
    14: "c64", 15: "c128", 16: "bf16", 17: "f8_e4m3", 18: "f8_e4m3fnuz", 19: "f8_e5m2", 20: "f8_e5m2fnuz", 21: "u4", 22: "i4", 23: "f4_e2m1",
    24: "f8_e8m0",
}  # fmt: skip
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_TEXT = 1000
_LONGEST_VARINT = 10
_ABOUT = {2: "producer", 3: "producer version", 4: "domain", 6: "description"}
_PACKED_FIELDS = {4: "f32", 10: "f64"}
"""float_data and double_data: as raw_data has them."""


def read_onnx(stream: BinaryIO, size: int) -> TensorLayout:
    """Read where the initializers lie in a stream of `size` bytes, or in which other file. Raises Partial for what breaks a rule of the format."""
    model = _Message(stream, size)
    about: dict[str, str] = {}
    here: list[Tensor] = []
    elsewhere: list[tuple[Tensor, str]] = []
    has_graph = False
    for field in model.fields(0, size):
        if field.number == 7 and field.wire == _LENGTH:
            has_graph = True
            for part in model.fields(field.start, field.end):
                if part.number == 5 and part.wire == _LENGTH:
                    tensor, where = _tensor(model, part)
                    if where is None:
                        here.append(tensor)
                    else:
                        elsewhere.append((tensor, where))
                    if len(here) + len(elsewhere) > MOST_TENSORS:
                        raise Partial(f"it has more than {MOST_TENSORS:,} tensors")
        elif field.number in _ABOUT and field.wire == _LENGTH:
            about[_ABOUT[field.number]] = model.text(field)
    if not has_graph:
        raise Partial("it has no graph: no ONNX")
    return TensorLayout(in_order(here, 0, size), about, elsewhere)


class _Field(NamedTuple):
    """A field of a message: the value of a varint, or from where to where its bytes go."""

    number: int
    wire: int
    value: int
    start: int
    end: int


class _Message:
    """The bytes of messages in a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size
        self._left = MOST_FIELDS

    def fields(self, start: int, end: int) -> Iterator[_Field]:
        """Yield the fields between two offsets; each may be walked before the next is asked for. Raises Partial."""
        at = start
        while at < end:
            self._left -= 1
            if not self._left:
                raise Partial(f"it has more than {MOST_FIELDS:,} parts")
            self._stream.seek(at)
            key, at = self._varint(at, end)
            number, wire = key >> 3, key & 7
            if wire == _VARINT:
                value, at = self._varint(at, end)
                yield _Field(number, wire, value, at, at)
                continue
            if wire == _LENGTH:
                length, at = self._varint(at, end)
            elif wire in (_FIXED32, _FIXED64):
                length = 4 if wire == _FIXED32 else 8
            else:
                raise Partial(f"it is damaged: at byte {at:,} is no field")
            if at + length > end:
                raise Partial(f"it is damaged, or its end is missing: at byte {at:,} should be {length:,} bytes")
            yield _Field(number, wire, 0, at, at + length)
            at += length

    def text(self, field: _Field, most: int = _LONGEST_TEXT) -> str:
        """Return the beginning of a text."""
        self._stream.seek(field.start)
        return self._stream.read(min(field.end - field.start, most)).decode("utf-8", "replace")

    def sizes(self, field: _Field) -> Iterator[int]:
        """Yield the sizes of dimensions, which lie one after the other. Raises Partial."""
        if field.end - field.start > _LONGEST_VARINT * MOST_DIMENSIONS:
            raise Partial("the shape of a tensor is none")
        self._stream.seek(field.start)
        at = field.start
        while at < field.end:
            value, at = self._varint(at, field.end)
            yield value

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 7 * _LONGEST_VARINT, 7):
            byte = self._stream.read(1) if at < end else b""
            if not byte:
                break
            at += 1
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return value & 0xFFFFFFFFFFFFFFFF, at
        raise Partial(f"it is damaged, or its end is missing: at byte {at:,} is no number")


def _tensor(message: _Message, whole: _Field) -> tuple[Tensor, str | None]:
    """Read a TensorProto; returns it, and in words where its numbers are, None if here as they are. Raises Partial."""
    shape: list[int] = []
    name, kind, is_elsewhere = "", 0, False
    data: tuple[int, int, str | None] = (whole.end, whole.end, None)
    said: dict[str, str] = {}
    for field in message.fields(whole.start, whole.end):
        if field.number == 1:
            shape += message.sizes(field) if field.wire == _LENGTH else [field.value]
            if len(shape) > MOST_DIMENSIONS:
                raise Partial("the shape of a tensor is none")
        elif field.number == 2:
            kind = field.value
        elif field.number == 8:
            name = message.text(field, 4 * LONGEST_NAME + 4)
        elif field.number == 9 or (field.number in _PACKED_FIELDS and field.wire == _LENGTH):
            data = (field.start, field.end, _PACKED_FIELDS.get(field.number))
        elif field.number == 13:
            parts = message.fields(field.start, field.end)
            entry = {part.number: message.text(part) for part in parts if part.number in (1, 2)}
            if entry.get(1) in ("location", "offset", "length"):
                said[entry[1]] = entry.get(2, "")
        elif field.number == 14:
            is_elsewhere = field.value == 1
    check_tensor(name, tuple(shape))
    dtype = _DTYPES.get(kind, f"type {kind}")
    if is_elsewhere:
        at, length = (int(said[key]) if said.get(key, "").isdecimal() else 0 for key in ("offset", "length"))
        place = f", in the file {shorten(said.get('location', ''))}"
        return Tensor(name, dtype, tuple(shape), at, length or packed_bytes(dtype, tuple(shape)) or 0), place
    start, end, of_field = data
    expected = packed_bytes(dtype, tuple(shape))
    if end > start and of_field in (None, dtype) and expected is not None and end - start != expected:
        raise Partial(f"tensor {name!r} has {end - start:,} bytes, and takes {expected:,}")
    written_out = None if end > start else ""  # as varints, such as those of a shape
    return Tensor(name, of_field or dtype, tuple(shape), start, end - start), written_out
