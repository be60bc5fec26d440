"""The commands webserver, daemon and code-server, the parts of `hartonomous dev`, and gpu-worker: each as a service of its own."""

from typing import Annotated

import typer

from hartonomous_resources.settings import Settings


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(webserver)
    app.command()(daemon)
    app.command()(code_server)
    app.command()(gpu_worker)


def webserver(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page.")] = 3000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
) -> None:
    """Show Dagster's page, as a service: it needs a running code-server."""
    from hartonomous_service.dagster_parts import run_webserver

    raise typer.Exit(run_webserver(Settings(), host, port))


def daemon() -> None:
    """Run Dagster's daemon, which does what is put on the queue, as a service: it needs a running code-server."""
    from hartonomous_service.dagster_parts import run_daemon

    raise typer.Exit(run_daemon(Settings()))


def code_server() -> None:
    """Serve the assets to webserver and daemon, as a service; the runs are its children."""
    from hartonomous_service.dagster_parts import run_code_server

    raise typer.Exit(run_code_server(Settings()))


def gpu_worker() -> None:
    """Embed for all processes of this home, and for clients in other languages, in one process; docs/worker.md has the protocol."""
    from hartonomous_service.gpu_worker import run_gpu_worker

    run_gpu_worker(Settings())
