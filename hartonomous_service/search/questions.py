"""Embeds the text of a question."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources
from hartonomous_resources.work.models import active_embedding_models
from hartonomous_service.errors import Conflict, Unavailable


class Question(NamedTuple):
    """A question as a model sees it."""

    model_id: int
    model: ModelIdentity
    vector: NDArray[np.float32]

    @property
    def floor(self) -> float | None:
        """The least cosine of what answers a question; None where that is not known of the model."""
        return self.model.answer_floor


def embed_question(resources: Resources, text: str) -> Question | None:
    """Embed a text by the first text model that the settings name and that is active.

    None before anything was embedded. Loading a model takes seconds: no transaction is open meanwhile.
    """
    rows = ask(resources.database, active_embedding_models)
    active = {row["artifactHash"]: row for row in rows if row["modality"] == "text"}
    if not active:
        return None
    try:
        models = [each for each in resources.compute.models() if each.modality == "text"]
        loaded = next((each for each in models if each.artifact_hash in active), None)
        if loaded is None:
            other = next(iter(active.values()))
            raise Conflict(
                f"the settings name the text model {models[0].name} ({models[0].precision}), the embeddings here are by {other['name']} "
                f"({other['precision']}): set HARTONOMOUS_TEXT_MODEL and HARTONOMOUS_TEXT_PRECISION, or ingest a new file to embed all anew"
            )
        vector = resources.compute.embed(loaded, [text]).vectors[0]
        return Question(active[loaded.artifact_hash]["modelId"], loaded, vector)
    except ComputeUnavailable as error:
        raise Unavailable(f"semantic search needs the text model: {error}", remedy="search_by_words") from error
