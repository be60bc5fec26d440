"""Runs extractors: those that may hang, die or eat memory in a child, of which each failure costs only what is derived of its source.

A child is a fresh interpreter, is used again, and never shared: neither by two sources at once, nor with a process that was forked.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from hartonomous_core.atomizers.document_atomizer import TOO_MUCH_MEMORY, Format, Item, extract_here
from hartonomous_core.atomizers.members import lost_within
from hartonomous_core.atomizers.sections import Partial
from hartonomous_resources.parsing.parser_child import LONGEST_ANSWER, unpack

_CHILD = "hartonomous_resources.parsing.parser_child"
_STARTS_WITHIN_SECONDS = 60
_LOOK_SECONDS = 0.05
"""How often a child at work is looked at."""
_BYTES_PER_SECOND = 1024 * 1024
"""A mailbox of years is no attack: whatever reads less of a file in a second is given up."""


class ParserProcesses:
    """The children of one home; an `Extraction`.

    `seconds` and `memory_bytes` are what one source may take; it has a second more for each MiB of its bytes.
    """

    def __init__(self, seconds: int, memory_bytes: int) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._idle: list[_Child] = []
        self._at_work = 0

    @property
    def are_at_work(self) -> bool:
        """Whether a child is at work on a source: asked, and not yet at its end."""
        return self._at_work > 0

    def __call__(self, format_: Format, stream: BinaryIO, content_type: str) -> Iterator[Item]:
        """Yield what the extractor of a format reads, in a child if the format says so.

        Raises Partial, also where the child takes too long or too much memory, or dies; OSError where the stream cannot be read, or no
        child be started; RuntimeError where the extractor cannot be imported.
        """
        if not format_.in_child:
            yield from extract_here(format_, stream, content_type)
            return
        child, has_ended = self._take(), False
        self._at_work += 1
        item: Item | None = None
        try:
            child.ask({"extractor": format_.extractor, "contentType": content_type}, stream, self._seconds)
            while "end" not in (answer := child.answer()):
                yield (item := unpack(answer))
            has_ended = not answer["spent"]
        except Partial as problem:
            yield from lost_within(item, str(problem))
            raise
        finally:
            self._at_work -= 1
            if has_ended:
                self._idle.append(child)
            else:
                child.kill()
        _raise_problem(answer)

    def close(self) -> None:
        """End the children."""
        while self._idle:
            self._idle.pop().kill()

    def _take(self) -> "_Child":
        while True:
            try:
                child = self._idle.pop()
            except IndexError:  # asked first, it might be gone: any thread may read a picture
                return _Child(self._memory_bytes)
            if child.is_usable():
                return child
            child.kill()


def _raise_problem(answer: Any) -> None:
    if "unreadable" in answer:
        raise OSError(*answer["unreadable"])
    if "failed" in answer:
        raise RuntimeError(answer["failed"])
    if answer["end"] is not None:
        raise Partial(answer["end"])


def path_of(stream: BinaryIO) -> str | None:
    """Return a path by which a child opens the very file that is open here, whatever its name leads to by now; None where there is none."""
    try:
        path = f"/proc/{os.getpid()}/fd/{stream.fileno()}"
    except io.UnsupportedOperation:  # bytes in memory
        return None
    return path if Path(path).exists() else None


class _Child:
    """A child, and a thread that kills it where it takes too long or too much memory."""

    def __init__(self, memory_bytes: int) -> None:
        self._seconds = _STARTS_WITHIN_SECONDS
        self._memory_bytes = memory_bytes
        self._owner = os.getpid()
        self._too_much: str | None = None
        self._waited = 0.0  # seconds for the source at hand
        self._waits_since: float | None = None
        self._at_work = threading.Event()
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-P", "-B", "-m", _CHILD, str(memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._requests = cast(IO[bytes], self._process.stdin)
        self._answers = cast(IO[bytes], self._process.stdout)
        try:
            self._at_work.set()
            threading.Thread(target=self._watch, name="parser-watch", daemon=True).start()
            if self._read() != b"{}\n":
                raise RuntimeError(f"the process for parsers does not start: {self._why_it_ended()}")
        except BaseException:
            self.kill()
            raise
        self._at_work.clear()

    def is_usable(self) -> bool:
        """Whether it lives, and is of this process: after a fork there are two that would read its answers."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: dict[str, Any], stream: BinaryIO, seconds: int) -> None:
        """Begin with a source, of which the child opens the file or, without Linux, gets the bytes. One that is dead is noticed by its answer.

        Raises Partial for a file that its memory does not hold, and OSError where the stream cannot be read.
        """
        path = path_of(stream)
        whole = stream.seek(0, os.SEEK_END)
        size = whole if path is None else 0
        stream.seek(0)
        if size > self._memory_bytes // 2:
            raise Partial(TOO_MUCH_MEMORY)
        self._seconds = seconds + whole // _BYTES_PER_SECOND
        self._waited = 0.0
        self._at_work.set()
        with suppress(BrokenPipeError):
            asked = {**request, "path": path, "size": size, "seconds": self._seconds}
            self._requests.write(json.dumps(asked).encode() + b"\n")
            if path is None:
                shutil.copyfileobj(stream, self._requests)
            self._requests.flush()

    def answer(self) -> Any:
        """Return the next answer. Raises Partial where there is none, for whatever reason."""
        line = self._read()
        if not line.endswith(b"\n"):
            raise Partial(self._why_it_ended())
        answer = json.loads(line)
        if "end" in answer:
            self._at_work.clear()
        return answer

    def kill(self) -> None:
        """End it, and leave nothing of it. One that another process started is only let go of."""
        if self._owner == os.getpid():
            self._process.kill()
            self._process.wait()
        self._at_work.set()  # the watch sees that it ended
        for pipe in (self._requests, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()

    def _read(self) -> bytes:
        self._waits_since = time.monotonic()
        try:
            return self._answers.readline(LONGEST_ANSWER)
        finally:
            self._waited += time.monotonic() - self._waits_since
            self._waits_since = None

    def _watch(self) -> None:
        """Kill the child where it takes more than it may. Time counts while it is waited for, not while its sections are written."""
        import psutil

        while self._process.returncode is None:
            self._at_work.wait()
            time.sleep(_LOOK_SECONDS)
            since = self._waits_since
            if since is not None and self._waited + time.monotonic() - since > self._seconds:
                self._too_much = f"reading it takes more than {self._seconds:,} seconds"
            try:
                if psutil.Process(self._process.pid).memory_info().rss > self._memory_bytes:
                    self._too_much = TOO_MUCH_MEMORY
            except psutil.NoSuchProcess:
                return
            if self._too_much:
                self._process.kill()
                return

    def _why_it_ended(self) -> str:
        self._process.kill()  # where it goes on: its answer was too long
        code = self._process.wait()
        if self._too_much:
            return self._too_much
        if os.name == "posix" and code < 0:
            name = signal.Signals(-code).name
            if name == "SIGXCPU":
                return "reading it takes too long"
            return f"its parser failed ({name}): it is damaged, or {TOO_MUCH_MEMORY}"
        return f"its parser ended with status {code}"
