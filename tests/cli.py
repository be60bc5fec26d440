"""Runs the `hartonomous` command as a user does: in a process of its own, on a home of its own."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hartonomous_core.clock import HOUR_FORMAT, current_hour
from tests.preloaded import preloaded

if TYPE_CHECKING:
    import dagster as dg

COMMAND = (sys.executable, "-c", "from hartonomous_service.cli import main; main()")
DEADLINE_SECONDS = 120.0
CHECKOUT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Result:
    """Exit code and output of a command."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout; anything before or after it is an error."""
        return json.loads(self.stdout)

    @property
    def error(self) -> str:
        """The one line of the error; a traceback, which only --debug may show, fails the test."""
        assert "Traceback" not in self.stderr, self.stderr
        lines = [line for line in self.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, f"expected one line of error: {self.stderr}"
        return lines[0]


@dataclass(frozen=True, slots=True)
class Home:
    """A home, and the environment in which its commands run."""

    path: Path
    model_dir: Path
    settings: Mapping[str, object] = field(default_factory=dict)
    """Further HARTONOMOUS_* variables, named as the settings are: `linger_seconds=0`."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Further variables of the environment, as they are called."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment of this process without variables of another home."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HARTONOMOUS_", "DAGSTER_"))}
        chosen = {"home": self.path, "model_dir": self.model_dir, **self.settings}
        return (
            kept | {f"HARTONOMOUS_{name.upper()}": str(value) for name, value in chosen.items()} | dict(self.variables)
        )

    def with_settings(self, **settings: object) -> "Home":
        """Return the same home under other settings."""
        return Home(self.path, self.model_dir, {**self.settings, **settings}, self.variables)

    def start(
        self,
        *arguments: str | Path,
        program: tuple[str, ...] = COMMAND,
        stderr: int | IO[bytes] = subprocess.PIPE,
    ) -> "subprocess.Popen[bytes]":
        """Start a command with pipes as its streams; give one that runs long a file for stderr, as nobody would read the pipe."""
        return subprocess.Popen(
            [*program, *map(os.fspath, arguments)],
            cwd=CHECKOUT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )

    def run(self, *arguments: str | Path, program: tuple[str, ...] = COMMAND) -> Result:
        """Run a command to its end."""
        environment, starter = self.environment, preloaded(CHECKOUT)
        if program is not COMMAND or not starter.suits(environment):
            return finish(self.start(*arguments, program=program))
        code, stdout, stderr = starter.run([os.fspath(each) for each in arguments], environment, DEADLINE_SECONDS)
        return Result(code, stdout, stderr.decode(errors="backslashreplace"))

    def run_all(self, *commands: Sequence[str | Path], program: tuple[str, ...] = COMMAND) -> list[Result]:
        """Run independent commands, as many at once as there are cores."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return list(pool.map(lambda command: self.run(*command, program=program), commands))

    def json(self, *arguments: str | Path) -> Any:
        """Run a command that must succeed, with --json, and return its document."""
        result = self.run(*arguments, "--json")
        assert result.code == 0, f"exit code {result.code}: {result.stdout.decode()} {result.stderr}"
        return result.document

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Query the home's database as any SQLite client would."""
        connection = sqlite3.connect(f"{(self.path / 'hartonomous.db').as_uri()}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def value(self, statement: str, *parameters: object) -> Any:
        """Query the one value that a statement returns."""
        [[value]] = self.rows(statement, *parameters)
        return value

    @contextmanager
    def dagster(self) -> "Iterator[dg.DagsterInstance]":
        """Open the home's Dagster instance, for reading."""
        import dagster as dg

        with dg.DagsterInstance.from_config(str(self.path / "dagster")) as instance:
            yield instance

    def run_statuses(self) -> list[str]:
        """Return the status of every Dagster run of the home, the newest first."""
        if not (self.path / "dagster" / "dagster.yaml").exists():
            return []
        with self.dagster() as instance:
            return [record.dagster_run.status.value for record in instance.get_run_records()]


def finish(process: "subprocess.Popen[bytes]", seconds: float = DEADLINE_SECONDS) -> Result:
    """Wait for a command to end; kill one that outlives the deadline and fail the test."""
    try:
        stdout, stderr = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Result(process.returncode, stdout, (stderr or b"").decode(errors="backslashreplace"))


def wait_until(what: str, condition: Callable[[], Any], seconds: float = 180.0) -> Any:
    """Wait until `condition` returns something true, and return it; a busy machine may take minutes."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)
    return found


def hour_with_room(seconds: float) -> str:
    """Return the current hour; where fewer than `seconds` of it are left, wait for the next one and return that."""
    now = datetime.now(UTC)
    if (now + timedelta(seconds=seconds)).strftime(HOUR_FORMAT) != now.strftime(HOUR_FORMAT):
        ending = current_hour()
        wait_until("the hour ends", lambda: current_hour() != ending, seconds + 5)
    return current_hour()
