"""`demo`: the whole chain on a small corpus that ships with the package, in a home of its own."""

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from hartonomous_resources.compute.text_model import TextModelError, ensure_text_model
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.cli.ask import show_lineage, show_results
from hartonomous_service.cli.output import err, out, working
from hartonomous_service.daemon import daemon_is_running
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.ingest import ingest
from hartonomous_service.lineage.queries import lineage
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct
from hartonomous_service.statistics import stats

QUESTIONS = (
    "How do I treat a scald?",
    "How do creatures of the shore cope when the water is gone?",
    "Why should a loaf not go into the fridge?",
)


def demo_home() -> Path:
    """The demo's own home: inside HARTONOMOUS_HOME where that is set, else beside the default one."""
    home = Settings().home
    return home / "demo" if os.environ.get("HARTONOMOUS_HOME") else home.with_name("hartonomous-demo")


def run_demo(*, reset: bool = False) -> dict[str, Any]:
    """Ingest the corpus through Dagster, ask, trace, rebuild. Returns all that `show_demo` prints.

    Raises Unavailable when the text model cannot be had or the chain fails, Conflict to reset a home that is in use.
    """
    # Embedded, whatever the environment says: the demo's files have no business in anybody's server.
    foreign = ("HARTONOMOUS_SQLSERVER_", "HARTONOMOUS_NEO4J_", "HARTONOMOUS_CONFIG", "CONNECTIONSTRINGS__")
    for name in [name for name in os.environ if name.upper().startswith(foreign)]:
        del os.environ[name]
    settings = Settings(home=demo_home())
    if reset and settings.home.exists():
        if daemon_is_running(settings):
            raise Conflict(f"`hartonomous dev` runs on {settings.home}; stop it before its home is reset")
        shutil.rmtree(settings.home)
    seconds = {"model": _timed(lambda: _get_model(settings))}
    with closing(open_resources(settings)) as resources:
        return {"home": str(settings.home), **_ingest_and_ask(resources, seconds)}


def _ingest_and_ask(resources: Resources, seconds: dict[str, float]) -> dict[str, Any]:
    with as_file(files("hartonomous_service") / "demo_corpus") as corpus, working("ingesting") as report:
        ingested: dict[str, Any] = {}
        seconds["ingest"] = _timed(lambda: ingested.update(ingest(resources, corpus_files(corpus), report=report)))
    if ingested["failed"] or ingested["stages"]:
        raise Unavailable(f"the demo's chain failed: {ingested['failed'] or ingested['stages']}", remedy="reset_demo")
    answers: list[dict[str, Any]] = []
    seconds["searches"] = _timed(
        lambda: answers.extend({"question": q, **search(resources, q, k=2, mode="semantic")} for q in QUESTIONS)
    )
    shared = max((hit for answer in answers for hit in answer["results"]), key=lambda hit: hit["placeCount"])
    largest = max(ingested["sources"], key=lambda source: source["atomCount"])
    return {
        "sources": ingested["sources"],
        "stats": stats(resources),
        "answers": answers,
        "lineage": {"atom": shared["atomHash"], **lineage(resources, shared["atomHash"])},
        "reconstruction": _prove(resources, largest),
        "seconds": seconds,
    }


def corpus_files(corpus: Path) -> list[Path]:
    """The documents of the corpus: pip compiles the Python file among them, and leaves what it compiled beside it."""
    return [path for path in sorted(corpus.rglob("*")) if path.is_file() and path.parent.name != "__pycache__"]


def _timed(action: Any) -> float:
    started = time.perf_counter()
    action()
    return round(time.perf_counter() - started, 2)


def _get_model(settings: Settings) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=done, total=total)

        try:
            ensure_text_model(
                settings.model_dir,
                model=settings.text_model,
                precision=settings.text_precision,
                source=settings.text_model_source,
                progress=show,
            )
        except TextModelError as error:
            raise Unavailable(str(error)) from error


def _prove(resources: Resources, source: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild a source from its atoms and compare it with the file that was ingested."""
    digest = hashlib.sha256()
    for piece in reconstruct(resources, source["sourceId"]):
        digest.update(piece)
    return {
        **{key: source[key] for key in ("sourceId", "sourceUri", "byteLength", "contentHash")},
        "rebuiltHash": digest.hexdigest(),
    }


def show_demo(result: Mapping[str, Any]) -> None:
    """Print what happened, for people."""
    totals, seconds = result["stats"], result["seconds"]
    new = sum(source["newAtomCount"] for source in result["sources"])
    occurrences = sum(source["atomCount"] for source in result["sources"])
    out.print(f"Model         ready in {seconds['model']} s")
    out.print(
        f"sources       {totals['sources']:,} files, {totals['bytesIn']:,} bytes in, through Dagster in {seconds['ingest']} s"
    )
    out.print(
        f"atoms         {occurrences:,} occurrences of {new:,} atoms; {totals['bytesStored']:,} bytes stored, "
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
