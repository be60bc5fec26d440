"""How a file is uploaded in pieces and goes on where it broke off: as data, which both clients send (docs/uploads.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from hartonomous_client import client_calls as calls
from hartonomous_client.client_calls import Call
from hartonomous_client.failures import ConnectionFailed, error_of, wait_before_retry

PIECE_BYTES = 16 * 1024 * 1024
_BLOCK_BYTES = 256 * 1024
_STORED = 204

Progress = Callable[[int, int], object]
"""Is told how many bytes the server has, and how many there are."""
Step = tuple[float, Call]
"""The seconds to wait, and then the call to make."""
Answered = httpx.Response | ConnectionFailed


def untold(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class FileToUpload:
    """A file as it is at the beginning; `sha256` in hex. One that changes meanwhile is refused by the server."""

    path: Path
    size: int
    sha256: str

    @classmethod
    def read(cls, path: Path) -> FileToUpload:
        """Read the file once for its hash. Raises OSError."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return cls(path, file.tell(), digest.hexdigest())

    def blocks(self, first: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `first` up to `stop`, exclusive."""
        with self.path.open("rb") as file:
            file.seek(first)
            while first < stop and (block := file.read(min(_BLOCK_BYTES, stop - first))):
                first += len(block)
                yield block


def upload_steps(
    file: FileToUpload, piece_bytes: int, retries: int, progress: Progress
) -> Generator[Step, Answered, None]:
    """Yield what to do until the server has all bytes, given what each call was answered, or how its connection failed.

    Where a piece fails, the server is asked what came of it. After `retries` failures in which nothing more came, the last one is raised.
    """
    wait, failures, most = 0.0, 0, -1
    while True:
        found = yield wait, calls.find_upload(file.sha256)
        if isinstance(found, ConnectionFailed):
            raise found
        if found.headers.get("Upload-Complete") == "?1":  # it has these bytes in a source
            progress(file.size, file.size)
            return
        here = int(found.headers.get("Upload-Offset", 0))
        if here > most:
            most, failures = here, 0
        while True:
            progress(here, file.size)
            stop = min(here + piece_bytes, file.size)
            answer = yield 0.0, calls.continue_upload(file.sha256, here, stop, file.size, file.blocks(here, stop))
            if isinstance(answer, ConnectionFailed) or answer.status_code != _STORED:
                break
            here = most = stop
            failures = 0
            if here == file.size:
                progress(here, file.size)
                return
        wait = _wait(answer, failures, retries)
        failures += 1


def _wait(failed: Answered, failures: int, retries: int) -> float:
    """Return the seconds to wait before the next piece. Raises what failed where that would not help."""
    is_elsewhere = isinstance(failed, httpx.Response) and "Upload-Offset" in failed.headers
    wait = 0.0 if is_elsewhere else wait_before_retry(failed, failures)
    if wait is None or failures >= retries:
        raise error_of(failed) if isinstance(failed, httpx.Response) else failed
    return wait
