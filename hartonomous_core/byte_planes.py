"""Floating-point numbers stored smaller: the bytes of equal place together, and those of the exponents, which are much alike, packed.

Form: magic (4 bytes), bytes of a number (1), length of the content (4, little-endian); then for each place, the highest first, the length of
what is stored (4) and that, which is the plane as it is if it is as long as the plane, else a frame of Zstandard; at the end what is no whole number.
In each number the sign is moved to the lowest bit, so that the highest byte has the exponent alone.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported with the first block of weights
    import numpy as np
    from numpy.typing import NDArray

MOST_BYTES = 16 * 1024 * 1024
"""Of content that is packed or unpacked at once."""
WIDTHS = {"tensor/bf16": 2, "tensor/f16": 2, "tensor/f32": 4, "tensor/f64": 8}
"""Bytes of a number, by the content type of atoms that are such numbers."""
_MAGIC = b"HBP\x01"
_PAYS = 0.95
"""Of the bytes; what is not smaller is stored as it is."""
_PLANE_PAYS = 0.97
_SAMPLE_BYTES = 16 * 1024
_LITERALS_BY_HUFFMAN = 1002
"""ZSTD_c_literalCompressionMode, enabled: without, a search for repetitions that there are none of takes most of the time."""


class NotPlanes(ValueError):
    """Bytes are not in this form, or damaged."""


def pack(content: bytes, width: int) -> bytes | None:
    """Return numbers of `width` bytes in the form above; None where that is not smaller. Any bytes may come."""
    import numpy as np

    count = len(content) // width
    if not count or len(content) > MOST_BYTES:
        return None
    numbers = np.frombuffer(content, f"<u{width}", count)
    turned = (numbers << 1) | (numbers >> (8 * width - 1))
    places = turned.view("u1")
    parts = [_MAGIC, struct.pack("<BI", width, len(content))]
    for place in reversed(range(width)):
        stored = _pack_plane(places[place::width].tobytes())
        parts += (struct.pack("<I", len(stored)), stored)
    parts.append(content[count * width :])
    packed = b"".join(parts)
    return packed if len(packed) <= _PAYS * len(content) else None


def unpack(packed: bytes) -> bytes:
    """Return the content. Raises NotPlanes; no more than `MOST_BYTES` are taken, whatever the bytes say."""
    import numpy as np

    if packed[:4] != _MAGIC or len(packed) < 9:
        raise NotPlanes("it does not begin as packed numbers do")
    width, length = struct.unpack_from("<BI", packed, 4)
    if width not in WIDTHS.values() or length > MOST_BYTES:
        raise NotPlanes("it says that its numbers are what none are")
    count, at = length // width, 9
    places = np.empty(width * count, "u1")
    for place in reversed(range(width)):
        stored_length = int.from_bytes(packed[at : at + 4], "little")
        stored = packed[at + 4 : at + 4 + stored_length]
        places[place::width] = _unpack_plane(stored, count)
        at += 4 + stored_length
    turned = places.view(f"<u{width}")
    numbers = (turned >> 1) | (turned << (8 * width - 1))
    content: bytes = numbers.tobytes() + packed[at:]
    if len(content) != length:
        raise NotPlanes("it has another length than it says")
    return content


def _pack_plane(plane: bytes) -> bytes:
    if len(plane) > 2 * _SAMPLE_BYTES and len(_zstd(plane[:_SAMPLE_BYTES])) > _PLANE_PAYS * _SAMPLE_BYTES:
        return plane
    stored = _zstd(plane)
    return stored if len(stored) < len(plane) else plane


def _unpack_plane(stored: bytes, count: int) -> NDArray[np.uint8]:
    import numpy as np
    from backports.zstd import ZstdDecompressor, ZstdError

    if len(stored) != count:
        decompressor = ZstdDecompressor()
        try:
            stored = decompressor.decompress(stored, count + 1)
        except (ZstdError, EOFError) as problem:
            raise NotPlanes(f"a plane is damaged: {problem}") from problem
    if len(stored) != count:
        raise NotPlanes("a plane has another length than it should")
    return np.frombuffer(stored, "u1")


def _zstd(plane: bytes) -> bytes:
    from backports.zstd import CompressionParameter, Strategy, ZstdCompressor, ZstdError

    options: dict[int, int] = {CompressionParameter.strategy: Strategy.fast, CompressionParameter.target_length: 4096}
    try:
        compressor = ZstdCompressor(options={**options, _LITERALS_BY_HUFFMAN: 1})
    except (ZstdError, ValueError):  # a build of the library that does not know it
        compressor = ZstdCompressor(level=1)
    return compressor.compress(plane, ZstdCompressor.FLUSH_FRAME)
