"""Where an embedding model comes from, as the database keeps it of each that was added: files of this machine, or a server of others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hartonomous_core.embedders import TEXT_MODEL, Engine, Precision

if TYPE_CHECKING:
    from hartonomous_resources.settings import Settings


@dataclass(frozen=True, slots=True)
class ModelSource:
    """`model` is the name, or the path of the model's files; with `api_url`, its name at that server.

    `api_price` is what a million tokens cost there; None: as the settings say.
    """

    model: str
    precision: Precision = "int8"
    engine: Engine = "native"
    api_url: str | None = None
    api_price: float | None = None

    def applied_to(self, settings: Settings) -> Settings:
        """Return settings that name this model and no other; what else they say stays as it is."""
        if self.api_url is not None:
            price = settings.api_price if self.api_price is None else self.api_price
            chosen = {"compute": "api", "api_url": self.api_url, "api_model": self.model, "api_price": price}
            return settings.model_copy(update={**chosen, "api_key": settings.api_key_for(self.api_url)})
        compute = "in_process" if settings.compute == "api" else settings.compute
        return settings.model_copy(
            update={
                "compute": compute,
                "text_model": self.model,
                "text_precision": self.precision,
                "text_engine": self.engine,
            }
        )

    def to_json(self) -> str:
        """Return it as the database keeps it."""
        return json.dumps({name: value for name, value in asdict(self).items() if value is not None}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelSource:
        """Read what `to_json` wrote. Raises ValueError for anything else, which somebody wrote by hand."""
        from hartonomous_resources.settings import check_api_url

        try:
            source = cls(**json.loads(text))
            if source.api_url is not None:
                check_api_url(source.api_url)
        except (TypeError, ValueError) as error:
            raise ValueError(f"EmbeddingModel.LoadedFrom: {error}") from error
        return source

    def __str__(self) -> str:
        return f"{self.model} of {self.api_url}" if self.api_url else f"{self.model} ({self.precision}, {self.engine})"


def local_source(model: str, precision: Precision, engine: Engine) -> ModelSource:
    """Return where a model of this machine comes from; a path is absolute from here on."""
    return ModelSource(model if model == TEXT_MODEL else str(Path(model).expanduser().absolute()), precision, engine)


def sources_of(settings: Settings) -> Sequence[ModelSource]:
    """Return where the text models that the settings name come from, in their order. Looks at no file."""
    if settings.compute == "api":
        if not settings.api_url or not settings.api_model:
            return ()
        return [ModelSource(settings.api_model, api_url=settings.api_url, api_price=settings.api_price)]
    return [
        local_source(settings.text_model, precision, settings.text_engine) for precision in settings.text_precisions
    ]
