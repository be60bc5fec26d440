"""Runs the whole chain on a small corpus that comes with the package, in a home of its own, for `hartonomous demo`."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from hartonomous_resources.compute.text_model import TextModelError, ensure_text_model
from hartonomous_resources.compute.text_model_download import Progress
from hartonomous_resources.resources import Resources, open_resources
from hartonomous_resources.settings import Settings
from hartonomous_service.daemon import daemon_is_running
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.ingest import ingest
from hartonomous_service.lineage.queries import LineageQuery, find_lineage
from hartonomous_service.search import search
from hartonomous_service.source_records import reconstruct
from hartonomous_service.statistics import collect_stats

QUESTIONS = (
    "How do I treat a scald?",
    "How do creatures of the shore cope when the water is gone?",
    "Why should a loaf not go into the fridge?",
    "What do I turn when the pendulum clock gains time?",
    "How do I renew a passport?",
)
"""A page of a PDF answers the one before the last, and nothing in the corpus the last."""


def demo_home() -> Path:
    """Return the demo's own home: inside HARTONOMOUS_HOME where that is set, else beside the default home."""
    home = Settings().home
    return home / "demo" if os.environ.get("HARTONOMOUS_HOME") else home.with_name("hartonomous-demo")


def prepare_demo(*, reset: bool, progress: Progress) -> tuple[Settings, float]:
    """Fetch the text model, and return the settings of the demo's home and the seconds that took; `reset` deletes what the home holds.

    Raises Unavailable when the text model cannot be fetched, Conflict for a reset of a home in use.
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
    return settings, _measure_seconds(lambda: _get_model(settings, progress))


def run_demo(settings: Settings, model_seconds: float, report: Callable[[str], None]) -> dict[str, Any]:
    """Ingest the corpus through Dagster, search it, trace a fragment and rebuild a source; returns the result of each.

    `report` is called with a sentence on each step.

    Raises Unavailable when the chain fails.
    """
    seconds = {"model": model_seconds}
    with closing(open_resources(settings)) as resources:
        return {"home": str(settings.home), **_ingest_and_ask(resources, seconds, report)}


def _ingest_and_ask(resources: Resources, seconds: dict[str, float], report: Callable[[str], None]) -> dict[str, Any]:
    with as_file(files("hartonomous_service") / "demo_corpus") as corpus:
        ingested: dict[str, Any] = {}
        seconds["ingest"] = _measure_seconds(
            lambda: ingested.update(ingest(resources, corpus_files(corpus), report=report))
        )
    if ingested["failed"] or ingested["stages"]:
        raise Unavailable(f"the demo's chain failed: {ingested['failed'] or ingested['stages']}", remedy="reset_demo")
    answers: list[dict[str, Any]] = []
    seconds["searches"] = _measure_seconds(
        lambda: answers.extend({"question": q, **search(resources, q, k=2)} for q in QUESTIONS)
    )
    shared = max((hit for answer in answers for hit in answer["results"]), key=lambda hit: hit["placeCount"])
    largest = max(ingested["sources"], key=lambda source: source["atomCount"])
    return {
        "sources": ingested["sources"],
        "stats": collect_stats(resources),
        "answers": answers,
        "lineage": {"atom": shared["atomHash"], **find_lineage(resources, LineageQuery(shared["atomHash"]))},
        "reconstruction": _rebuild(resources, largest),
        "seconds": seconds,
    }


def corpus_files(corpus: Path) -> list[Path]:
    """List the documents of the corpus, without the compiled Python file that pip leaves beside one of them."""
    return [path for path in sorted(corpus.rglob("*")) if path.is_file() and path.parent.name != "__pycache__"]


def _measure_seconds(action: Any) -> float:
    started = time.perf_counter()
    action()
    return round(time.perf_counter() - started, 2)


def _get_model(settings: Settings, progress: Progress) -> None:
    if settings.compute == "api":
        return  # there are no files
    try:
        for precision in settings.text_precisions:
            ensure_text_model(
                settings.model_dir,
                model=settings.text_model,
                precision=precision,
                engine=settings.text_engine,
                source=settings.text_model_source,
                progress=progress,
            )
    except TextModelError as error:
        raise Unavailable(str(error)) from error


def _rebuild(resources: Resources, source: Mapping[str, Any]) -> dict[str, Any]:
    """Rebuild a source from its atoms and compare it with the file that was ingested."""
    digest = hashlib.sha256()
    for piece in reconstruct(resources, source["sourceId"]):
        digest.update(piece)
    return {
        **{key: source[key] for key in ("sourceId", "sourceUri", "byteLength", "contentHash")},
        "rebuiltHash": digest.hexdigest(),
    }
