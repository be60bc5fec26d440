"""A checkpoint of PyTorch: a zip whose `data.pkl` names the tensors and whose other files, not packed, hold their numbers."""

import io
import zipfile
import zlib
from itertools import islice
from typing import BinaryIO

from hartonomous_core.atomizers.extractors.zip_archive import DAMAGED_DIRECTORY, check_directory
from hartonomous_core.atomizers.members import describe
from hartonomous_core.atomizers.sections import Partial, shorten
from hartonomous_core.atomizers.tensors.pickled_tensors import PickledTensor, pickled_tensors
from hartonomous_core.atomizers.tensors.tensor_layout import (
    ITEM_BYTES,
    MOST_TENSORS,
    Tensor,
    TensorLayout,
    check_tensor,
    in_order,
)

MOST_PICKLE_BYTES = 32 * 1024 * 1024
_OF_STORAGE = {
    "FloatStorage": "f32", "DoubleStorage": "f64", "HalfStorage": "f16", "BFloat16Storage": "bf16", "LongStorage": "i64",
    "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8", "ByteStorage": "u8", "BoolStorage": "bool",
    "ComplexFloatStorage": "c64", "ComplexDoubleStorage": "c128",
}  # fmt: skip
_OF_DTYPE = {
    "float32": "f32", "float64": "f64", "float16": "f16", "bfloat16": "bf16", "int64": "i64", "int32": "i32", "int16": "i16", "int8": "i8",
    "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64", "bool": "bool", "complex64": "c64", "complex128": "c128",
    "float8_e4m3fn": "f8_e4m3", "float8_e5m2": "f8_e5m2", "float8_e8m0fnu": "f8_e8m0",
}  # fmt: skip
_LOCAL_HEADER_BYTES = 30
_DAMAGE = (*DAMAGED_DIRECTORY, zlib.error, EOFError, RuntimeError, KeyError)


def read_torch(stream: BinaryIO, size: int) -> TensorLayout:
    """Read where the tensors lie in a stream of `size` bytes. Raises Partial where the file breaks a rule of the format."""
    check_directory(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            files = {info.filename: info for info in archive.infolist()}
            folder = next((name.removesuffix("data.pkl") for name in files if name.endswith("/data.pkl")), None)
            if folder is None:
                raise Partial("it has no data.pkl: no checkpoint of PyTorch")
            pickle = _read(archive, files[f"{folder}data.pkl"], MOST_PICKLE_BYTES)
            order = files.get(f"{folder}byteorder")
            if order is not None and _read(archive, order, 16) != b"little":
                raise Partial("its numbers are not little-endian")
    except _DAMAGE as problem:
        raise Partial(f"it is a damaged archive: {describe(problem)}") from problem
    named = list(islice(pickled_tensors(io.BytesIO(pickle)), MOST_TENSORS + 1))
    if len(named) > MOST_TENSORS:
        raise Partial(f"it has more than {MOST_TENSORS:,} tensors")
    places = {
        key: _place(stream, files.get(f"{folder}data/{key}"), key) for key in {each.storage.key for _, each in named}
    }
    tensors = sorted(
        (_tensor(name, each, places) for name, each in named), key=lambda each: (each.offset, -each.byte_length)
    )
    return _without_overlaps(tensors, size)


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """Return a file of the archive. Raises Partial for one that is larger than it may be."""
    data = b""
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may take much memory
        with archive.open(info) as file:
            data = file.read(most + 1)
    if len(data) > most:
        raise Partial(f"{info.filename[:100]} in it has more than {most:,} bytes")
    return data


def _place(stream: BinaryIO, info: zipfile.ZipInfo | None, key: str) -> tuple[int, int]:
    """Return where a file of the archive begins and ends. Raises Partial for one that is missing, or packed."""
    if info is None or info.compress_type != zipfile.ZIP_STORED or info.header_offset < 0:
        raise Partial(f"numbers of tensors are missing, or packed: {key[:100]!r}")
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL_HEADER_BYTES)
    if header[:4] != b"PK\x03\x04" or len(header) < _LOCAL_HEADER_BYTES:
        raise Partial(f"numbers of tensors are not where its directory says: {key[:100]!r}")
    start = info.header_offset + _LOCAL_HEADER_BYTES
    start += int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    return start, start + info.file_size


def _tensor(name: str, said: PickledTensor, places: dict[str, tuple[int, int]]) -> Tensor:
    """Return a tensor and the bytes from the first of its numbers to the last. Raises Partial where they are not in its storage."""
    check_tensor(name, said.shape)
    dtype = _OF_DTYPE.get(said.dtype or "") or _OF_STORAGE.get(said.storage.kind, "")
    item = ITEM_BYTES.get(dtype)
    if item is None:
        raise Partial(f"tensor {name!r} is of a type that is not known")
    if len(said.strides) != len(said.shape) or min((said.offset, *said.strides)) < 0:
        raise Partial(f"tensor {name!r} has strides that no tensor has")
    numbers = (
        0 if 0 in said.shape else 1 + sum((size - 1) * by for size, by in zip(said.shape, said.strides, strict=True))
    )
    start, end = places[said.storage.key]
    offset = start + item * said.offset
    if offset + item * numbers > end:
        raise Partial(f"tensor {name!r} lies outside of its numbers")
    return Tensor(name, dtype, said.shape, offset, item * numbers)


def _without_overlaps(tensors: list[Tensor], size: int) -> TensorLayout:
    """Return a layout in which a tensor that shares bytes with one before it is elsewhere: models tie tensors."""
    own: list[Tensor] = []
    shared: list[tuple[Tensor, str]] = []
    for tensor in tensors:
        if own and tensor.byte_length and tensor.offset < own[-1].offset + own[-1].byte_length:
            shared.append((tensor, f", in the bytes of {shorten(own[-1].name)}"))
        else:
            own.append(tensor)
    return TensorLayout(in_order(own, 0, size), elsewhere=shared)
