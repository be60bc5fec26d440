"""`hartonomous gpu-worker` as a process: it serves, says that one runs already, and ends when told to."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests import cli
from tests.unit.raw_worker_client import RawClient

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="NOT TESTED: Unix sockets")
COMMAND = (*cli.COMMAND, "gpu-worker")


@pytest.fixture
def environment(tmp_path: Path, model_dir: Path) -> dict[str, str]:
    return os.environ | {
        "HARTONOMOUS_HOME": str(tmp_path / "home"),
        "HARTONOMOUS_MODEL_DIR": str(model_dir),
        "TMPDIR": str(tmp_path),
    }


@pytest.fixture
def worker(tmp_path: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while not (tmp_path / "CoreFxPipe_hartonomous-gpu-pipe").exists() and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        yield process
        process.kill()


def test_it_serves_until_it_is_told_to_stop(
    worker: subprocess.Popen[str], tmp_path: Path, environment: dict[str, str]
) -> None:
    with RawClient(tmp_path / "home") as client:
        second = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, timeout=60)
        row = np.ones((1, 3), np.float32)

        assert client.ask("DotProduct", row, row)[1][0].tolist() == [3]
        assert client.ask("Health")[0]["pid"] == worker.pid
        assert second.returncode == 1
        assert second.stderr == f"error: a worker of {tmp_path / 'home'} runs already\n"
        worker.send_signal(signal.SIGTERM)
        assert client.is_hung_up_on()
    assert worker.wait(30) == 0
    assert worker.stderr is not None
    assert "the worker listens at" in worker.stderr.read()
    assert not (tmp_path / "home" / "gpu-worker.sock").exists()
