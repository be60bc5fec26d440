"""How a client and the worker show each other that they have the key of the home: HMAC-SHA256 over a challenge of each.

The standard library's own handshake takes MD5 up to Python 3.11 and SHA-256 from 3.12 on, and no client of another
language could rely on it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from hartonomous_resources.compute.worker.frames import (
    HANDSHAKE_BYTES,
    FrameError,
    decode,
    encode,
    receive,
)
from hartonomous_resources.compute.worker.worker_messages import ErrorCode, Failure, Hello, Proof, Welcome

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

VERSION = 1


class HandshakeError(Exception):
    """The other side is none that we speak with; it says why."""


def greet(connection: Connection[Any, Any], key: bytes) -> None:
    """Do the worker's part. Raises HandshakeError once the client was told why, OSError or EOFError where it went away."""
    mine = secrets.token_hex(32)
    connection.send_bytes(encode(Hello(version=VERSION, challenge=mine)))
    try:
        client: Proof = decode(receive(connection, HANDSHAKE_BYTES), Proof)[0]
    except FrameError as error:
        _refuse(connection, "malformed", str(error))
    if client.version != VERSION:
        _refuse(connection, "version", f"the worker speaks version {VERSION}, not {client.version}")
    if not hmac.compare_digest(client.proof, proof_of(key, "client", mine, client.challenge)):
        _refuse(connection, "key", "this is not the key of the worker's home")
    connection.send_bytes(encode(Welcome(proof=proof_of(key, "worker", mine, client.challenge))))


def introduce(connection: Connection[Any, Any], key: bytes, seconds: float | None = None) -> None:
    """Do the client's part; the worker may take so many seconds for each word. Raises HandshakeError, OSError or EOFError."""
    mine = secrets.token_hex(32)
    try:
        hello: Hello = _require(decode(receive(connection, HANDSHAKE_BYTES, seconds), Hello | Failure)[0], Hello)
        if hello.version != VERSION:
            raise HandshakeError(
                f"the worker speaks version {hello.version}, not {VERSION}: update the older of the two"
            )
        proof = proof_of(key, "client", hello.challenge, mine)
        connection.send_bytes(encode(Proof(version=VERSION, challenge=mine, proof=proof)))
        welcome: Welcome = _require(
            decode(receive(connection, HANDSHAKE_BYTES, seconds), Welcome | Failure)[0], Welcome
        )
    except FrameError as error:
        raise HandshakeError(f"what answers is no worker: {error}") from error
    if not hmac.compare_digest(welcome.proof, proof_of(key, "worker", hello.challenge, mine)):
        raise HandshakeError("what answers has not the key of this home")


def proof_of(key: bytes, side: Literal["client", "worker"], of_worker: str, of_client: str) -> str:
    """Return the HMAC-SHA256, in hex, over the side that proves and both challenges: none is of use to the other side, or again."""
    text = f"hartonomous-worker/{VERSION} {side} {of_worker} {of_client}"
    return hmac.new(key, text.encode("ascii"), "sha256").hexdigest()


def make_key(path: Path) -> bytes:
    """Return the key in this file, made where there is none: 32 bytes in hex, for its owner alone. Raises as `read_key` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_key(path)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return read_key(path)


def read_key(path: Path) -> bytes:
    """Return the key in this file. Raises OSError, and HandshakeError where others may read it, or it holds no key."""
    with path.open("rb") as file:
        found = os.fstat(file.fileno())
        text = file.read(100)
    if os.name == "posix" and (stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid()):
        raise HandshakeError(f"{path} is not this user's alone: delete it, and start the worker again")
    try:
        key = bytes.fromhex(text.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != 32:
        raise HandshakeError(f"{path} holds no key: delete it, and start the worker again")
    return key


def _require(message: object, kind: type) -> Any:
    if isinstance(message, Failure):
        raise HandshakeError(f"{message.code}: {message.message}")
    assert isinstance(message, kind)  # noqa: S101 - decoded as one of the two
    return message


def _refuse(connection: Connection[Any, Any], code: ErrorCode, message: str) -> NoReturn:
    connection.send_bytes(encode(Failure(code=code, message=message)))
    raise HandshakeError(message)
