"""Searches in processes beside the server: Python computes on one core a process, and a search is little else than computing."""

from __future__ import annotations

import asyncio
import json
import struct
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import SimpleQueue
from typing import IO, Any

from hartonomous_core.embedders.cores import usable_cores
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import Conflict, Invalid, NotFound, ServiceError, Unavailable

COMMAND = (sys.executable, "-m", "hartonomous_service.http.search_worker")
ERRORS: Mapping[str, type[ServiceError]] = {each.__name__: each for each in (Conflict, Invalid, NotFound, Unavailable)}

_HEAD = struct.Struct("<?I")
"""Whether it was found, and the bytes of what follows: the answer as JSON, or else an error."""
_STOP_SECONDS = 10


def count_search_processes(settings: Settings) -> int:
    """Return how many processes search."""
    return settings.http_search_processes or usable_cores()


def as_json(found: dict[str, Any]) -> bytes:
    """Write an answer as Starlette does."""
    return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


class SearchFailed(Exception):
    """A search met an error that it does not know; the message is its traceback."""


def send(pipe: IO[bytes], body: bytes, *, found: bool = True) -> None:
    """Write a message. Raises OSError where nobody reads it any more."""
    pipe.write(_HEAD.pack(found, len(body)) + body)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[bool, bytes]:
    """Read a message. Raises EOFError where none comes any more."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise EOFError
    found, length = _HEAD.unpack(head)
    body = pipe.read(length)
    if len(body) < length:
        raise EOFError
    return found, body


class SearchProcesses:
    """So many processes with the settings of this one; searches beyond wait for one, in the order in which they came.

    They end when this process does, however it ends: their input does.
    """

    def __init__(self, count: int, command: Sequence[str] = COMMAND) -> None:
        self._command = command
        self._idle: SimpleQueue[_SearchProcess] = SimpleQueue()
        for _ in range(count):
            self._idle.put(_SearchProcess(command))
        self._count = count
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="search")

    async def search(self, trace: Mapping[str, str] | None = None, /, **asked: object) -> bytes:
        """Return what `search` does of these arguments, as JSON. Raises what it raises, and Unavailable where processes end that should answer.

        `trace` is what `TracedRequests.begin` said, for the span of the search.
        """
        request = json.dumps({"trace": trace or {}, "asked": asked}).encode()
        found, body = await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, request)
        if found:
            return body
        error = json.loads(body)
        if error["kind"] not in ERRORS:
            raise SearchFailed(error["problem"])
        raise ERRORS[error.pop("kind")](**error)

    def close(self) -> None:
        """Let what is asked be answered, and end the processes."""
        self._threads.shutdown()
        processes = [self._idle.get() for _ in range(self._count)]
        for process in processes:
            process.stop()
        deadline = time.monotonic() + _STOP_SECONDS  # of all together: each may have spans to send that nobody takes
        for process in processes:
            process.end(max(0.0, deadline - time.monotonic()))

    def _ask(self, request: bytes) -> tuple[bool, bytes]:
        """Ask an idle process; where it has ended, such as for want of memory, a new one once more, for a search changes nothing."""
        process = self._idle.get()
        try:
            try:
                return process.ask(request)
            except (OSError, EOFError):
                process.end()
                LOGGER.warning("a process that searches ended with %s; another one is started", process.exit_code)
                process = _SearchProcess(self._command)
                return process.ask(request)
        except (OSError, EOFError) as error:
            raise Unavailable("a process that searches ended before it answered, and so did another one") from error
        finally:
            self._idle.put(process)


class _SearchProcess:
    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own command

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    def ask(self, request: bytes) -> tuple[bool, bytes]:
        assert self._process.stdin is not None and self._process.stdout is not None  # noqa: S101 - they are pipes
        send(self._process.stdin, request)
        return receive(self._process.stdout)

    def stop(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        with suppress(OSError):  # it has ended
            self._process.stdin.close()

    def end(self, seconds: float = _STOP_SECONDS) -> None:
        """End it; one that does not hear of it in so many seconds is killed."""
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self.stop()
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
