"""The text models that a home uses: those that its database names, and those of the settings where it names none."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from hartonomous_resources.compute.model_source import ModelSource, sources_of
from hartonomous_resources.compute.protocol import ModelIdentity
from hartonomous_resources.database.protocol import Database, UnitOfWork
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_models, answering_model, source_of
from hartonomous_service.model_check import active_text_models, first_active
from hartonomous_service.named_text_models import NamedTextModels, find_text_models


class ModelsInUse:
    """`settings` name the model that answers questions; `beside` are settings of each model beside it, by its name."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.beside: Mapping[str, Settings] = {}

    def read(self, database: Database) -> None:
        """Look which models the database names. Raises DatabaseError, and ValueError for a model that is named in no way we know."""
        added = ask(database, added_models)
        named = {f"model {row['modelId']}, {row['name']}": source_of(row).applied_to(self.settings) for row in added}
        answering = [
            name for name, row in zip(named, added, strict=True) if row["answers"] and row["modality"] == "text"
        ]
        if answering:
            self.settings = named.pop(answering[0])
        self.beside = named

    @cached_property
    def models(self) -> NamedTextModels:
        """What `settings` name, as their files are."""
        return find_text_models(self.settings)


def settings_models(settings: Settings) -> dict[ModelSource, ModelIdentity]:
    """Return the models that the settings name, as far as their files are here: nothing is fetched for them."""
    return dict(zip(sources_of(settings), find_text_models(settings).found, strict=False))


def answering_by_settings(resources: Resources) -> int | None:
    """Return the ModelId of the first model that the settings name and that is active: it answers where the database does not say which."""
    named = list(settings_models(resources.settings).values())

    def look(unit_of_work: UnitOfWork) -> int | None:
        found = first_active(unit_of_work, named, active_text_models(unit_of_work))
        return found[1] if found else None

    return ask(resources.database, look)


def engine_of(precision: str, settings: str) -> str:
    """Return what computes a model: api, native (our own kernels) or onnxruntime."""
    return "api" if precision == "api" else "native" if '"arithmetic"' in settings else "onnxruntime"


def what_computes(resources: Resources) -> dict[str, str]:
    """Return where questions are embedded (in_process, worker, auto or api), by which engine, and by what model and precision.

    Before anything was embedded, as far as the settings say it.
    """
    settings = resources.settings
    active = ask(resources.database, active_text_models)
    row = answering_model(active) or next(iter(active), None)
    if row is None:
        named = [source.model for source in sources_of(settings)][:1]
        wanted = "api" if settings.compute == "api" else settings.text_engine
        return {"compute": settings.compute, "engine": wanted, "model": Path(*named).name, "precision": ""}
    engine = engine_of(row["precision"], row["settings"])
    compute = "api" if engine == "api" else "in_process" if settings.compute == "api" else settings.compute
    return {"compute": compute, "engine": engine, "model": row["name"], "precision": row["precision"]}
