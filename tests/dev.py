"""Runs `hartonomous dev` as a process of the tests."""

import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import psutil

from tests.cli import Home, finish


@dataclass(slots=True)
class Dev:
    """A running `hartonomous dev`."""

    home: Home
    process: "subprocess.Popen[bytes]"
    address: str
    log: Path
    """File of what it and its children write to stderr."""

    def family(self) -> list[psutil.Process]:
        """Return the command and every process that it started, even those whose parents have ended."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end and return the exit code."""
        self.process.send_signal(number)
        return finish(self.process, 180).code


def start_dev(home: Home, *options: str) -> Dev:
    """Start `hartonomous dev` and wait for the line that names the page."""
    with NamedTemporaryFile(prefix="dev-", suffix=".log", delete=False) as log:
        process = home.start("dev", *options, stderr=log)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    if "http://127.0.0.1:" not in line:
        finish(process)
        raise AssertionError(line + Path(log.name).read_text())
    address = next(word for word in line.split() if word.startswith("http://"))
    return Dev(home, process, address, Path(log.name))


def make_sure_it_ended(dev: Dev) -> None:
    """End the processes of this dev, and no others, after a test that failed half way."""
    if dev.process.poll() is None:
        family = dev.family()
        dev.process.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(family, 30)
        for process in left:
            process.kill()
