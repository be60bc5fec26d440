"""What of the worker reads bytes that anybody may have sent: its requests, its handshake, and the client's part of that."""

import os
import socket
import tempfile
from contextlib import closing, suppress
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from hartonomous_resources.compute.in_process import InProcessCompute
from hartonomous_resources.compute.worker.frames import decode, encode
from hartonomous_resources.compute.worker.handshake import HandshakeError, greet, introduce
from hartonomous_resources.compute.worker.worker_messages import (
    DotProduct,
    Embed,
    Failure,
    Health,
    Hello,
    Models,
    Project,
    Proof,
    Reply,
    TopK,
    Welcome,
)
from hartonomous_resources.compute.worker.worker_replies import Answers
from hartonomous_resources.settings import Settings

_ROWS = np.arange(12, dtype=np.float32).reshape(4, 3)
_TOKENS, _LENGTHS = np.array([101, 7, 102], dtype=np.int32), np.array([3], dtype=np.int32)
REQUESTS = [
    encode(DotProduct(), [_ROWS, _ROWS]),
    encode(Project(scale=0.5), [_ROWS, np.eye(3), np.zeros(3)]),
    encode(TopK(path="matrix", offset=0, rows=4, dtype="float32", k=2), [_ROWS[:2]]),
    encode(Embed(model="0123456789abcdef"), [_TOKENS, _LENGTHS]),
    encode(Health()),
    encode(Models()),
]


def _framed(*messages: bytes) -> bytes:
    return b"".join(len(message).to_bytes(4, "big") + message for message in messages)


TO_WORKER = [_framed(encode(Proof(version=1, challenge="c1" * 32, proof="0" * 64)), REQUESTS[0])]
TO_CLIENT = [_framed(encode(Hello(version=1, challenge="a1" * 32)), encode(Welcome(proof="0" * 64)))]


@cache
def _home() -> Path:
    home = Path(tempfile.gettempdir(), f"hartonomous-fuzz-{os.getpid()}")
    home.mkdir(exist_ok=True)
    (home / "matrix").write_bytes(_ROWS.tobytes())
    return home


@cache
def _compute() -> InProcessCompute:
    return InProcessCompute(Settings(home=_home(), text_model=str(_home() / "none.onnx")))


def answer_request(data: bytes) -> None:
    """Have a worker without a model answer: what comes is a reply, and none of what it did not expect itself."""
    with closing(Answers(_compute(), _home(), lambda: 1)) as answers:
        reply = decode(answers.answer(data), Reply)[0]
    assert not isinstance(reply, Failure) or reply.code != "failed", reply


def meet(data: bytes, *, as_worker: bool) -> None:
    """Do one side's part of the handshake with whoever sends these bytes and hangs up: it ends, and in no other way than it may."""
    ours, theirs = socket.socketpair()
    with theirs, Connection(ours.detach()) as connection:
        theirs.setblocking(False)
        with suppress(BlockingIOError):
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)
        with suppress(HandshakeError, OSError, EOFError):
            if as_worker:
                greet(connection, bytes(32))
            else:
                introduce(connection, bytes(32), 5)
