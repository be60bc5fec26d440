"""Dagster's command `dagster`, as `dev` starts its code server with it: `python -m hartonomous_service.code_server api grpc …`.

Beside a code server that listens on a socket there is a process that starts runs. Where that is not wanted, or does not work, each run is
an interpreter of its own, which imports the server's main module first, and so this one.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import hartonomous_service.garbage  # noqa: F401 - for each of them

_LOOK_SECONDS = 0.5
_PAUSE_SECONDS = 10.0


@contextmanager
def run_starter(code_socket: str) -> Iterator[None]:
    """Keep a process beside this one that starts runs for the code server at this socket; at the end, wait until its runs have ended."""
    from hartonomous_assets.run_launcher import socket_of_starter

    command = [sys.executable, "-m", "hartonomous_service.run_starter", str(socket_of_starter(code_socket))]
    ending = threading.Event()

    def keep() -> None:
        while not ending.is_set():
            # Leaving it closes its stdin, by which it knows, and waits for its end.
            with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603 - our own words
                while process.poll() is None and not ending.is_set():
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_LOOK_SECONDS)
            ending.wait(_PAUSE_SECONDS)

    keeper = threading.Thread(target=keep, name="run starter")
    keeper.start()
    try:
        yield
    finally:
        ending.set()
        keeper.join()


def _socket_of(arguments: list[str]) -> str | None:
    return arguments[arguments.index("--socket") + 1] if "--socket" in arguments else None


if __name__ == "__main__":
    from contextlib import nullcontext

    from dagster._cli import main

    from hartonomous_resources.settings import Settings

    code_socket = _socket_of(sys.argv)
    is_wanted = sys.platform == "linux" and Settings().prepared_runs
    with run_starter(code_socket) if code_socket and is_wanted else nullcontext():
        main()  # type: ignore[no-untyped-call]
