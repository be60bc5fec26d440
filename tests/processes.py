"""Runs functions in other processes: several at one moment, or one that is killed.

They are forked from a process that has imported the libraries of others, as commands are; our own modules they import themselves.
"""

import multiprocessing
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from typing import Any

from tests.preloaded import LIBRARIES

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([*LIBRARIES, "pytest", "hypothesis"])
_SPAWNED = multiprocessing.get_context("spawn")
_start: Any = None


def _begin(environment: dict[str, str], start: Any) -> None:
    """What the process that forks has of the environment is that of its own start."""
    global _start
    os.environ.clear()
    os.environ.update(environment)
    _start = start


def wait_for_the_others() -> None:
    """Wait, within `in_processes`, until every process has come to this call."""
    _start.wait(30)


def _run_together(index: int, pickled: bytes) -> Any:
    function, arguments = pickle.loads(pickled)  # noqa: S301 - our own; imports what it is in, now that the environment is right
    wait_for_the_others()
    return function(index, *arguments)


def _run_alone(environment: dict[str, str], ready: Any, pickled: bytes) -> None:
    _begin(environment, None)
    function, arguments = pickle.loads(pickled)  # noqa: S301 - our own
    function(ready.set, *arguments)


def in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run `function(index, *arguments)` in `count` fresh processes that all begin at the same moment; an error of one is raised here."""
    pickled = pickle.dumps((function, arguments))
    with ProcessPoolExecutor(count, _FORKED, _begin, (dict(os.environ), _FORKED.Barrier(count))) as pool:
        started = [pool.submit(_run_together, index, pickled) for index in range(count)]
        return [process.result(60) for process in started]


def start_and_kill(function: Callable[..., None], *arguments: Any, reap: bool = True) -> BaseProcess:
    """Run `function(ready, *arguments)` in a fresh process and kill it (-9) once it has called `ready`.

    Without `reap`, nobody waits for it, so it stays in the process table.
    """
    context = _FORKED if reap else _SPAWNED  # who forked a process waits for it
    ready = context.Event()
    pickled = pickle.dumps((function, arguments))
    process = context.Process(target=_run_alone, args=(dict(os.environ), ready, pickled), daemon=True)
    process.start()
    if not ready.wait(30):
        process.kill()
        raise TimeoutError(f"{function.__name__} never came to the point at which it was to be killed")
    process.kill()
    if reap:
        process.join()
    return process
