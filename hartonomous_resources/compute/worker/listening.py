"""Where a worker listens: a socket in the home, and where .NET looks for the named pipe of the old system.

On Linux .NET's named pipes are Unix sockets in the temporary folder; on Windows the pipe is the only address.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from hartonomous_resources.logs import LOGGER

PIPE = "hartonomous-gpu-pipe"
_BACKLOG = 64


class CannotListen(Exception):
    """Another worker runs, or the address cannot be had; the message says what to do."""


def address_of(home: Path, platform: str = sys.platform) -> str:
    """Return the address of a home's worker, as multiprocessing.connection takes it."""
    return rf"\\.\pipe\{PIPE}" if platform == "win32" else str(home / "gpu-worker.sock")


def key_path_of(home: Path) -> Path:
    """Where the key of a home's worker lies."""
    return home / "gpu-worker.key"


def dotnet_address() -> Path:
    """Return where .NET has its named pipes on Linux and macOS: in TMPDIR, else /tmp; `tempfile` would look further."""
    return Path(os.environ.get("TMPDIR") or "/tmp") / f"CoreFxPipe_{PIPE}"  # noqa: S108


def most_bytes_of_address(platform: str = sys.platform) -> int:
    """Return how long the path of a Unix socket may be."""
    return 107 if platform == "linux" else 103


def refuse_long_address(path: Path, platform: str = sys.platform) -> None:
    """Raises CannotListen for a path that the system takes for no socket."""
    if len(os.fsencode(path)) > most_bytes_of_address(platform):
        raise CannotListen(
            f"{path} is longer than the {most_bytes_of_address(platform)} bytes that the address of a socket may have: "
            "set HARTONOMOUS_HOME to a shorter path, such as a link to this one"
        )


@contextmanager
def only_worker_of(home: Path) -> Iterator[None]:
    """Be the only worker of a home, until this process ends however it does. Raises CannotListen where one runs."""
    from filelock import FileLock, Timeout

    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(home / "gpu-worker.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CannotListen(f"a worker of {home} runs already") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def listening(home: Path) -> Iterator[list[socket.socket]]:
    """Listen on the socket of the home, and on .NET's where that can be had. Raises CannotListen and OSError for the home's."""
    with ExitStack() as opened:
        listeners = [opened.enter_context(listening_at(Path(address_of(home))))]
        try:
            listeners.append(opened.enter_context(listening_at(dotnet_address())))
        except (CannotListen, OSError) as error:
            LOGGER.warning("clients that look for the pipe of .NET do not find this worker: %s", error)
        yield listeners


@contextmanager
def listening_at(path: Path) -> Iterator[socket.socket]:
    """Listen at a path, for this user alone. What a worker that was killed left there is replaced; raises CannotListen for all else."""
    refuse_long_address(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        pass
    else:
        if found.st_uid != os.geteuid():
            raise CannotListen(f"{path} belongs to another user (number {found.st_uid})")
        if not stat.S_ISSOCK(found.st_mode):
            raise CannotListen(f"{path} is no socket: move it away")
        if _answers(path):
            raise CannotListen(f"another worker listens at {path}")
        path.unlink()
    with closing(socket.socket(socket.AF_UNIX)) as listener:
        listener.bind(str(path))
        try:
            path.chmod(0o600)
            listener.listen(_BACKLOG)  # nobody can connect before
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as asking:
        asking.settimeout(1)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True  # its backlog is full
        return True
