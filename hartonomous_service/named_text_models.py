"""The text models that the settings name, as their files are."""

import threading
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from hartonomous_core.embedders import TEXT_MODEL
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.resources import open_compute
from hartonomous_resources.settings import Settings

_LONGEST_SECONDS = 600.0
"""Files are read anew after so long, changed or not: a disk may lose what it holds."""

_API_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class NamedTextModels:
    """`found` are the models; `problem` says why there are none, `detail` where their files are."""

    found: Sequence[ModelIdentity]
    detail: str
    problem: str | None = None


_reading = threading.Lock()
_kept: dict[object, tuple[float, NamedTextModels]] = {}
"""When, and what was found, by what it was read from; under `_reading`."""
_MOST_KEPT = 16


def find_text_models(settings: Settings) -> NamedTextModels:
    """Read the digests of the files: anew where one has changed since they were, and after ten minutes. Nothing is fetched or built.

    An API is asked once, for a word; after ten minutes, and where it did not answer, anew.
    """
    key = _read_from(settings)
    with _reading:
        read_at, found = _kept.get(key, (0.0, None))
        is_old = read_at + _LONGEST_SECONDS < time.monotonic()
        if found is None or is_old or (settings.compute == "api" and found.problem):
            found = _read(settings)
            if len(_kept) >= _MOST_KEPT:
                _kept.clear()
            _kept[key] = time.monotonic(), found
        return found


def _read_from(settings: Settings) -> object:
    """What the models come from: the settings that choose them, and which files lie in their folders, each by inode, time and size."""
    if settings.compute == "api":
        return settings.api_url, settings.api_model, settings.answer_floor
    named = Path(settings.text_model).expanduser()
    folders = [settings.model_dir.expanduser().absolute() / TEXT_MODEL]
    if settings.text_model != TEXT_MODEL:
        folders.append(named.parent if named.is_file() else named)
    files = [
        (str(file), it.st_dev, it.st_ino, it.st_mtime_ns, it.st_size)
        for folder in folders
        if folder.is_dir()
        for file in sorted(folder.iterdir())
        if file.is_file()
        for it in (file.stat(),)
    ]
    return settings.text_model, *settings.text_precisions, settings.text_engine, settings.answer_floor, *files


def _read(settings: Settings) -> NamedTextModels:
    if settings.compute == "api":
        return _ask(settings)
    from hartonomous_resources.compute.text_model import text_model_is_ready

    ready = dict.fromkeys(
        text_model_is_ready(
            settings.model_dir, model=settings.text_model, precision=precision, engine=settings.text_engine
        )
        for precision in settings.text_precisions
    )
    detail = "; ".join(said for _, said in ready)
    if not all(is_ready for is_ready, _ in ready):
        return NamedTextModels((), detail, detail)
    with closing(open_compute(settings)) as compute:
        try:
            return NamedTextModels([model for model in compute.models() if model.modality == "text"], detail)
        except ComputeUnavailable as error:
            return NamedTextModels((), detail, str(error))


def _ask(settings: Settings) -> NamedTextModels:
    from hartonomous_resources.compute.api.api_compute import ApiCompute
    from hartonomous_resources.compute.api.patience import Patience

    with closing(ApiCompute(settings, Patience(tries=1, try_seconds=_API_SECONDS))) as compute:
        try:
            [model] = compute.models()
        except ComputeUnavailable as error:
            return NamedTextModels((), "", str(error))
        return NamedTextModels([model], f"{model.name} answers, with {model.dimension} numbers a text")
