"""ONNX, made here field by field, and files that break its rules."""

from collections.abc import Mapping

from tests.unit.weight_files import Weights


def field(number: int, data: bytes | int | str) -> bytes:
    """Write a field of protobuf: bytes with their length, or a number."""
    if isinstance(data, int):
        return varint(number << 3) + varint(data)
    coded = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(coded)) + coded


def varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


_ONNX_TYPES = {"F32": 1, "F16": 10, "BF16": 16}


def an_onnx_tensor(name: str, weights: Weights) -> bytes:
    shape = b"".join(field(1, size) for size in weights.shape)
    return shape + field(2, _ONNX_TYPES[weights.dtype]) + field(8, name) + field(9, weights.data)


def an_onnx(tensors: Mapping[str, Weights], producer: str = "tests") -> bytes:
    """Write a model whose graph has initializers alone."""
    graph = b"".join(field(5, an_onnx_tensor(name, each)) for name, each in tensors.items())
    return field(1, 8) + field(2, producer) + field(7, field(2, "graph") + graph)


def onnx_of(*tensors: bytes) -> bytes:
    return field(1, 8) + field(7, b"".join(field(5, each) for each in tensors))


BROKEN_ONNX: dict[str, tuple[bytes, str]] = {
    "no graph": (field(1, 8) + field(2, "tests"), "it has no graph"),
    "absurd length": (field(1, 8) + varint(7 << 3 | 2) + varint(2**63), "should be 9,223,372,036,854,775,808 bytes"),
    "a number without end": (b"\x08" + b"\xff" * 50, "is no number"),
    "a group": (field(1, 8) + b"\x3b\x00\x3c", "is no field"),
    "a tensor longer than its graph": (
        field(1, 8) + field(7, varint(5 << 3 | 2) + varint(1000) + bytes(10)) + bytes(2000),
        "its end is missing",
    ),
    "wrong size": (onnx_of(field(1, 2**62) + field(2, 1) + field(8, "a") + field(9, bytes(16))), "has 16 bytes, and"),
    "dimensions": (onnx_of(field(1, 1) * 33 + field(2, 1)), "the shape of a tensor is none"),
    "dimensions together": (onnx_of(field(1, b"\1" * 5000)), "the shape of a tensor is none"),
    "negative dimension": (onnx_of(field(1, 2**64 - 1) + field(2, 1) + field(8, "a")), "the shape of tensor 'a'"),
    "long name": (onnx_of(field(8, "a" * 5000)), "more than 1,000 characters"),
    "same name": (
        onnx_of(*[field(1, 1) + field(2, 1) + field(8, "a") + field(9, bytes(4))] * 2),
        "have the same name",
    ),
    "parts": (field(1, 8) * 1_000_001, "more than 1,000,000 parts"),
}
