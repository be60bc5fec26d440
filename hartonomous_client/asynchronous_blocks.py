"""Blocks of bytes for a client that may wait for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from functools import partial

from hartonomous_client.client_calls import Content

_BLOCK_BYTES = 64 * 1024


def to_asynchronous(content: Content | None) -> bytes | AsyncIterable[bytes] | None:
    """Return content that an asynchronous client can send; a file, or other blocks, are read in threads."""
    if content is None or isinstance(content, bytes | AsyncIterable):
        return content
    read = getattr(content, "read", None)
    return _in_threads(iter(content) if read is None else iter(partial(read, _BLOCK_BYTES), b""))


async def _in_threads(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield blocks whose making may wait, for a disk perhaps, without holding up others."""
    while block := await asyncio.to_thread(next, blocks, b""):
        yield block
