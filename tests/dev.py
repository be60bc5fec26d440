"""A `hartonomous dev` as a process of the tests."""

import signal
import subprocess
from dataclasses import dataclass

import psutil

from tests.cli import Home, finish


@dataclass(slots=True)
class Dev:
    """A running `hartonomous dev`."""

    home: Home
    process: "subprocess.Popen[bytes]"
    address: str

    def family(self) -> list[psutil.Process]:
        """The command and every process that it started, whatever became of their parents."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, number: signal.Signals) -> int:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return finish(self.process, 60).code


def start_dev(home: Home, *options: str) -> Dev:
    """Start it and wait for the line that names the page."""
    process = home.start("dev", *options)
    assert process.stdout is not None
    line = process.stdout.readline().decode()
    assert "http://127.0.0.1:" in line, line + finish(process).stderr
    return Dev(home, process, next(word for word in line.split() if word.startswith("http://")))


def make_sure_it_ended(dev: Dev) -> None:
    """For the end of a test that failed half way: only processes of this very dev are ended."""
    if dev.process.poll() is None:
        family = dev.family()
        dev.process.send_signal(signal.SIGINT)
        _, left = psutil.wait_procs(family, 30)
        for process in left:
            process.kill()
