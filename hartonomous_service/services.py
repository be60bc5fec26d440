"""Starts, watches, restarts and stops the processes of `dev`."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hartonomous_resources.logs import LOGGER

_STDERR = 2
_LOOK_SECONDS = 2.0
_LEAST_LIFE_SECONDS = 10.0
"""A process that cannot start is started again no more often than this."""


@dataclass
class Service:
    """One process, and a way to ask whether it works."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    answers: Callable[[], bool] = lambda: True
    """Asks the process for a sign of life; must itself give up within seconds."""
    silent_seconds: float = 60.0
    """How long the process may not answer before it is restarted: a busy machine is not a broken one."""
    process: "subprocess.Popen[bytes]" = field(init=False)
    started_at: float = field(init=False)
    answered_at: float = field(init=False)

    def start(self) -> None:
        """Start the process in a session of its own: Ctrl-C reaches `dev` alone, which stops the others in their order.

        Dagster logs on stdout; that of `dev` is for the address of the page.
        """
        self.process = subprocess.Popen(  # noqa: S603 - our own words
            self.command, cwd=self.folder, env=dict(self.environment), stdout=_STDERR, start_new_session=True
        )
        self.started_at = self.answered_at = time.monotonic()

    def find_fault(self) -> str | None:
        """Say what is wrong with the process, as the end of a sentence that begins with its name."""
        if (code := self.process.poll()) is not None:
            return f"ended with exit code {code}"
        if self.answers():
            self.answered_at = time.monotonic()
            return None
        silence = time.monotonic() - self.answered_at
        return f"has not answered for {silence:.0f} s" if silence > self.silent_seconds else None

    def stop(self, seconds: float) -> None:
        """Terminate the process, and kill it if it has not ended within so many seconds."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def keep_running(services: Sequence[Service]) -> NoReturn:
    """Restart every process that ends or stops answering, until interrupted."""
    while True:
        time.sleep(_LOOK_SECONDS)
        for service in services:
            if time.monotonic() - service.started_at > _LEAST_LIFE_SECONDS and (fault := service.find_fault()):
                LOGGER.warning("%s %s; it is started again", service.name, fault)
                service.process.kill()
                service.process.wait()
                service.start()
