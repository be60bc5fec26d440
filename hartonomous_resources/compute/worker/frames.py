"""Messages as bytes: 4 bytes of header length, little-endian, a header in JSON, raw little-endian arrays that the header describes.

Each is sent by `send_bytes` of multiprocessing.connection, never pickled; whoever reads one says how large it may be.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.compute.worker.worker_messages import Buffer, Message

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

FRAME_BYTES = 32 << 20
"""The largest message."""
HANDSHAKE_BYTES = 4096
"""The largest message of whoever has not shown yet that they have the key."""
HEADER_BYTES = 1 << 16
_ALIGNED_TO = 8
"""Headers that we write are filled up with blanks, so that arrays lie where a processor reads them best."""


class FrameError(ValueError):
    """These bytes are no message; it says why. The connection goes on with the next one."""


class FrameTooLarge(FrameError):
    """A message is announced that is larger than may be. Nothing more is read from this connection."""


def encode(header: Message, arrays: Sequence[NDArray[Any]] = ()) -> bytes:
    """Return a message. Raises FrameTooLarge."""
    buffers = tuple(Buffer(array.dtype.name, array.shape) for array in arrays)  # type: ignore[arg-type]
    written = msgspec.json.encode(msgspec.structs.replace(header, buffers=buffers))
    written += b" " * (-(4 + len(written)) % _ALIGNED_TO)
    if len(written) > HEADER_BYTES or 4 + len(written) + sum(array.nbytes for array in arrays) > FRAME_BYTES:
        raise FrameTooLarge(f"a {type(header).__name__} with {buffers} is larger than a message may be")
    raw = (
        np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data for array in arrays
    )
    return b"".join([len(written).to_bytes(4, "little"), written, *raw])


def decode(frame: bytes, kind: Any) -> tuple[Any, list[NDArray[Any]]]:
    """Return the header, which is of `kind` (a class of messages, or a union), and the arrays, which may be read-only. Raises FrameError."""
    header_end = 4 + int.from_bytes(frame[:4], "little")
    if len(frame) < 4 or header_end > len(frame):
        raise FrameError(f"{len(frame)} bytes end before their header does")
    if header_end - 4 > HEADER_BYTES:
        raise FrameError(f"a header of {header_end - 4} bytes is larger than {HEADER_BYTES}")
    try:
        header = _decoder(kind).decode(memoryview(frame)[4:header_end])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FrameError(f"the header is not understood: {error}") from error
    dtypes = [np.dtype(buffer.dtype).newbyteorder("<") for buffer in header.buffers]
    lengths = [dtype.itemsize * math.prod(b.shape) for dtype, b in zip(dtypes, header.buffers, strict=True)]
    if header_end + sum(lengths) != len(frame):
        raise FrameError(f"{sum(lengths)} bytes of arrays are announced, {len(frame) - header_end} are there")
    arrays: list[NDArray[Any]] = []
    for buffer, dtype, length in zip(header.buffers, dtypes, lengths, strict=True):
        there: NDArray[Any] = np.ndarray(buffer.shape, dtype, frame, header_end)
        arrays.append(np.require(there, dtype.newbyteorder("="), ["C", "A"]))  # copied where it is not aligned
        header_end += length
    return header, arrays


def receive(connection: Connection[Any, Any], most_bytes: int = FRAME_BYTES, seconds: float | None = None) -> bytes:
    """Wait for a message, at most so many seconds for its beginning.

    Raises FrameTooLarge, TimeoutError, EOFError where the connection ended before the message, OSError where it ended within.
    """
    if seconds is not None and not connection.poll(seconds):
        raise TimeoutError(f"nothing within {seconds:g} s")
    try:
        return connection.recv_bytes(most_bytes)
    except OSError as error:
        if connection.closed or connection.readable:
            raise
        raise FrameTooLarge(f"a message may have {most_bytes} bytes") from error  # how `connection` tells of it


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)
