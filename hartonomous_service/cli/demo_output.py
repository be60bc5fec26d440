"""Prints the demo for people: the download of the model, and the results."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from hartonomous_resources.compute import text_model_download
from hartonomous_service.cli.ask import show_lineage
from hartonomous_service.cli.hit_output import show_results
from hartonomous_service.cli.output import err, out


@contextmanager
def show_downloads() -> Iterator[text_model_download.Progress]:
    """Show a bar for each download on a terminal; yields the function that moves the bars."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what)
            bars.update(tasks[what], completed=done, total=total)

        yield show


def show_demo(result: Mapping[str, Any]) -> None:
    """Print the results of the demo."""
    totals, seconds = result["stats"], result["seconds"]
    occurrences = sum(source["atomCount"] for source in result["sources"])
    out.print(f"Model         ready in {seconds['model']} s")
    out.print(
        f"sources       {totals['sources']:,} files, {totals['bytesIn']:,} bytes in, through Dagster in {seconds['ingest']} s"
    )
    out.print(
        f"atoms         {occurrences:,} occurrences of {totals['atoms']:,} atoms; {totals['bytesStored']:,} bytes stored, "
        f"each once (dedup ratio {totals['dedupRatio']})"
    )
    out.print(f"embeddings    {totals['embeddings']:,} unit vectors")
    out.print(f"projections   {totals['projections']:,} positions in 3-D with a Hilbert value")
    graph = totals["graph"]
    out.print(f"provenance    {graph['nodes']:,} nodes, {graph['edges']:,} edges")
    for answer in result["answers"]:
        out.print(f"\n? {answer['question']}")
        show_results(answer)
    out.print("\nWhere one of these fragments came from:")
    show_lineage(result["lineage"])
    proof = result["reconstruction"]
    same = "the same" if proof["rebuiltHash"] == proof["contentHash"] else "NOT the same"
    out.print(
        f"\nSource {proof['sourceId']} rebuilt from its atoms: {proof['byteLength']:,} bytes, SHA-256 {proof['rebuiltHash'][:16]}… is {same}."
    )
    out.print("\nTry next (the demo's home is a home like any other):")
    out.print(f"  export HARTONOMOUS_HOME={result['home']}")
    out.print("  hartonomous search 'sleeping through the winter'")
    out.print("  hartonomous dev        # the Dagster page: assets, runs, backfills")
    out.print("  hartonomous ingest ~/Documents")
