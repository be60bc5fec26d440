"""Commands that start work: ingest, demo, dev."""

import time
from collections.abc import Callable
from typing import Annotated

import typer

from hartonomous_resources.settings import Settings
from hartonomous_service.cli.ingested import common_folder, show_ingested
from hartonomous_service.cli.output import (
    JsonOption,
    TenantOption,
    err,
    open_home,
    print_result,
    printable,
)
from hartonomous_service.cli.pace import STEADY_SECONDS, Pace, describe_bytes, describe_waiting
from hartonomous_service.cli.progress_line import show_progress
from hartonomous_service.errors import ServiceError
from hartonomous_service.progress import Progress


def add_commands(app: typer.Typer) -> None:
    """Add the commands of this module to the app."""
    app.command()(ingest)
    app.command()(demo)
    app.command()(dev)
    app.command()(serve)


def ingest(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files to ingest, or folders, which are read recursively. Without any, only waiting work is done."
        ),
    ] = None,
    content_type: Annotated[
        str | None, typer.Option(help="Content type of the files; detected from the bytes when absent.")
    ] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Put the files on the queue and return; a running daemon does the work.")
    ] = False,
    tenant: TenantOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Put files on the queue, and wait until they are searchable."""
    from hartonomous_service.ingest import ingest as ingest_files

    paths = paths or []
    described = DescribedProgress()
    with open_home(make=True) as resources, show_progress("enqueueing") as line:
        try:
            result = ingest_files(
                resources,
                paths,
                tenant=tenant,
                content_type=content_type,
                wait=not no_wait,
                report=line.say,
                progress=lambda reached: line.show(described.describe(reached)),
            )
        except KeyboardInterrupt as interruption:
            reached = (
                f"; {interruption}" if str(interruption) else ""
            )  # nothing, when interrupted again while it counts
            raise ServiceError(
                f"interrupted{reached}; what was enqueued waits, and the next `hartonomous ingest` or `dev` finishes it"
            ) from interruption
    print_result(result, as_json, lambda document: show_ingested(document, common_folder(paths)))
    for stage, error in result["stages"].items():
        err.print(f"error: stage {stage}: {printable(error)}", soft_wrap=True)
    if result["failed"] or result["stages"]:
        raise typer.Exit(1)


class DescribedProgress:
    """Says how far an ingest is, how fast it goes on, and how long what is known to be left will take."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._reading, self._unpacking, self._embedding = (Pace(clock, STEADY_SECONDS) for _ in range(3))

    def describe(self, progress: Progress) -> str:
        """Return it in words. While files are read, it is not known how many embeddings will be wanted."""
        said = [f"{progress.done:,} of {progress.files:,} files done"] if progress.files else []
        is_read = progress.done == progress.files
        if not is_read:
            said.append(describe_bytes(progress.done_bytes, progress.bytes, self._reading.look(progress.done_bytes)))
        elif progress.waiting_sources:
            whose = " found in archives, or of others," if progress.files else ""
            what = f"{progress.waiting_sources:,} files{whose} wait"
            said.append(describe_waiting(what, progress.waiting_sources, self._unpacking))
        if progress.waiting_embeddings:
            what = f"{progress.waiting_embeddings:,} embeddings wait"
            said.append(describe_waiting(what, progress.waiting_embeddings, self._embedding) if is_read else what)
        return "; ".join(said)


def demo(
    reset: Annotated[bool, typer.Option("--reset", help="Delete the demo's home and start over.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Run the whole chain on a small corpus that comes with the package, in a home of its own."""
    from hartonomous_service.cli.demo_output import show_demo, show_downloads
    from hartonomous_service.demo import prepare_demo, run_demo

    with show_downloads() as progress:
        settings, model_seconds = prepare_demo(reset=reset, progress=progress)
    with show_progress("ingesting") as line:
        result = run_demo(settings, model_seconds, line.say)
    print_result(result, as_json, show_demo)


def dev(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page; 0 picks a free one.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    gpu_worker: Annotated[
        bool, typer.Option("--gpu-worker", help="Start `hartonomous gpu-worker` as well, and have it embed.")
    ] = False,
) -> None:
    """Start the Dagster page and the daemon, which does whatever is put on the queue."""
    from hartonomous_service.dev import run_dev

    raise typer.Exit(run_dev(host, port, with_worker=gpu_worker))


def serve(
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; 0 picks a free one. HARTONOMOUS_HTTP_PORT, else 8350.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. HARTONOMOUS_HTTP_HOST, else 127.0.0.1.")
    ] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Let everybody on this machine do everything: for development.")
    ] = False,
) -> None:
    """Serve search, lineage, uploads and the rest over HTTP; docs/http.md has each call."""
    from hartonomous_service.http.serving import serve as run_server

    settings = Settings()
    chosen_port = settings.http_port if port is None else port
    raise typer.Exit(run_server(settings, host or settings.http_host, chosen_port, without_keys=without_keys))
