"""Safetensors: eight bytes say how long the header is, which is JSON: names with dtype, shape and place behind the header."""

from typing import BinaryIO

from hartonomous_core.atomizers.sections import Partial
from hartonomous_core.atomizers.tensors.tensor_layout import (
    MOST_TENSORS,
    Tensor,
    TensorLayout,
    check_tensor,
    in_order,
    packed_bytes,
)
from hartonomous_core.json_objects import UnreadableJson, read_object

MOST_HEADER_BYTES = 8 * 1024 * 1024
"""Some 70,000 tensors; as JSON they take 20 times as much memory."""
_DTYPES = {"f8_e4m3fn": "f8_e4m3", "f8_e8m0fnu": "f8_e8m0"}


def read_safetensors(stream: BinaryIO, size: int) -> TensorLayout:
    """Read where the tensors lie in a stream of `size` bytes. Raises Partial where the header breaks a rule of the format."""
    length = int.from_bytes(stream.read(8), "little")
    start = 8 + length
    if size < 8 or start > size:
        raise Partial(f"its header should have {length:,} bytes, and the file has {size:,}")
    if length > MOST_HEADER_BYTES:
        raise Partial(f"its header has more than {MOST_HEADER_BYTES:,} bytes")
    try:
        header = read_object(stream.read(length))
    except UnreadableJson as problem:
        raise Partial(f"its header is {problem}") from problem
    about = header.pop("__metadata__", {})
    if len(header) > MOST_TENSORS:
        raise Partial(f"it has more than {MOST_TENSORS:,} tensors")
    tensors = in_order((_tensor(name, entry, start) for name, entry in header.items()), start, size)
    words = about.items() if isinstance(about, dict) else ()
    return TensorLayout(tensors, {key: value for key, value in words if isinstance(value, str)})


def _tensor(name: str, entry: object, start: int) -> Tensor:
    """Make the tensor of an entry of the header. Raises Partial."""
    match entry:
        case {"dtype": str(said), "shape": list(shape), "data_offsets": [int(begin), int(end)]} if all(
            type(size) is int for size in shape
        ):
            dtype = _DTYPES.get(said.lower(), said.lower())[:20]
            check_tensor(name, tuple(shape))
        case _:
            raise Partial(f"its header does not say what tensor {name[:100]!r} is")
    expected = packed_bytes(dtype, tuple(shape))
    if begin < 0 or (expected is not None and end - begin != expected):
        raise Partial(f"tensor {name!r} has a place of {end - begin:,} bytes, and takes {expected:,}")
    return Tensor(name, dtype, tuple(shape), start + begin, end - begin)
