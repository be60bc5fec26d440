"""How large a request may be, and how slow its body."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass

from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hartonomous_resources.settings import Settings
from hartonomous_service.http.problems import problem
from hartonomous_service.search.look_alikes import MOST_BYTES

_UPLOAD = re.compile(r"POST /sources|PATCH /uploads/[^/]*")
_MOST_HEADERS = 100
_MOST_HEADER_BYTES = 32 * 1024
_MOST_TARGET_BYTES = 32 * 1024
"""Path and query as they are sent: a question of 10,000 characters fits, of which few are escaped."""
_UPLOAD_EXTRA_BYTES = 1024 * 1024
"""What an upload may have beside the source: parts, their headers and fields."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The least that a body must come by: each read within `read_seconds`, and `bytes_a_second` on average after the first of them."""

    read_seconds: float = 15.0
    bytes_a_second: float = 1024.0


class Limits:
    """ASGI middleware that refuses what is too large (413, 414, 431) or comes too slowly (408), before it fills memory or holds a place.

    A JSON body is held to HARTONOMOUS_HTTP_MAX_BODY_BYTES, a picture to compare to 32 MiB; an upload to HARTONOMOUS_MAX_SOURCE_BYTES, to
    the byte by the call that takes it.
    """

    def __init__(self, app: ASGIApp, settings: Settings, pace: Pace | None = None) -> None:
        self._app = app
        self._body_bytes = settings.http_max_body_bytes
        self._upload_bytes = settings.max_source_bytes + _UPLOAD_EXTRA_BYTES
        self._pace = pace or Pace()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_upload = _UPLOAD.fullmatch(f"{scope['method']} {scope['path']}")
        most = self._upload_bytes if is_upload else self._body_bytes
        if scope["path"] == "/search/like":
            most = max(most, MOST_BYTES)
        try:
            _check_head(scope, most)
        except HTTPException as refused:
            await problem(Request(scope), refused.status_code, refused.detail)(scope, receive, send)
            return
        await self._app(scope, _Body(receive, most, self._pace).receive, send)


def _check_head(scope: Scope, most: int) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(headers) > _MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > _MOST_HEADER_BYTES:
        raise HTTPException(431, f"give at most {_MOST_HEADERS} headers of {_MOST_HEADER_BYTES:,} bytes in all")
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _MOST_TARGET_BYTES:
        raise HTTPException(414, f"give at most {_MOST_TARGET_BYTES:,} bytes of path and query")
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > most:
            raise _too_large(most)


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the body has more than {most:,} bytes")


class _Body:
    """The body of one request, as far as it has come."""

    def __init__(self, receive: Receive, most: int, pace: Pace) -> None:
        self._receive = receive
        self._most = most
        self._pace = pace
        self._is_whole = False
        self._bytes = 0
        self._waited = 0.0
        """Seconds; what the app takes between two reads is not the client's fault."""

    async def receive(self) -> Message:
        """Receive the next message. Raises HTTPException 408 or 413, which the app answers."""
        if self._is_whole:
            return await self._receive()  # waits for the client to leave, as long as the answer takes
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._pace.read_seconds):
                message = await self._receive()
        except TimeoutError:
            raise HTTPException(408, f"no more of the body came in {self._pace.read_seconds:g} s") from None
        self._waited += time.monotonic() - began
        self._bytes += len(message.get("body", b""))
        self._is_whole = not message.get("more_body", False)
        if self._bytes > self._most:
            raise _too_large(self._most)
        late = self._waited - self._pace.read_seconds
        if not self._is_whole and self._bytes < late * self._pace.bytes_a_second:
            raise HTTPException(408, f"the body comes at less than {self._pace.bytes_a_second:g} bytes a second")
        return message
