"""Runs the compute worker of a home until it is told to stop, for `hartonomous gpu-worker`."""

import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import closing

from hartonomous_resources.compute.model_source import ModelSource
from hartonomous_resources.compute.worker.handshake import HandshakeError
from hartonomous_resources.compute.worker.listening import CannotListen
from hartonomous_resources.compute.worker.worker_server import serve
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import database_of
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_models, source_of
from hartonomous_service.errors import OUTAGES, Conflict, NotFound
from hartonomous_service.home_database import require_database


def run_gpu_worker(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what was accepted. Raises Conflict where a worker runs, or cannot."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with closing(database_of(settings)) as database:

        def added() -> list[ModelSource]:
            try:
                require_database(settings)
                return [source_of(row) for row in ask(database, added_models)]
            except (*OUTAGES, NotFound, ValueError) as error:
                LOGGER.info("which models were added cannot be asked: %s", error)
                return []

        _serve(settings, stop, added)


def _serve(settings: Settings, stop: threading.Event, added: Callable[[], Sequence[ModelSource]]) -> None:
    try:
        serve(settings, stop, added=added)
    except (CannotListen, HandshakeError) as error:
        raise Conflict(str(error)) from error
