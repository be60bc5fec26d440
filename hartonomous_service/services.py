"""The processes that `dev` consists of: started, watched, started again when they end or fall silent, and stopped."""

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
"""A process that cannot start is tried again no more often than this."""


@dataclass
class Service:
    """One process, and how to hear whether it works."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    answers: Callable[[], bool] = lambda: True
    """Asks it for a sign of life; must itself give up within seconds."""
    silent_seconds: float = 60.0
    """How long it may leave the question unanswered: a busy machine is not a broken one."""
    process: "subprocess.Popen[bytes]" = field(init=False)
    started: float = field(init=False)
    heard: float = field(init=False)

    def start(self) -> None:
        """Start it in a session of its own: Ctrl-C reaches `dev` alone, which stops the others in their order.

        Dagster logs on stdout; that of `dev` is for the address of the page.
        """
        self.process = subprocess.Popen(  # noqa: S603 - our own words
            self.command, cwd=self.folder, env=dict(self.environment), stdout=_STDERR, start_new_session=True
        )
        self.started = self.heard = time.monotonic()

    def fault(self) -> str | None:
        """What is wrong with it, as the end of a sentence that its name begins."""
        if (code := self.process.poll()) is not None:
            return f"ended with exit code {code}"
        if self.answers():
            self.heard = time.monotonic()
            return None
        silence = time.monotonic() - self.heard
        return f"has not answered for {silence:.0f} s" if silence > self.silent_seconds else None

    def stop(self, seconds: float) -> None:
        """Ask it to end, and end it where it does not within this time."""
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def keep_running(services: Sequence[Service]) -> NoReturn:
    """Start again whichever ends or falls silent, until interrupted."""
    while True:
        time.sleep(_LOOK_SECONDS)
        for service in services:
            if time.monotonic() - service.started > _LEAST_LIFE_SECONDS and (fault := service.fault()):
                LOGGER.warning("%s %s; it is started again", service.name, fault)
                service.process.kill()
                service.process.wait()
                service.start()
