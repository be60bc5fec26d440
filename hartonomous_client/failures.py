"""What a call raises that the server refused, and when it is tried again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

_TRY_AGAIN = (429, 503)
_STILL_AT_WORK = 409
"""With Retry-After: the server works on the same call, sent before. Any other conflict stays one."""
_LONGEST_WAIT = 60.0
_FIRST_WAIT = 0.5


class HartonomousError(Exception):
    """The server answered with an error; `problem` is its document (RFC 9457), with `detail` and `requestId`. See `ConnectionFailed`, too."""

    def __init__(self, status: int, problem: dict[str, Any]) -> None:
        said = problem.get("detail") or problem.get("title") or "no reason given"
        super().__init__(f"{status}: {said}" if status else said)
        self.status = status
        self.problem = problem

    @property
    def request_id(self) -> str | None:
        """The id under which the server's log has the request."""
        return self.problem.get("requestId")


class ConnectionFailed(HartonomousError):
    """No answer came, or not all of it: refused, broken off or too late. `status` is 0, the cause is the error of httpx."""

    def __init__(self, server: str, error: httpx.TransportError) -> None:
        kinds = {httpx.TimeoutException: "did not answer in time", httpx.ConnectError: "cannot be reached"}
        what = next((said for kind, said in kinds.items() if isinstance(error, kind)), "broke the connection off")
        super().__init__(0, {"title": f"{server} {what}{f': {error}' if str(error) else ''}"})


@contextmanager
def naming_the_server(http: httpx.Client | httpx.AsyncClient) -> Iterator[None]:
    """Raise what goes wrong with a connection as ConnectionFailed."""
    try:
        yield
    except httpx.TransportError as error:
        server = http.base_url
        raise ConnectionFailed(f"{server.scheme}://{server.netloc.decode()}", error) from error


def error_of(response: httpx.Response) -> HartonomousError:
    """Return the error that an answer, whose body is read, tells of; what is no problem document, as of a proxy, becomes one."""
    try:
        problem = json.loads(response.content)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase, "detail": response.text[:500]}
    return HartonomousError(response.status_code, problem)


def wait_before_retry(failed: httpx.Response | httpx.TransportError | ConnectionFailed, attempt: int) -> float | None:
    """Return the seconds to wait before a call is tried again, None where that would not help; `attempt` counts from 0."""
    backoff = min(_FIRST_WAIT * 2.0**attempt, _LONGEST_WAIT)
    if not isinstance(failed, httpx.Response):
        return backoff
    is_at_work = failed.status_code == _STILL_AT_WORK and "Retry-After" in failed.headers
    if failed.status_code not in _TRY_AGAIN and not is_at_work:
        return None
    try:
        return min(max(float(failed.headers["Retry-After"]), 0.0), _LONGEST_WAIT)
    except (KeyError, ValueError):  # none, or a date
        return backoff
