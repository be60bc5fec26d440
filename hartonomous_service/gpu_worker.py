"""Runs the compute worker of a home until it is told to stop, for `hartonomous gpu-worker`."""

import signal
import threading

from hartonomous_resources.compute.worker.handshake import HandshakeError
from hartonomous_resources.compute.worker.listening import CannotListen
from hartonomous_resources.compute.worker.worker_server import serve
from hartonomous_resources.settings import Settings
from hartonomous_service.errors import Conflict


def run_gpu_worker(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what was accepted. Raises Conflict where a worker runs, or cannot."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        serve(settings, stop)
    except (CannotListen, HandshakeError) as error:
        raise Conflict(str(error)) from error
