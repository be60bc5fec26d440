"""GGUF, made here byte by byte, and files that break its rules."""

import struct
from collections.abc import Mapping

from tests.unit.weight_files import Weights

_GGUF_TYPES = {"F32": 0, "F16": 1, "BF16": 30, "Q8_0": 8, "Q4_K": 12}


def gguf_text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def a_gguf(tensors: Mapping[str, Weights], keys: Mapping[str, str] | None = None) -> bytes:
    """Write tensors, aligned to 32 bytes."""
    said = {"general.architecture": "llama", **(keys or {})}
    parts = [b"GGUF", struct.pack("<LQQ", 3, len(tensors), len(said) + 1)]
    parts += [gguf_text(key) + struct.pack("<L", 8) + gguf_text(value) for key, value in said.items()]
    parts.append(gguf_text("tokens") + struct.pack("<LLQ", 9, 8, 3) + b"".join(map(gguf_text, ("a", "b", ""))))
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        parts.append(gguf_text(name) + struct.pack(f"<L{len(shape)}Q", len(shape), *reversed(shape)))
        parts.append(struct.pack("<LQ", _GGUF_TYPES[dtype], at))
        at += len(data) + -len(data) % 32
    header = b"".join(parts)
    body = b"".join(each.data + bytes(-len(each.data) % 32) for each in tensors.values())
    return header + bytes(-len(header) % 32) + body


def gguf_info(name: str = "a", shape: tuple[int, ...] = (4,), kind: int = 0, at: int = 0) -> bytes:
    return gguf_text(name) + struct.pack(f"<L{len(shape)}Q", len(shape), *shape) + struct.pack("<LQ", kind, at)


def a_gguf_of(tensors: int = 0, keys: int = 0, rest: bytes = b"", version: int = 3) -> bytes:
    """Write a header with these counts, and whatever follows."""
    return b"GGUF" + struct.pack("<LQQ", version, tensors, keys) + rest


_ARRAY = struct.pack("<LLQ", 9, 9, 1)
BROKEN_GGUF: dict[str, tuple[bytes, str]] = {
    "absurd tensors": (a_gguf_of(2**63), "it says that it has 9,223,372,036,854,775,808 tensors"),
    "absurd keys": (a_gguf_of(0, 2**64 - 1), "18,446,744,073,709,551,615 keys"),
    "another version": (a_gguf_of(version=0x03000000), "GGUF of version 50,331,648 is not read"),
    "no header": (b"GGUF\3", "it ends within its header"),
    "no GGUF": (b"GGML" + bytes(50), "it is no GGUF"),
    "absurd text": (a_gguf_of(0, 1, struct.pack("<Q", 2**63) + b"a"), "it ends within its header"),
    "absurd array": (a_gguf_of(0, 1, gguf_text("k") + struct.pack("<LLQ", 9, 4, 2**61)), "more than 4,000,000 values"),
    "array of arrays": (a_gguf_of(0, 1, gguf_text("k") + _ARRAY + struct.pack("<LQ", 9, 1) * 5000), "or 4 levels"),
    "array that is not there": (a_gguf_of(0, 1, gguf_text("k") + struct.pack("<LLQ", 9, 4, 1000)), "it ends within"),
    "texts that are not there": (a_gguf_of(0, 1, gguf_text("k") + struct.pack("<LLQ", 9, 8, 1000)), "it ends within"),
    "unknown value": (a_gguf_of(0, 1, gguf_text("k") + struct.pack("<L", 99)), "a type that is not known: 99"),
    "dimensions": (a_gguf_of(1, 0, gguf_text("a") + struct.pack("<L", 2**32 - 1)), "4,294,967,295 dimensions"),
    "unknown type": (a_gguf_of(1, 0, gguf_info(kind=77)), "a type that is not known: 77"),
    "overlap": (a_gguf_of(2, 0, gguf_info("a") + gguf_info("b", at=8) + bytes(99)), "overlaps another one"),
    "same name": (a_gguf_of(2, 0, gguf_info("a") + gguf_info("a", at=32) + bytes(99)), "have the same name"),
    "outside": (a_gguf_of(1, 0, gguf_info(at=2**63) + bytes(99)), "lies outside of the file"),
    "absurd shape": (a_gguf_of(1, 0, gguf_info(shape=(2**62, 2**62, 2**62)) + bytes(99)), "lies outside of the file"),
    "half a block": (a_gguf_of(1, 0, gguf_info(shape=(33,), kind=8) + bytes(99)), "no multiple of 32 numbers"),
    "alignment": (
        a_gguf_of(0, 1, gguf_text("general.alignment") + struct.pack("<LL", 4, 0)),
        "its tensors are aligned to 0 bytes",
    ),
}
