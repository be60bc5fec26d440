"""Tells of each request once it is answered: to the metrics, as a line of the log, and to who traces."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hartonomous_resources.logs import LOGGER

Tell = Callable[[Scope, int, float], None]
"""Takes the scope as the routes left it, the status, and the seconds from the head of the request to the end of the answer."""

_LINE = (
    "request: Method=%(Method)s, Route=%(Route)s, Status=%(Status)s, Milliseconds=%(Milliseconds)s, KeyId=%(KeyId)s, "
    "RequestId=%(RequestId)s"
)


class AnsweredRequests:
    """ASGI middleware that calls each of `tell`."""

    def __init__(self, app: ASGIApp, tell: Sequence[Tell]) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500  # of an error that is answered outside of this

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            seconds = time.perf_counter() - started
            for tell in self._tell:
                tell(scope, status, seconds)


def route_of(scope: Scope) -> str | None:
    """Return the template of the route that was taken; None where none was."""
    return getattr(scope.get("route"), "path", None)


def log_request(scope: Scope, status: int, seconds: float) -> None:
    """Write a line at info with the template of the route; never a path, a query or a key, which may say what nobody is to read."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    caller = scope.get("caller")
    LOGGER.info(
        _LINE,
        {
            "Method": scope["method"],
            "Route": route_of(scope),
            "Status": status,
            "Milliseconds": round(seconds * 1000),
            "KeyId": None if caller is None else caller.key_id,
            "RequestId": scope.get("request_id"),
        },
    )
