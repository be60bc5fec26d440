"""Runs the HTTP server until interrupted, for `hartonomous serve`."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress

from hartonomous_resources.logs import LOGGER
from hartonomous_resources.resources import open_database
from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import NO_DAEMON, daemon_is_running
from hartonomous_service.errors import Conflict, Invalid
from hartonomous_service.http.search_processes import SearchProcesses, count_search_processes

_STOP_SECONDS = 30
"""How long requests that were accepted may take to end after SIGTERM."""
_KEEP_ALIVE_SECONDS = 75
"""How long an idle connection stays: longer than a proxy keeps one (60 s in nginx), which would else send a request into one just closed."""
_BACKLOG = 2048
"""Connections that the system accepts before we do: a thousand that come at once are not refused."""
_MOST_CONNECTIONS = 4000
"""Slow clients are closed after seconds, so that even a thousand do not reach it; each is some 20 KB."""
_OTHER_FILES = 256
"""Files that the process has open besides: database, vectors, libraries."""
_FILES = 65_536


def serve(settings: Settings, host: str, port: int, *, without_keys: bool = False) -> int:
    """Serve until SIGTERM or Ctrl-C, then let what was accepted end; returns the exit code.

    Raises Invalid without keys where others could reach the server, Conflict where the port is taken.
    """
    if without_keys and not _is_loopback(host):
        raise Invalid(
            f"without keys the server is for this machine alone: {host} is no loopback address", argument="host"
        )
    _allow_many_files()
    open_database(settings).close()  # the schema first, and a clear error if it cannot be had
    listener = _listen(host, port)
    processes = _start_search_processes(settings)  # they load what they need while the server does
    import uvicorn

    from hartonomous_service.http.app import create_app
    from hartonomous_service.http.connections import GuardedConnection

    if without_keys:
        LOGGER.warning("WITHOUT KEYS: whoever can open a connection on this machine is tenant 0 and may do everything")
    GuardedConnection.most = _most_connections()
    config = uvicorn.Config(
        create_app(settings, without_keys=without_keys, search_processes=processes),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
        log_level="error",  # what a client does wrong is its own affair, and nothing that fills a log
        http=GuardedConnection,
        ws="none",
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        limit_concurrency=2 * GuardedConnection.most,  # never reached: GuardedConnection makes room before
        backlog=_BACKLOG,
    )
    LOGGER.warning("serving http://%s:%d", *listener.getsockname()[:2])
    if not daemon_is_running(settings):
        LOGGER.warning("%s", NO_DAEMON)
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has stopped
        uvicorn.Server(config).run(sockets=[listener])
    if processes is not None:
        processes.close()
    return 0


def _start_search_processes(settings: Settings) -> SearchProcesses | None:
    """Start as many as the settings say; a single one would only cost memory."""
    count = count_search_processes(settings)
    return SearchProcesses(count) if count > 1 else None


def _allow_many_files() -> None:
    """Let the process open as many files as it may: each client is one, and each that sends a source two; 1,024 is what many systems begin with."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(most, _FILES) if most != resource.RLIM_INFINITY else _FILES, most)
        )


def _most_connections() -> int:
    """As many as the system lets this process have, where each may have a file open beside its socket."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return _MOST_CONNECTIONS
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (
        _MOST_CONNECTIONS
        if most == resource.RLIM_INFINITY
        else max(min(_MOST_CONNECTIONS, (most - _OTHER_FILES) // 2), 1)
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)  # whoever reads that we serve may connect
    except OSError as error:
        listener.close()
        raise Conflict(f"{host}:{port} cannot be listened on: {error.strerror}", argument="port") from error
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
