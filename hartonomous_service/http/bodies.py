"""Reads the body of a request as it comes. While nothing comes no thread waits, and no more than a block of it is held."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

from anyio.to_thread import run_sync
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from hartonomous_service.errors import Unavailable
from hartonomous_service.submitting import TooLarge

_BLOCK_BYTES = 256 * 1024
_SLOW_SECONDS = 15.0
"""After so long what came is handed on, however little: a claim of the request is renewed then, and an upload in pieces keeps it."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def in_thread(call: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Call what may wait for the store or the disk."""
    return await run_sync(lambda: call(*args, **kwargs))


async def pour(request: Request, write: Callable[[bytes], object]) -> None:
    """Hand the body to `write`, block by block; it runs in a thread, and no more is read meanwhile.

    Raises what `write` does, and HTTPException: 400 for a client that went away, 413 for too many bytes, and what `Limits` raises.
    """
    try:
        async for block in _blocks(request):
            await in_thread(write, block)
    except TooLarge as error:
        raise HTTPException(413, str(error)) from error


@contextmanager
def os_errors_as_unavailable() -> Iterator[None]:
    """Raise Unavailable where the disk does not take what came: while it comes, at its end, or as the file is closed."""
    try:
        yield
    except OSError as error:
        raise Unavailable(f"the server cannot store it: {error.strerror}") from error


async def read_small(request: Request, most: int) -> bytes:
    """Return the whole body. Raises HTTPException 413 for more than `most` bytes."""
    body = bytearray()
    async for block in _blocks(request):
        body += block
        if len(body) > most:
            raise HTTPException(413, f"at most {most:,} bytes are read here")
    return bytes(body)


async def _blocks(request: Request) -> AsyncIterator[bytes]:
    """Yield what comes, in blocks: fewer bytes of a slow client, and of one that vanishes or is refused, before that is raised."""
    buffer, yielded_at = bytearray(), time.monotonic()
    failed: HTTPException | None = None
    try:
        async for chunk in request.stream():
            buffer += chunk
            if len(buffer) >= _BLOCK_BYTES or (buffer and time.monotonic() - yielded_at > _SLOW_SECONDS):
                yield bytes(buffer)
                buffer.clear()
                yielded_at = time.monotonic()
    except ClientDisconnect:
        failed = HTTPException(400, "the client went away in the middle")
    except HTTPException as refused:  # by `Limits`: silent, slow, or too large
        failed = refused
    if buffer:
        yield bytes(buffer)
    if failed:
        raise failed
