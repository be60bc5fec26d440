"""Logs what stages do, for people who grep: the lines of the .NET workers, their values as fields in JSON, and why something failed.

No text and no uri of a tenant is in them: a run's stderr ends up in Dagster's storage.
"""

import logging
import os
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path

from hartonomous_assets.stage import Stage, StageUnavailable, Work
from hartonomous_resources.compute.protocol import ComputeUnavailable
from hartonomous_resources.database.database_errors import DatabaseUnavailable, SchemaMismatch
from hartonomous_resources.graph.protocol import GraphUnavailable
from hartonomous_resources.logs import LOGGER

GENERATING = "Generating embedding for atom: AtomId=%(AtomId)s, Modality=%(Modality)s, TenantId=%(TenantId)s"
CREATED = (
    "Embedding created: AtomId=%(AtomId)s, Dimension=%(Dimension)s, Hilbert=%(Hilbert)s, "
    "Bucket=(%(BucketX)s,%(BucketY)s,%(BucketZ)s)"
)
_SEVERAL = "FirstAtomId=%(FirstAtomId)s, LastAtomId=%(LastAtomId)s, Count=%(Count)s"
_LINE_BY_LINE = 10
_OUR_WORDS = (StageUnavailable, DatabaseUnavailable, SchemaMismatch, GraphUnavailable, ComputeUnavailable)
"""Errors whose words are our own; of other errors of a database they may be a server's, which quote keys and values."""


def log_started(work: Work, stage: Stage, interval_seconds: float) -> None:
    """Log that a stage of a run begins, how much it takes at a time, and how often it looks for work at least."""
    LOGGER.info(
        "Stage %(Stage)s started: BatchSize=%(BatchSize)s, IntervalSeconds=%(IntervalSeconds)s",
        {
            "Stage": stage.name,
            "BatchSize": stage.batch_size(work.resources.settings),
            "IntervalSeconds": interval_seconds,
        },
        extra=work.log_fields(stage.name),
    )


def log_step(work: Work, stage: Stage, counts: Mapping[str, int]) -> None:
    """Log what a step of a stage did."""
    line = "step: " + ", ".join(f"{name}=%({name})s" for name in counts)
    LOGGER.info(line, counts, extra=work.log_fields(stage.name))


def log_atoms(work: Work, stage: str, line: str, descriptions: Iterable[Mapping[str, object]]) -> None:
    """Log a line for each atom of a small batch, else one for all. `line` is the message about one; its part before the colon serves for all.

    `descriptions` are not asked for where nobody reads them.
    """
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    atoms = list(descriptions)
    if len(atoms) > _LINE_BY_LINE:
        ids = sorted(int(str(atom["AtomId"])) for atom in atoms)
        line = f"{line.partition(':')[0]}: {_SEVERAL}"
        atoms = [{"FirstAtomId": ids[0], "LastAtomId": ids[-1], "Count": len(ids)}]
    for atom in atoms:
        LOGGER.info(line, atom, extra=work.log_fields(stage))


def log_failure(work: Work, stage: str, what: str, error: BaseException, level: int = logging.WARNING) -> None:
    """Log what failed, and why: class, place, and words that quote no content."""
    cause = {
        "ErrorClass": type(error).__name__,
        "ErrorPlace": _place_of(error),
        "ErrorText": _words_of(error) or "its words are left out, for they may quote content",
    }
    LOGGER.log(level, f"{what}: %(ErrorClass)s in %(ErrorPlace)s: %(ErrorText)s", cause, extra=work.log_fields(stage))


def describe_error(error: BaseException) -> str:
    """Say of an error what Dagster may store: what is down, or the class and place of what failed, and words that quote no content."""
    words = _words_of(error)
    if isinstance(error, StageUnavailable):
        return str(words)
    return f"{type(error).__name__} in {_place_of(error)}{f': {words}' if words else ''}"


def _place_of(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else "no place"


def _words_of(error: BaseException) -> str | None:
    if isinstance(error, _OUR_WORDS):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno)
    if (name := getattr(error, "sqlite_errorname", None)) is not None:
        return str(name)
    return None
