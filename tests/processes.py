"""Runs functions in other processes: several at one moment, or one that is killed."""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")
_start: Any = None


def _set_start(barrier: Any) -> None:
    global _start
    _start = barrier


def wait_for_the_others() -> None:
    """Wait, within `in_processes`, until every process has come to this call."""
    _start.wait(30)


def _run_together(function: Callable[..., Any], index: int, arguments: tuple[Any, ...]) -> Any:
    wait_for_the_others()
    return function(index, *arguments)


def in_processes(count: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Run `function(index, *arguments)` in `count` fresh processes that all begin at the same moment; an error of one is raised here."""
    with ProcessPoolExecutor(count, _SPAWN, _set_start, (_SPAWN.Barrier(count),)) as pool:
        started = [pool.submit(_run_together, function, index, arguments) for index in range(count)]
        return [process.result(60) for process in started]


def start_and_kill(function: Callable[..., None], *arguments: Any, reap: bool = True) -> multiprocessing.Process:
    """Run `function(ready, *arguments)` in a fresh process and kill it (-9) once it has called `ready`.

    Without `reap`, nobody waits for it, so it stays in the process table.
    """
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=function, args=(ready.set, *arguments), daemon=True)
    process.start()
    if not ready.wait(30):
        process.kill()
        raise TimeoutError(f"{function.__name__} never came to the point at which it was to be killed")
    process.kill()
    if reap:
        process.join()
    return process
