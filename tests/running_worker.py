"""Workers for tests: in a thread of this process, or in a process of its own that can be killed."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from hartonomous_resources.compute.worker.listening import dotnet_address
from hartonomous_resources.compute.worker.worker_server import serve
from hartonomous_resources.settings import Settings


@contextmanager
def working(settings: Settings, temporary: Path, **limits: float) -> Iterator[threading.Event]:
    """A worker in a thread, until what this gives is set; `temporary` is where .NET would look for it."""
    stop = threading.Event()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TMPDIR", str(temporary))
        thread = threading.Thread(target=serve, args=(settings, stop), kwargs=limits)
        thread.start()
        try:
            wait_for(dotnet_address(), thread.is_alive)
            yield stop
        finally:
            stop.set()
            thread.join(60)
    assert not thread.is_alive()


def wait_for(path: Path, is_alive: Any) -> None:
    """Wait until a worker listens there: it makes this file last."""
    until = time.monotonic() + 300  # of a busy machine
    while not path.exists():
        assert is_alive(), "the worker ended"
        assert time.monotonic() < until
        time.sleep(0.01)


class WorkerProcess:
    """A worker of a home in a process of its own, started again as often as one likes."""

    COMMAND = (
        "import threading; from hartonomous_resources.compute.worker.worker_server import serve; "
        "from hartonomous_resources.settings import Settings; serve(Settings(), threading.Event())"
    )

    def __init__(self, settings: Settings, temporary: Path) -> None:
        self._pipe = temporary / dotnet_address().name
        self._environment = os.environ | {
            "HARTONOMOUS_HOME": str(settings.home),
            "HARTONOMOUS_MODEL_DIR": str(settings.model_dir),
            "TMPDIR": str(temporary),
        }
        self.process: subprocess.Popen[bytes]

    def start(self, *, ready: bool = True) -> None:
        self._pipe.unlink(missing_ok=True)
        self.process = subprocess.Popen([sys.executable, "-c", self.COMMAND], env=self._environment)
        if ready:
            wait_for(self._pipe, lambda: self.process.poll() is None)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
