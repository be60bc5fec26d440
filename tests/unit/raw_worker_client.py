"""A client of the worker as docs/worker.md says, with nothing of ours: a socket, struct, json and hmac."""

import hmac
import json
import os
import socket
import struct
from pathlib import Path
from typing import Any, Self

import numpy as np


def raw_message(there: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read a message: its header, and the bytes after it."""
    (length,) = struct.unpack(">i", _exactly(there, 4))
    message = _exactly(there, length)
    (header,) = struct.unpack("<I", message[:4])
    return dict(json.loads(message[4 : 4 + header])), message[4 + header :]


def raw_frame(*arrays: Any, **header: object) -> bytes:
    """Write one."""
    if arrays:
        header["buffers"] = [{"dtype": str(array.dtype), "shape": list(array.shape)} for array in arrays]
    written = json.dumps(header).encode()
    message = struct.pack("<I", len(written)) + written + b"".join(array.tobytes() for array in arrays)
    return struct.pack(">i", len(message)) + message


def raw_proof(key: bytes, side: str, of_worker: str, of_client: str) -> str:
    """The proof that a side has the key."""
    return hmac.new(key, f"hartonomous-worker/1 {side} {of_worker} {of_client}".encode(), "sha256").hexdigest()


class RawClient:
    """Connected and greeted."""

    def __init__(self, home: Path, path: Path | None = None, seconds: float = 60) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(seconds)
        self.socket.connect(str(path or home / "gpu-worker.sock"))
        key, mine = bytes.fromhex((home / "gpu-worker.key").read_text()), os.urandom(32).hex()
        hello, _ = raw_message(self.socket)
        proof = raw_proof(key, "client", hello["challenge"], mine)
        self.socket.sendall(raw_frame(kind="Proof", version=1, challenge=mine, proof=proof))
        welcome, _ = raw_message(self.socket)
        assert welcome == {"kind": "Welcome", "proof": raw_proof(key, "worker", hello["challenge"], mine)}

    def ask(self, kind: str, *arrays: Any, **header: object) -> tuple[dict[str, Any], list[Any]]:
        """Send a request; return the header of the answer and its arrays."""
        self.socket.sendall(raw_frame(*arrays, kind=kind, **header))
        return self.answer()

    def answer(self) -> tuple[dict[str, Any], list[Any]]:
        """Read an answer."""
        answer, rest = raw_message(self.socket)
        arrays = []
        for buffer in answer.get("buffers", []):
            dtype, shape = np.dtype(buffer["dtype"]), buffer["shape"]
            length = dtype.itemsize * int(np.prod(shape))
            arrays.append(np.frombuffer(rest[:length], dtype).reshape(shape))
            rest = rest[length:]
        assert rest == b""
        return answer, arrays

    def is_hung_up_on(self) -> bool:
        """Wait until the worker hangs up, or says something."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def _exactly(there: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = there.recv(min(count - len(parts), 1 << 20))
        assert part, "the worker hung up"
        parts += part
    return bytes(parts)
