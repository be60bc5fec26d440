"""Sends OpenLineage events to an HTTP endpoint, to a file, or to both. A target that cannot be reached holds up no work."""

import queue
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hartonomous_core.credentials import without_credentials
from hartonomous_resources.logs import LOGGER
from hartonomous_resources.settings import Settings

if TYPE_CHECKING:
    from openlineage.client.client import Event, OpenLineageClient

TIMEOUT_SECONDS = 2.0
"""How long the endpoint may take for one event."""

CLOSE_SECONDS = 5.0
"""How long the end of a run waits for events that are still on their way."""

_DEFAULT_PATH = "/api/v1/lineage"


class OpenLineageSender:
    """Sends events in order, from a thread of its own.

    A target that did not take an event is left out until the last one, so that one that is down costs two timeouts a run.
    """

    def __init__(self, clients: "dict[str, OpenLineageClient]") -> None:
        self._clients = clients
        self._down: set[str] = set()
        self._queue: queue.SimpleQueue[tuple[Event, bool] | None] = queue.SimpleQueue()
        # A daemon: an endpoint that hangs, or a name that nobody resolves, must not keep the process from ending.
        self._thread = threading.Thread(target=self._send_all, name="openlineage", daemon=True)
        self._thread.start()

    def send(self, event: "Event", *, last: bool = False) -> None:
        """Hand over an event; returns at once."""
        self._queue.put((event, last))

    def close(self) -> None:
        """Wait, not for long, until all events are sent."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            LOGGER.warning("OpenLineage events are given up: %s took too long", " and ".join(self._clients))

    def _send_all(self) -> None:
        while (item := self._queue.get()) is not None:
            event, last = item
            for target, client in self._clients.items():
                if target in self._down and not last:
                    continue
                try:
                    client.emit(event)
                except Exception as error:  # noqa: BLE001 - whatever it is, it is no reason to fail the run
                    self._down.add(target)
                    words = without_credentials(str(error))
                    LOGGER.warning("OpenLineage: %s did not take an event: %s", target, words)
                else:
                    self._down.discard(target)
        for client in self._clients.values():
            client.close()


def open_sender(settings: Settings) -> OpenLineageSender | None:
    """Return the sender that the settings ask for; None where they ask for none, or where its package is missing."""
    if settings.openlineage_url is None and settings.openlineage_file is None:
        return None
    try:
        return OpenLineageSender(_clients(settings))
    except ModuleNotFoundError:
        LOGGER.warning("OpenLineage events need the extra `openlineage`: pip install 'hartonomous[openlineage]'")
        return None


def _clients(settings: Settings) -> "dict[str, OpenLineageClient]":
    from openlineage.client.client import OpenLineageClient
    from openlineage.client.transport.file import FileConfig, FileTransport
    from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport, TokenProvider

    clients = {}
    if settings.openlineage_url is not None:
        url = urlsplit(settings.openlineage_url)
        key = settings.openlineage_api_key
        config = HttpConfig(
            url=f"{url.scheme}://{url.netloc}",
            endpoint=(url.path.rstrip("/") or _DEFAULT_PATH) + (f"?{url.query}" if url.query else ""),
            timeout=TIMEOUT_SECONDS,
            retry={"total": 0},
            auth=ApiKeyTokenProvider({"api_key": key.get_secret_value()}) if key else TokenProvider({}),
        )
        name = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
        clients[name] = OpenLineageClient(transport=HttpTransport(config))
    if settings.openlineage_file is not None:
        file = str(settings.openlineage_file)
        clients[file] = OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=file, append=True)))
    return clients
