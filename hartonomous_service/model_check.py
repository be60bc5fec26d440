"""Compares the text models that the settings name with those whose vectors are here: the two must be one for a search by meaning."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hartonomous_core.embedders import TEXT_MODEL
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.compute.text_model_download import PINNED, WEIGHTS
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import EMBEDDING_MODEL, EmbeddingModel
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import answering_model, source_of
from hartonomous_resources.work.models import active_embedding_models

_API = "api"
"""The precision of a model of which nothing else is known."""


class _Kind(NamedTuple):
    """What of a model the settings choose."""

    name: str
    precision: str
    engine: str

    def __str__(self) -> str:
        if self.engine == _API:
            return f"{self.name} of an API"
        return f"{self.name} ({self.precision}, engine {self.engine})"


def active_text_models(unit_of_work: UnitOfWork) -> list[EmbeddingModel]:
    """Return the text models whose vectors are here; none before anything was embedded."""
    return [row for row in active_embedding_models(unit_of_work) if row["modality"] == "text"]


def first_active(
    unit_of_work: UnitOfWork, models: Iterable[ModelIdentity], active: Iterable[EmbeddingModel]
) -> tuple[ModelIdentity, int] | None:
    """Return the first of the models that is one of the active ones, with its ModelId."""
    active_ids = {row["modelId"] for row in active}
    for model in models:
        of_model = {"modality": model.modality, "artifact_hash": model.artifact_hash, "settings": model.settings}
        for row in unit_of_work.query(EMBEDDING_MODEL, **of_model):
            if row["modelId"] in active_ids:
                return model, row["modelId"]
    return None


def find_difference(unit_of_work: UnitOfWork, models: Sequence[ModelIdentity]) -> str | None:
    """Say so where none of these models, at hand, made the vectors that questions are compared with. None where there is nothing to compare."""
    active = active_text_models(unit_of_work)
    if not models or not active:
        return None
    found, answering = first_active(unit_of_work, models, active), answering_model(active)
    if answering and (found is None or found[1] != answering["modelId"]):
        return f"{source_of(answering)} is another model than the one whose vectors are here"
    return describe_difference(models, active) if found is None else None


def describe_difference(models: Sequence[ModelIdentity], active: Sequence[EmbeddingModel]) -> str:
    """Say which model the settings name, whose vectors are here instead, and what to do."""
    return _describe([_kind(each.name, each.precision, each.artifact_hash) for each in models], active)


def find_other_model(database: Database, settings: Settings) -> str | None:
    """Say so where the settings, without a look at any file, name another model than that of the vectors. None where none can be told.

    Once models were added, the settings name none.
    """
    active = ask(database, active_text_models)
    wanted = _wanted(settings)
    if not active or not wanted or answering_model(active):
        return None
    if any(_kind(row["name"], row["precision"], row["artifactHash"]) in wanted for row in active):
        return None
    return _describe(wanted, active)


def _wanted(settings: Settings) -> list[_Kind]:
    if settings.compute == "api":
        return [_Kind(str(settings.api_model), _API, _API)]
    if settings.text_model != TEXT_MODEL:
        return []
    native = settings.text_engine == "native"
    return [
        _Kind(TEXT_MODEL, precision, "native" if native and precision == "int8" else "onnxruntime")
        for precision in settings.text_precisions
    ]


def _describe(wanted: Sequence[_Kind], active: Sequence[EmbeddingModel]) -> str:
    ours, here = wanted[0], _kind(active[0]["name"], active[0]["precision"], active[0]["artifactHash"])
    if ours == here:
        how = "computed otherwise, by another release or from another file: ingest a new file to embed all anew"
        if ours.engine == _API:
            how = "of another server, or of another dimension: ingest a new file to embed all anew"
        return f"the settings name the text model {ours}, the embeddings here are by one of that name, {how}"
    variables = [
        f"HARTONOMOUS_TEXT_{field.upper()}={value}"
        for field, value, other in zip(("model", "precision", "engine"), here, ours, strict=True)
        if value != other and value != "own"
    ]
    if here.name != ours.name and here.name != TEXT_MODEL:
        variables[0] = "HARTONOMOUS_TEXT_MODEL to its folder"
    if here.engine == _API:
        variables = [f"HARTONOMOUS_API_MODEL={here.name}"]
    if _API in (here.engine, ours.engine) and here.engine != ours.engine:
        variables.insert(0, f"HARTONOMOUS_COMPUTE={'api' if here.engine == _API else 'in_process'}")
    return (
        f"the settings name the text model {ours}, the embeddings here are by {here}: "
        f"set {' and '.join(variables)}, or ingest a new file to embed all anew"
    )


def _kind(name: str, precision: str, artifact_hash: str) -> _Kind:
    """Our own kernels read the weights as they were published, of another encoder in int8; ONNX Runtime reads a file of its own."""
    if precision == _API:
        return _Kind(name, _API, _API)
    native = artifact_hash == PINNED[WEIGHTS].sha256 if name == TEXT_MODEL else precision != "own"
    return _Kind(name, precision, "native" if native else "onnxruntime")
