"""Checkpoints of PyTorch, made here opcode by opcode, and files that break their rules or would run code."""

import io
import struct
import zipfile
from collections.abc import Mapping

import numpy as np

from tests.unit.weight_files import Weights

_STORAGES = {"F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage"}


def pickled(text: str) -> bytes:
    return b"X" + struct.pack("<L", len(text.encode())) + text.encode()


def whole(number: int) -> bytes:
    return b"\x8a\x08" + struct.pack("<q", number)


def numbers(*sizes: int) -> bytes:
    return b"(" + b"".join(map(whole, sizes)) + b"t"


def pickled_tensor(
    key: str, shape: tuple[int, ...], dtype: str = "F32", offset: int = 0, strides: tuple[int, ...] | None = None
) -> bytes:
    """Write what PyTorch pickles of a tensor."""
    if strides is None:
        strides = tuple(int(np.prod(shape[place + 1 :])) for place in range(len(shape)))
    storage = (
        b"(" + pickled("storage") + f"ctorch\n{_STORAGES[dtype]}\n".encode() + pickled(key) + pickled("cpu") + whole(1)
    )
    hooks = b"ccollections\nOrderedDict\n)R"
    arguments = b"(" + storage + b"tQ" + whole(offset) + numbers(*shape) + numbers(*strides) + b"\x89" + hooks + b"t"
    return b"ctorch._utils\n_rebuild_tensor_v2\n" + arguments + b"R"


def pickled_state(tensors: Mapping[str, bytes]) -> bytes:
    """Write the pickle of a state_dict."""
    items = b"".join(pickled(name) + each for name, each in tensors.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + items + b"u."


def zipped_checkpoint(pickle: bytes, storages: Mapping[str, bytes], packed: int = zipfile.ZIP_STORED) -> bytes:
    """Write a zip as PyTorch does: the pickle first, then the numbers, aligned to 64 bytes."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", packed) as archive:
        archive.writestr("model/data.pkl", pickle)
        archive.writestr("model/byteorder", "little")
        for key, data in storages.items():
            info = zipfile.ZipInfo(f"model/data/{key}")
            info.compress_type = packed
            header = 30 + len(info.filename) + 4
            gap = -(target.tell() + header) % 64
            info.extra = struct.pack("<2sH", b"FB", gap) + b"Z" * gap
            archive.writestr(info, data)
        archive.writestr("model/version", "3\n")
    return target.getvalue()


def a_checkpoint(tensors: Mapping[str, Weights]) -> bytes:
    """Write tensors with a storage each."""
    keys = dict(zip(tensors, map(str, range(len(tensors))), strict=True))
    state = {name: pickled_tensor(keys[name], each.shape, each.dtype) for name, each in tensors.items()}
    return zipped_checkpoint(pickled_state(state), {keys[name]: each.data for name, each in tensors.items()})


def checkpoint_of(pickle: bytes, size: int = 16) -> bytes:
    return zipped_checkpoint(pickle, {"0": bytes(size)})


CANARY = "hartonomous-unpickled"
"""The file that a pickle which is run makes."""
RUNS_CODE = b"\x80\x02cos\nsystem\n" + pickled(f"touch {CANARY}") + b"\x85R."
_LAUGHS = (
    b"\x80\x02"
    + b"]q\0"
    + b"".join(b"](h" + bytes([n]) * 1 + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(60))
    + b"."
)

LONG_NAMES = (
    b"\x80\x04" + pickled("a" * 100_000) + b"\x940" + b"}h\0" * 90 + pickled_tensor("0", (1,)) + b"s" * 90 + b"."
)
"""A tensor in dicts in dicts, under one key that is remembered: names of all levels, joined, have 400 MB."""

BROKEN_CHECKPOINTS: dict[str, tuple[bytes, str]] = {
    "no pickle": (checkpoint_of(b"no pickle"), "its pickle"),
    "an empty pickle": (checkpoint_of(b""), "its pickle"),
    "a pickle without end": (checkpoint_of(b"\x80\x02" + b"]" * 100), "pickle exhausted before seeing STOP"),
    "nothing on the stack": (checkpoint_of(b"\x80\x02R."), "its pickle is damaged"),
    "no mark": (checkpoint_of(b"\x80\x02]e."), "its pickle is damaged"),
    "an absurd text": (checkpoint_of(b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7f" + b"a."), "its pickle"),
    "a value that was never remembered": (checkpoint_of(b"\x80\x02h\x07."), "its pickle is damaged"),
    "outside": (checkpoint_of(pickled_state({"a": pickled_tensor("0", (5,))})), "lies outside of its numbers"),
    "before": (checkpoint_of(pickled_state({"a": pickled_tensor("0", (1,), offset=-1)})), "strides that no tensor has"),
    "strides": (
        checkpoint_of(pickled_state({"a": pickled_tensor("0", (2, 2), strides=(2**62, 1))})),
        "lies outside of its numbers",
    ),
    "negative strides": (
        checkpoint_of(pickled_state({"a": pickled_tensor("0", (2, 2), strides=(-1, 1))})),
        "strides that no tensor has",
    ),
    "no numbers": (checkpoint_of(pickled_state({"a": pickled_tensor("9", (1,))})), "numbers of tensors are missing"),
    "packed": (
        zipped_checkpoint(pickled_state({"a": pickled_tensor("0", (4,))}), {"0": bytes(16)}, zipfile.ZIP_DEFLATED),
        "missing, or packed",
    ),
    "a name that leads out": (
        checkpoint_of(pickled_state({"a": pickled_tensor("../../etc/passwd", (1,))})),
        "numbers of tensors are missing",
    ),
    "a bomb": (
        zipped_checkpoint(b"\x80\x02" + b"]" * 40_000_000, {}, zipfile.ZIP_DEFLATED),
        "more than 33,554,432 bytes",
    ),
    "one long key at each level": (checkpoint_of(LONG_NAMES), "the name of a tensor has more than 1,000 characters"),
    "opcodes": (checkpoint_of(b"\x80\x02" + b"]0" * 1_300_000 + b"."), "more than that of any model"),
}
SAFE_CHECKPOINTS = {
    "pickle that would run code": checkpoint_of(RUNS_CODE),
    "lists in lists": checkpoint_of(_LAUGHS),
    "a list in itself": checkpoint_of(b"\x80\x02]q\0h\0a."),
    "tensor beside code": checkpoint_of(
        pickled_state({"a": pickled_tensor("0", (4,)), "b": b"cos\nsystem\n" + pickled(f"touch {CANARY}") + b"\x85R"})
    ),
}
"""Their tensors, if they have any, are told; nothing that they call is called."""
