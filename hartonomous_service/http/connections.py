"""Connections of the HTTP server: none is held for long by a client that sends no whole head, does not read, or sends what is no HTTP.

uvicorn lets a connection wait for the end of a head without limit, and a client for the end of what it was sent.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

_HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of its head: a phone takes one."""
_HEAD_BYTES = 64 * 1024
_FRAMING_BYTES, _FRAMING_A_BYTE = 128 * 1024, 8
"""What may come beside the bytes of a body (its head, sizes and extensions of chunks, trailers), and more for each byte of it: sent a byte
at a time, a body takes five."""
_STALLED_SECONDS = 30.0
"""How long a client may read nothing of an answer that is larger than what the system holds for it."""
_UNREAD_SECONDS, _UNREAD_BYTES = 2.0, 1024 * 1024
"""How long, and how much of, what is left of a body is read and forgotten after the answer, so that the client can read this."""


class GuardedConnection(HttpToolsProtocol):
    """A connection with deadlines, and at most `most` of them: the one that has waited longest for a head makes room for a new one."""

    most: ClassVar[int] = 1000
    _waiting: ClassVar[dict[GuardedConnection, None]] = {}
    """Those without a request, the longest first; there is one server in a process."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._received = self._of_body = 0
        self._unread: int | None = None
        self._is_whole = True
        self._in_head = False
        self._at_work: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            longest = next(iter(self._waiting), None)
            if longest is None:
                self._refuse(503, "the server has as many connections as it takes; try again in a second")
                return
            del self._waiting[longest]
            longest.transport.abort()
        self._waiting[self] = None
        self._set_deadline(_HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._waiting.pop(self, None)
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
        self.pipeline.clear()
        if self._at_work is not None and not self._at_work.response_complete:  # uvicorn tells the last of several alone
            self._at_work.disconnected = True
            self._at_work.message_event.set()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self in self._waiting:
            if self._received > _HEAD_BYTES:
                self._refuse(431, f"give at most {_HEAD_BYTES:,} bytes of method, path and headers")
            elif self._deadline is None and self._has_begun:
                self._set_deadline(_HEAD_SECONDS)
        elif self._unread is not None and self._received > self._unread:
            self.transport.close()
        elif self._received - self._of_body > _FRAMING_BYTES + _FRAMING_A_BYTE * self._of_body:
            self.transport.abort()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_whole, self._in_head = False, True

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._waiting.pop(self, None)
        self._set_deadline(None)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._of_body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_whole = True
        self._received = self._of_body = 0
        self._unread = None
        if self.cycle.response_complete:
            self._wait_for_head()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing() or not self.cycle.response_complete:  # another request was sent with the first
            return
        if self._is_whole or self._in_head:
            self._wait_for_head()
        else:  # nobody reads what is left of the body
            self._set_deadline(_UNREAD_SECONDS)
            self._unread = self._received + _UNREAD_BYTES

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(_STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse(400, "this is no HTTP/1.1")

    @property
    def _has_begun(self) -> bool:
        """Whether something of the next head has come, perhaps together with the request before it."""
        return self._received > 0 or self._in_head

    def _wait_for_head(self) -> None:
        self._set_deadline(_HEAD_SECONDS if self._in_head else None)  # uvicorn closes a connection that lies idle
        self._waiting[self] = None

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._end)

    def _end(self) -> None:
        if self in self._waiting and self._has_begun:
            self._refuse(408, f"no whole head came in {_HEAD_SECONDS:g} s")
        else:
            self.transport.close()

    def _refuse(self, status: int, detail: str) -> None:
        """Answer where no app does, and close."""
        phrase = HTTPStatus(status).phrase
        body = json.dumps({"type": "about:blank", "title": phrase, "status": status, "detail": detail}).encode()
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
