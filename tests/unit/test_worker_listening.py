"""Where the worker listens, and that no client or listener that fails keeps the others away."""

import socket
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hartonomous_resources.compute.worker import listening
from hartonomous_resources.compute.worker.listening import (
    CannotListen,
    address_of,
    dotnet_address,
    listening_at,
    refuse_long_address,
)
from hartonomous_resources.compute.worker.worker_server import _Sessions, accept_from

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets")


# ---- accepting in a thread, as on Windows


class Faulty(Listener):
    """Its first `accept` fails as it is told."""

    def __init__(self, path: Path, met: Exception) -> None:
        super().__init__(str(path), "AF_UNIX")
        self.met: Exception | None = met

    def accept(self) -> "Connection[Any, Any]":
        met, self.met = self.met, None
        if met is not None:
            raise met
        return super().accept()


def test_a_client_that_could_not_be_accepted_keeps_no_other_away(tmp_path: Path) -> None:
    stop, sessions = threading.Event(), _Sessions(bytes(32), 20, 20)
    with Faulty(tmp_path / "socket", OSError("no more handles")) as listener, ThreadPoolExecutor(1) as pool:
        running = pool.submit(accept_from, listener, sessions, SimpleNamespace(answer=bytes), stop)  # type: ignore[arg-type]
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(20)
                client.connect(str(tmp_path / "socket"))

                assert b"Hello" in client.recv(4096)
        finally:
            stop.set()
            running.result(20)
            sessions.finish()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_nobody_can_reach_any_more_ends_and_says_so(tmp_path: Path) -> None:
    stop, sessions = threading.Event(), _Sessions(bytes(32), 20, 20)
    with Faulty(tmp_path / "socket", RuntimeError("no more threads")) as listener:
        threading.Timer(20, stop.set).start()
        with pytest.raises(CannotListen, match="any more: start the worker again"):
            accept_from(listener, sessions, None, stop)  # type: ignore[arg-type]


# ---- addresses


def test_the_names_of_addresses() -> None:
    assert address_of(Path("/home/h"), "linux") == str(Path("/home/h/gpu-worker.sock"))
    assert address_of(Path("h"), "win32") == r"\\.\pipe\hartonomous-gpu-pipe"


@pytest.mark.parametrize(("tmpdir", "folder"), [("/var/tmp", "/var/tmp"), ("", "/tmp"), (None, "/tmp")])
def test_the_pipe_of_dotnet_lies_in_tmpdir_and_nowhere_else(
    tmpdir: str | None, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    if tmpdir is None:
        monkeypatch.delenv("TMPDIR", raising=False)
    else:
        monkeypatch.setenv("TMPDIR", tmpdir)
    monkeypatch.setattr(tempfile, "tempdir", None)  # what it remembers

    assert dotnet_address() == Path(folder, "CoreFxPipe_hartonomous-gpu-pipe")


def test_a_path_that_is_too_long_says_what_to_do(tmp_path: Path) -> None:
    refuse_long_address(Path("/" + "x" * 106), "linux")
    with pytest.raises(CannotListen, match=r"107 bytes .* HARTONOMOUS_HOME"):
        refuse_long_address(Path("/" + "x" * 107), "linux")
    with pytest.raises(CannotListen), listening_at(tmp_path / ("ü" * 60)):
        pass


def test_what_a_killed_worker_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with listening_at(path) as listener, socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        assert listener.accept()
        with pytest.raises(CannotListen, match="another worker listens"), listening_at(path):
            pass
    assert not path.exists()


def test_what_is_no_socket_or_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "socket"
    path.write_text("a file")
    with pytest.raises(CannotListen, match="is no socket"), listening_at(path):
        pass
    path.unlink()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    monkeypatch.setattr(listening.os, "geteuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(CannotListen, match="belongs to another user"), listening_at(path):
        pass
    assert path.exists()
