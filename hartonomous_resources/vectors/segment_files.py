"""The folder of segments of one space: which of them are in force, and how another one comes into force.

The name of a file is its span. In force is the chain from 0 on that reaches furthest: a file that appears under its name, whole, extends it or
takes the place of those that it covers, for every process at its next look. Whoever has mapped a file that goes keeps what is in it.
"""

import hashlib
import io
import json
import mmap
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from hartonomous_core.clock import time_ordered_uuid
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.vectors.checked_files import is_checked, note_of, set_checked
from hartonomous_resources.vectors.segments import BrokenSegment, Segment, Space, Span, read_segment

_LOCK = ".lock"
_NAME = re.compile(r"(\d{1,19})-(\d{1,19})\.segment")


class SegmentFiles:
    """The segments of a space. Any threads may use it, and any processes the folder."""

    def __init__(self, root: Path, space: Space) -> None:
        self.folder = root / hashlib.sha256(json.dumps(asdict(space)).encode()).hexdigest()[:16]
        self._space = space
        self._lock = threading.Lock()
        self._opened: dict[tuple[str, int, int], Segment | None] = {}
        self._in_memory: dict[Span, Segment] = {}

    def chain(self, highest: int, is_true: Callable[[Segment], bool]) -> list[Segment]:
        """The segments in force, each beginning where the one before it ends. None reaches beyond `highest`.

        A file is opened when it is seen for the first time, and counts where it is whole, of this space, and `is_true` of its rows.
        """
        with self._lock:
            segments = {**self._in_memory, **{segment.span: segment for segment in self._read_folder(is_true)}}
        found: list[Segment] = []
        reached = 0
        while spans := [span for span in segments if span.after == reached < span.through <= highest]:
            found.append(segments[max(spans)])
            reached = found[-1].span.through
        return found

    @contextmanager
    def writing(self, wait: bool) -> Iterator[bool]:
        """Keep other writers away while the context is open; False where there is one now, and `wait` is not wanted."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / _LOCK)
            lock.acquire(timeout=-1 if wait else 0)
        except Timeout:
            yield False
            return
        except OSError:  # where nothing can be written nobody is in the way
            yield True
            return
        try:
            yield True
        finally:
            lock.release()

    def publish(self, span: Span, write: Callable[[IO[bytes]], object]) -> None:
        """Bring into force what `write` writes; the caller is `writing`. Where nothing can be written it is kept in memory, for this process."""
        partial = self.folder / f".{time_ordered_uuid()}"
        try:
            with partial.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            published = partial.replace(self.folder / _name_of(span))
            set_checked(published, published.stat())
        except OSError as error:
            LOGGER.info("%s cannot be written, its rows are kept in memory: %s", self.folder, error)
            buffer = io.BytesIO()
            write(buffer)
            with self._lock:
                self._in_memory[span] = read_segment(buffer.getvalue())
        finally:
            _remove(partial)

    def remove_others(self, in_force: list[Segment]) -> None:
        """Let go of all other segments, and of what killed writers left; the caller is `writing`."""
        spans = {segment.span for segment in in_force}
        with self._lock:
            self._in_memory = {span: segment for span, segment in self._in_memory.items() if span in spans}
        names = {_name_of(span) for span in spans}
        kept = {_LOCK, *names, *(note_of(Path(name)).name for name in names)}
        for file in _files_in(self.folder):
            if file.name not in kept:
                _remove(Path(file))

    def byte_length(self) -> int:
        """The bytes of all files of the folder."""
        total = 0
        for file in _files_in(self.folder):
            with suppress(FileNotFoundError):  # a merge took its place
                total += file.stat().st_size
        return total

    def delete(self) -> None:
        """Delete the folder, as far as the system lets it go."""
        if not self.folder.is_dir():
            return
        with self.writing(wait=True):
            self.remove_others([])
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read_folder(self, is_true: Callable[[Segment], bool]) -> Iterator[Segment]:
        there: dict[tuple[str, int, int], Segment | None] = {}
        for file in _files_in(self.folder):
            if not _NAME.fullmatch(file.name):
                continue
            try:
                state = file.stat()
                key = (file.name, state.st_mtime_ns, state.st_size)
                there[key] = self._opened[key] if key in self._opened else self._open(Path(file), is_true)
            except OSError as error:  # it has gone, and what covers it has come
                LOGGER.info("%s is passed over: %s", file.path, error)
        self._opened = there
        return (segment for segment in there.values() if segment is not None)

    def _open(self, path: Path, is_true: Callable[[Segment], bool]) -> Segment | None:
        try:
            with path.open("rb") as file:
                state = os.fstat(file.fileno())
                checked = is_checked(path, state)
                segment = read_segment(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), checked)
                if not checked:
                    set_checked(path, state)
        except (BrokenSegment, ValueError) as error:  # a file without bytes cannot be mapped
            LOGGER.warning(
                "%s is no segment (%s): its rows are read from the database, and it is written anew", path, error
            )
            return None
        if segment.space != self._space or path.name != _name_of(segment.span):
            LOGGER.warning("%s is of another space or span: it is passed over", path)
            return None
        return segment if is_true(segment) else None


def _name_of(span: Span) -> str:
    return f"{span.after}-{span.through}.segment"


def _files_in(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # it is not there yet, or may not be looked at: the database holds every row
        return []


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:  # Windows keeps what somebody has mapped: the next writer removes it
        LOGGER.info("%s stays for now: %s", file, error)
