"""Says on stderr how far a command is that takes longer than two seconds: on a terminal in one line that is rewritten, else now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.status import Status
from rich.text import Text

from hartonomous_resources.settings import Settings
from hartonomous_service.cli.output import err, printable
from hartonomous_service.cli.pace import Pace, describe_bytes, describe_number

_SILENT_SECONDS = 2.0
_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_LOOKS = 0.2

Clock = Callable[[], float]


@contextmanager
def show_progress(what: str) -> Iterator["ProgressLine"]:
    """Show on a terminal what the command is doing, and how far it is; yields what changes that."""
    with err.status(Text(what)) as status:
        yield ProgressLine(what, status)


class ProgressLine:
    """`status` is what a terminal shows; without a terminal it shows nothing, and lines are printed."""

    def __init__(self, what: str, status: Status, clock: Clock = time.monotonic) -> None:
        self._what = what
        self._status = status
        self._clock = clock
        self._pace = Pace(clock)
        self._look_at = clock()
        self._show_at = clock() + _SILENT_SECONDS

    def say(self, what: str) -> None:
        """Say on a terminal what is done now."""
        self._what = what
        self._status.update(Text(printable(what)))

    def show_bytes(self, done: int, total: int) -> None:
        """Say how many bytes are done, how fast, and how long the others will take; may be called as often as one likes."""
        if (rate := self._rate_of(done)) is not None:
            self.show(describe_bytes(done, total, rate))

    def show_hours(self, done: int, total: int) -> None:
        """Say the same of hours."""
        if (rate := self._rate_of(done)) is not None:
            self.show(describe_number(f"{done:,} of {total:,} hours", total - done, rate))

    def show(self, reached: str) -> None:
        """Say how far it is, unless that is not known or something was said a moment ago."""
        now = self._clock()
        if now < self._show_at or not reached:
            return
        if err.is_terminal:
            self._status.update(Text(printable(f"{self._what}: {reached}")))
        elif Settings().log_format == "text":  # else each line of stderr is a JSON object
            err.print(f"{printable(self._what)}: {reached}", soft_wrap=True)
            self._show_at = now + _SECONDS_BETWEEN_LINES

    def _rate_of(self, done: int) -> float | None:
        """Return how much is done in a second; None where that was asked a moment ago."""
        now = self._clock()
        if now < self._look_at:
            return None
        self._look_at = now + _SECONDS_BETWEEN_LOOKS
        return self._pace.look(done)
