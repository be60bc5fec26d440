"""`hartonomous gpu-worker` as a process: it serves, says that one runs already, and ends when told to."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import cli
from tests.running_worker import wait_for
from tests.unit.raw_worker_client import RawClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets")
COMMAND = (*cli.COMMAND, "gpu-worker")


@pytest.fixture
def environment(socket_folder: Path, model_dir: Path) -> dict[str, str]:
    return os.environ | {
        "HARTONOMOUS_HOME": str(socket_folder / "home"),
        "HARTONOMOUS_MODEL_DIR": str(model_dir),
        "TMPDIR": str(socket_folder),
    }


@pytest.fixture
def worker(socket_folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(socket_folder / "CoreFxPipe_hartonomous-gpu-pipe", lambda: process.poll() is None)
            yield process
        finally:
            process.kill()


def test_it_serves_until_it_is_told_to_stop(
    worker: subprocess.Popen[str], socket_folder: Path, environment: dict[str, str]
) -> None:
    with RawClient(socket_folder / "home") as client:
        second = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60)
        row = np.ones((1, 3), np.float32)

        assert client.ask("DotProduct", row, row)[1][0].tolist() == [3]
        assert client.ask("Health")[0]["pid"] == worker.pid
        assert second.returncode == 1
        assert second.stderr == f"error: a worker of {socket_folder / 'home'} runs already\n"
        worker.send_signal(signal.SIGTERM)
        assert client.is_hung_up_on()
    assert worker.wait(30) == 0
    assert worker.stderr is not None
    assert "the worker listens at" in worker.stderr.read()
    assert not (socket_folder / "home" / "gpu-worker.sock").exists()
