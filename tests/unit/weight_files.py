"""Files of model weights as their own libraries write them, and small ones that are made here, byte by byte."""

import json
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Weights(NamedTuple):
    """A tensor to be written: little-endian bytes of `shape` numbers of `dtype`, by the names that safetensors gives them."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


def bfloat16(values: NDArray[np.float32]) -> bytes:
    """Round float32 to the nearest bfloat16, half to even."""
    bits = values.astype("<f4").view("<u4").astype("<u8")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()


def drawn(seed: int, *shape: int, dtype: str = "F32") -> Weights:
    """Return weights as training leaves them: about normal, some hundredths wide."""
    values = np.random.default_rng(seed).normal(0, 0.04, shape).astype("<f4")
    coded = {
        "F32": values.tobytes,
        "F16": lambda: values.astype("<f2").tobytes(),
        "BF16": lambda: bfloat16(values),
    }
    return Weights(dtype, shape, coded[dtype]())


def layers(count: int, width: int = 64, dtype: str = "BF16") -> dict[str, Weights]:
    """Return the tensors of a small model with so many layers; a model with more layers begins alike."""
    made = {"embed.weight": drawn(1, 100, width, dtype=dtype)}
    for layer in range(count):
        for number, part in enumerate(("attn.q_proj", "attn.k_proj", "mlp.up_proj")):
            made[f"model.layers.{layer}.{part}.weight"] = drawn(10 * layer + number + 2, width, width, dtype=dtype)
    return made


def a_safetensors(tensors: Mapping[str, Weights], metadata: Mapping[str, str] | None = None) -> bytes:
    """Write tensors one after the other."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    return with_header(header, b"".join(each.data for each in tensors.values()))


def with_header(header: object, data: bytes = b"", said: int | None = None) -> bytes:
    """Write a header as it is before some bytes; `said` is how long it says that it is."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text) if said is None else said) + text + data


def entry(begin: int, end: int, shape: Iterable[object] = (4,), dtype: str = "F32") -> dict[str, object]:
    """Return what a header of safetensors says of a tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


BROKEN_SAFETENSORS: dict[str, tuple[bytes, str]] = {
    "of eight bytes": (struct.pack("<Q", 2**63), "its header should have 9,223,372,036,854,775,808 bytes"),
    "absurd header": (with_header({}, bytes(99), said=2**64 - 1), "its header should have"),
    "long header": (with_header({}, bytes(9 * 1024 * 1024), said=8 * 1024 * 1024 + 1), "more than 8,388,608 bytes"),
    "no JSON": (with_header(b'{"a":'), "its header is not JSON"),
    "a list": (with_header(b'[{"a": 1}]'), "not a JSON object"),
    "nested": (with_header(b'{"a":' + b"[" * 100_000), "its header is not JSON"),
    "a number of a million digits": (with_header(b'{"a":' + b"9" * 1_000_000 + b"}"), "its header is not JSON"),
    "same name twice": (with_header(b'{"a": {}, "a": {}}'), "a key is there twice"),
    "overlap": (with_header({"a": entry(0, 16), "b": entry(8, 24)}, bytes(24)), "overlaps another one"),
    "same place": (with_header({"a": entry(0, 16), "b": entry(0, 16)}, bytes(16)), "overlaps another one"),
    "outside": (with_header({"a": entry(0, 16)}, bytes(15)), "lies outside of the file"),
    "before itself": (with_header({"a": entry(16, 0)}, bytes(16)), "has a place of -16 bytes"),
    "before the file": (with_header({"a": entry(-16, 0)}, bytes(16)), "has a place of"),
    "wrong size": (with_header({"a": entry(0, 16, (2**62, 2**62))}, bytes(16)), "has a place of 16 bytes"),
    "negative shape": (with_header({"a": entry(0, 16, (-2, -2))}, bytes(16)), "the shape of tensor 'a' is none"),
    "many dimensions": (with_header({"a": entry(0, 4, [1] * 33)}, bytes(4)), "the shape of tensor 'a' is none"),
    "no shape": (with_header({"a": {"dtype": "F32"}}, bytes(4)), "does not say what tensor 'a' is"),
    "half a number": (with_header({"a": entry(0, 4, [1.5])}, bytes(4)), "does not say what tensor 'a' is"),
    "long name": (with_header({"a" * 1001: entry(0, 16)}, bytes(16)), "more than 1,000 characters"),
    "an entry that is a number": (with_header({"a": 7}), "does not say what tensor 'a' is"),
}
"""And what is said of each."""
