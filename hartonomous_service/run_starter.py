"""The process that starts runs: it has imported all that a run needs, and forks for each.

A new interpreter takes more than a second until Dagster is imported, a fork some milliseconds. It has one thread, for a fork copies no
other; the runs that it has started are its children. It ends with the code server, whose end it sees in its stdin, once they have ended.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import hartonomous_service.garbage  # noqa: F401 - for each run
from hartonomous_assets.run_launcher import read_line
from hartonomous_resources.logs import LOGGER

_REQUEST_SECONDS = 5.0
"""How long all others wait for a client to write what it asks for."""

_STDIN = 0


def _state_of_code() -> dict[str, int]:
    """Return when each file that was imported from our packages was written."""
    files = [module.__file__ for name, module in list(sys.modules.items()) if name.startswith("hartonomous_")]
    state = {}
    for file in filter(None, files):
        with suppress(FileNotFoundError):
            state[file] = Path(file).stat().st_mtime_ns
    return state


@dataclass
class RunStarter:
    """Starts runs that it is asked for, interrupts them, and has the end of one that was killed reported."""

    listener: socket.socket
    runs: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Id and serialized arguments of each run by its process."""
    is_ending: bool = False

    def serve(self) -> Callable[[], int]:
        """Return only at the end, or in the process of a run: what that process has to do, which returns its exit code."""
        code = _state_of_code()
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        with selectors.DefaultSelector() as selector:
            for source in (self.listener.fileno(), woken, _STDIN):
                selector.register(source, selectors.EVENT_READ)
            own = (self.listener, selector, woken, wakes)
            while self.runs or not self.is_ending:
                for key, _ in selector.select():
                    if key.fd == woken:
                        with suppress(BlockingIOError):
                            os.read(woken, 4096)
                    elif key.fd == _STDIN:
                        selector.unregister(_STDIN)
                        self.is_ending = True  # nothing is ever written there: the code server has ended
                    elif work := self._answer(code):
                        _leave(*own)
                        return work
                for work in self._reap():
                    if os.fork() == 0:
                        _leave(*own)
                        return work
        return lambda: 0

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self.is_ending = True

    def _answer(self, code: dict[str, int]) -> Callable[[], int] | None:
        """Answer one request; returns in the process of a new run what it has to do."""
        try:
            with self.listener.accept()[0] as connection:
                connection.settimeout(_REQUEST_SECONDS)
                request = json.loads(read_line(connection))
                run_id = str(request["runId"])
                if request["do"] != "start":
                    answer = self._find(run_id, interrupt=request["do"] == "interrupt")
                elif answer := self._may_start(code):
                    arguments = str(request["arguments"])
                    if (pid := os.fork()) == 0:
                        return lambda: _execute(arguments)
                    self.runs[pid] = (run_id, arguments)
                connection.sendall(json.dumps(answer).encode() + b"\n")
        except (OSError, ValueError, KeyError, TypeError) as error:  # a client that broke off, or is none of ours
            LOGGER.warning("a request for a run could not be answered: %s", type(error).__name__)
        return None

    def _may_start(self, code: dict[str, int]) -> bool:
        """Return whether a fork is as good as a new process."""
        if code != _state_of_code():
            self.is_ending = True  # as soon as its runs have ended: the next one has the new code
        # The question when the database was made may still wait for an answer, in a thread.
        return not self.is_ending and threading.active_count() == 1

    def _find(self, run_id: str, *, interrupt: bool) -> bool:
        pids = [pid for pid, (of_process, _) in self.runs.items() if of_process == run_id]
        for pid in pids if interrupt else ():
            os.kill(pid, signal.SIGINT)  # it has not been waited for yet: the number is still that of the run
        return bool(pids)

    def _reap(self) -> list[Callable[[], int]]:
        """Forget the processes that have ended; returns what is to be said of runs that did not end well, each in a process of its own."""
        to_report: list[Callable[[], int]] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return to_report
            if pid == 0:
                return to_report
            run = self.runs.pop(pid, None)
            if run and status:
                to_report.append(_reporter(*run, os.waitstatus_to_exitcode(status)))


def _leave(*of_starter: Any) -> None:
    """Leave to the process that forked what is its own, and stop as any other process does."""
    signal.set_wakeup_fd(-1)
    for number, handler in (
        (signal.SIGCHLD, signal.SIG_DFL),
        (signal.SIGTERM, signal.SIG_DFL),
        (signal.SIGINT, signal.default_int_handler),
    ):
        signal.signal(number, handler)
    for each in of_starter:
        os.close(each) if isinstance(each, int) else each.close()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _STDIN)
    os.close(nothing)


def _execute(arguments: str) -> int:
    from dagster._cli.api import execute_run_command

    try:
        execute_run_command.main([arguments], standalone_mode=False)
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def _reporter(run_id: str, arguments: str, code: int) -> Callable[[], int]:
    def report() -> int:
        """Mark the run as failed, where it could not do so itself: it was killed."""
        from dagster import DagsterInstance
        from dagster._grpc.types import ExecuteRunArgs
        from dagster._serdes import deserialize_value
        from dagster._utils import get_run_crash_explanation

        reference = deserialize_value(arguments, ExecuteRunArgs).instance_ref
        if reference is None:
            raise ValueError("a run of no instance")
        with DagsterInstance.from_ref(reference) as instance:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                words = get_run_crash_explanation(prefix=f"Run execution process for {run_id}", exit_code=code)
                instance.report_engine_event(words, run)
                instance.report_run_failed(run)
        return 0

    return report


def main(place: Path) -> int:
    """Import what runs need and serve at `place`; returns the exit code of this process, or of a run that it became."""
    import dagster._cli.api
    import dagster._core.execution.api
    import dagster._core.storage.sqlite_storage  # noqa: F401

    import hartonomous_core.embedders.text_native  # noqa: F401
    from hartonomous_assets.definitions import defs
    from hartonomous_assets.our_runs import CHAIN_JOB_NAME

    defs.resolve_job_def(CHAIN_JOB_NAME).get_job_snapshot_id()
    gc.collect()
    gc.freeze()  # a collection in a run would copy the memory that it shares with this process
    partial = place.with_name(f".{place.name}.{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as listener:
        before = os.umask(0o177)  # whoever may write here starts runs
        listener.bind(str(partial))
        os.umask(before)
        listener.listen(16)
        listener.setblocking(False)  # a client may be gone when it is its turn
        partial.replace(place)  # of a starter before, which may still wait for its runs
        return RunStarter(listener).serve()()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
