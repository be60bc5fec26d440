"""A line of the log for each request."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hartonomous_resources.logs import LOGGER

_LINE = (
    "request: Method=%(Method)s, Route=%(Route)s, Status=%(Status)s, Milliseconds=%(Milliseconds)s, KeyId=%(KeyId)s, "
    "RequestId=%(RequestId)s"
)


class RequestLog:
    """ASGI middleware: a line at info with the template of the route; never a path, a query or a key, which may say what nobody is to read."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not LOGGER.isEnabledFor(logging.INFO):
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
            caller = scope.get("caller")
            LOGGER.info(
                _LINE,
                {
                    "Method": scope["method"],
                    "Route": getattr(scope.get("route"), "path", None),
                    "Status": status,
                    "Milliseconds": round((time.perf_counter() - started) * 1000),
                    "KeyId": None if caller is None else caller.key_id,
                    "RequestId": scope.get("request_id"),
                },
            )
