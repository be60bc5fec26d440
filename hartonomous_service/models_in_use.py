"""The text models that a home uses: those that its database names, and those of the settings where it names none."""

from collections.abc import Mapping
from functools import cached_property

from hartonomous_resources.database.protocol import Database
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.settings import Settings
from hartonomous_resources.work.added_models import added_models, source_of
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
