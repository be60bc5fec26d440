"""Embeds the text of a question."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import TokenEmbeddings
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.database_errors import DatabaseError
from hartonomous_resources.database.rows.embedding_rows import EmbeddingModel
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.added_models import added_sources, answering_model, load_added_model
from hartonomous_service.errors import Conflict, Unavailable
from hartonomous_service.model_check import active_text_models, describe_difference, first_active
from hartonomous_service.search.remembered import remembered


class Question(NamedTuple):
    """A question as a model sees it."""

    model_id: int
    model: ModelIdentity
    vector: NDArray[np.float32]
    """Of unit length."""
    asked: TokenEmbeddings | None
    """The same with its tokens; None where the vector was remembered."""

    @property
    def floor(self) -> float | None:
        """The least cosine of what answers a question; None where that is not known of the model."""
        return self.model.answer_floor


def embed_question(resources: Resources, tenant: int, text: str) -> Question | None:
    """Embed a text of a tenant by the text model that answers questions: all that is compared with it is in its space, and in no other.

    None before anything was embedded. Loading a model takes seconds: no transaction is open meanwhile.
    """
    active = ask(resources.database, active_text_models)
    if not active:
        return None
    try:
        model, model_id = _answering(resources, active)
        embedded: list[TokenEmbeddings] = []

        def embed() -> NDArray[np.float32]:
            embedded.extend(resources.compute.embed_tokens(model, [text]))
            return embedded[0].vector

        vector = remembered(resources.compute).vector(tenant, model, text, embed)
        return Question(model_id, model, vector, embedded[0] if embedded else None)
    except ComputeUnavailable as error:
        raise Unavailable(f"semantic search needs the text model: {error}", remedy="search_by_words") from error


def answering_space(resources: Resources) -> int | None:
    """Return the ModelId of the text model that answers questions now; None before anything was embedded."""
    active = ask(resources.database, active_text_models)
    if not active:
        return None
    row = answering_model(active)
    return row["modelId"] if row else _answering(resources, active)[1]


def _answering(resources: Resources, active: Sequence[EmbeddingModel]) -> tuple[ModelIdentity, int]:
    """Return the model that answers now, with its ModelId: as the database says; else the first one that the settings name and that is active."""
    if row := answering_model(active):
        return load_added_model(resources.compute, row), row["modelId"]
    models = [each for each in resources.compute.models() if each.modality == "text"]
    found = ask(resources.database, partial(first_active, models=models, active=active))
    if found is None:
        raise Conflict(describe_difference(models, active))
    return found


def warm_answering_model(resources: Resources) -> None:
    """Begin to load the model that answers questions, in a thread. Where the database cannot be asked now, it is loaded for the first question."""
    try:
        sources = ask(resources.database, added_sources)
    except DatabaseError:
        return
    resources.compute.warm(sources)
