"""Who asks: the key of a request, its tenant, how often it may ask, and what it may do."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import re
from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Annotated

from anyio import CapacityLimiter, Semaphore
from anyio.to_thread import run_sync
from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import OUTAGES
from hartonomous_service.http.problems import problem, problem_of_service
from hartonomous_service.http.rates import TokenBuckets
from hartonomous_service.keys import Caller, Scope, find_caller, note_use, recall_caller, use_is_due

OPEN_PATHS = frozenset({"/health/live", "/health/ready"})
"""All that answers without a key."""

_BEARER = HTTPBearer(auto_error=False, description="A key, as `hartonomous keys create` prints it once.")

OPEN_CALLER = Caller(key_id="without-keys", tenant=0, scopes=frozenset({"read", "write", "admin"}))
"""Who asks a server that was started without keys."""

_WRONG_KEYS, _SECONDS_A_WRONG_KEY = 10, 6.0
"""Wrong keys that a client's address may present at once, and after how many seconds one more."""
_MOST_KNOWN = 10_000

_LOOPBACK_NAME = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


class RequireKey:
    """ASGI middleware: `scope["caller"]`, from the key that a request presents; without one, no route is reached and no body is read.

    A key may ask as often as HARTONOMOUS_HTTP_RATE and _BURST say. An address that has presented many wrong keys is refused
    before the database is asked, but for keys that have been right: others may come from the same address.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._rates = TokenBuckets(settings.http_rate, settings.http_burst)
        self._wrong = TokenBuckets(1 / _SECONDS_A_WRONG_KEY, _WRONG_KEYS)
        self._known: dict[bytes, None] = {}

    @cached_property
    def _threads(self) -> CapacityLimiter:
        return CapacityLimiter(2)  # of its own: whoever has no key is told so however busy the others are

    @cached_property
    def _turn(self) -> Semaphore:
        return Semaphore(2)  # of many that come at once, most are judged by what the first ones were

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        without_keys = scope["app"].state.without_keys
        if without_keys and not _names_this_machine(scope):
            said = (
                "a server without keys answers to localhost, 127.0.0.1 and [::1] alone: ask it under one of these names"
            )
            await problem(Request(scope), 400, said)(scope, receive, send)
            return
        if scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        if without_keys:
            if _is_of_another_page(scope):
                said = "a server without keys answers no page of another origin"
                await problem(Request(scope), 403, said)(scope, receive, send)
                return
            scope["caller"] = OPEN_CALLER
            await self._app(scope, receive, send)
            return
        resources: Resources = scope["app"].state.resources
        try:
            caller = await self._admit(resources, scope)
        except HTTPException as refused:
            answer = problem(Request(scope), refused.status_code, refused.detail, headers=refused.headers)
            await answer(scope, receive, send)
            return
        except OUTAGES as outage:
            await problem_of_service(Request(scope), outage)(scope, receive, send)
            return
        scope["caller"] = caller
        try:
            await self._app(scope, receive, send)
        finally:
            if use_is_due(resources, caller.key_id):  # answered already: a writer that is in the way holds up nobody
                await run_sync(note_use, resources, caller.key_id, limiter=self._threads)

    async def _admit(self, resources: Resources, scope: AsgiScope) -> Caller:
        """Return who asks. Raises HTTPException 401 or 429, and outages of the database."""
        presented = _presented(scope)
        if presented is None:
            raise _unauthorized("give a key: Authorization: Bearer KEY")
        caller = recall_caller(resources, presented)
        if caller is None:
            async with self._turn:
                caller = await self._look_up(resources, presented, _address(scope))
        wait = self._rates.take(caller.key_id)
        if wait:
            raise _too_many("this key asks more often than HARTONOMOUS_HTTP_RATE allows", wait)
        return caller

    async def _look_up(self, resources: Resources, presented: str, address: str) -> Caller:
        """Ask the database whose key it is. Raises as `_admit` does."""
        digest = hashlib.sha256(presented.encode()).digest()
        wait = self._wrong.wait(address)
        if wait and digest not in self._known:
            raise _too_many("too many wrong keys have come from this address", wait)
        caller = await run_sync(find_caller, resources, presented, limiter=self._threads)
        if caller is None:
            self._wrong.take(address)
            self._known.pop(digest, None)
            raise _unauthorized("this key is not known, or no longer")
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known[digest] = None
        return caller


def _presented(scope: AsgiScope) -> str | None:
    """The key of a request; None where it has none, or several of which one could pass for another."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    scheme, _, key = given[0].decode("latin-1").partition(" ") if len(given) == 1 else ("", "", "")
    return key.strip() if scheme.lower() == "bearer" else None


def _names_this_machine(scope: AsgiScope) -> bool:
    """Whether a request asks for a name that only means this machine: a page elsewhere could have its own name point here."""
    return all(_LOOPBACK_NAME.fullmatch(name) for name in Headers(scope=scope).getlist("host") or [""])


def _is_of_another_page(scope: AsgiScope) -> bool:
    """Whether a browser says that a page of another origin asks: it sends what needs no leave of CORS, and only hides the answer."""
    headers = Headers(scope=scope)
    origin, fetched = headers.get("origin"), headers.get("sec-fetch-site", "none")
    own = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
    return (origin is not None and origin not in own) or fetched not in ("none", "same-origin")


def _address(scope: AsgiScope) -> str:
    """The client's address; of IPv6 the network, of which a client has as many addresses as it likes."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    return host if address.version == 4 else str(ipaddress.ip_network((int(address), 64), strict=False))


def _unauthorized(said: str) -> HTTPException:
    return HTTPException(401, said, headers={"WWW-Authenticate": "Bearer"})


def _too_many(said: str, wait: float) -> HTTPException:
    seconds = math.ceil(wait)
    return HTTPException(429, f"{said}; try again in {seconds} s", headers={"Retry-After": str(seconds)})


async def resources_of(request: Request) -> Resources:
    """Return the resources that the server has open; asynchronous, as FastAPI calls others in a thread, which takes longer than they do."""
    opened: Resources = request.app.state.resources
    return opened


OpenResources = Annotated[Resources, Depends(resources_of)]


def _caller_with(scope: Scope) -> Callable[..., Awaitable[Caller]]:
    async def caller(request: Request, _described: Annotated[object, Depends(_BEARER)]) -> Caller:
        found: Caller = request.scope["caller"]  # by RequireKey: a route without it fails
        if scope not in found.scopes:
            raise HTTPException(403, f"this key may not do that: it lacks the scope {scope!r}")
        return found

    return caller


Reader = Annotated[Caller, Depends(_caller_with("read"))]
Writer = Annotated[Caller, Depends(_caller_with("write"))]
Admin = Annotated[Caller, Depends(_caller_with("admin"))]
