"""Compute by an API: the vectors of whole texts come from a server of others."""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from hartonomous_core.embedders.protocol import Embeddings, Items, TokenEmbeddings
from hartonomous_resources.compute.api.embedding_answers import Refused, most_texts
from hartonomous_resources.compute.api.token_budget import TokenBudget, estimate_tokens
from hartonomous_resources.compute.in_process import refuse_other_items
from hartonomous_resources.compute.protocol import ComputeUnavailable, ModelIdentity

if TYPE_CHECKING:
    from hartonomous_resources.compute.api.embedding_requests import EmbeddingRequests
    from hartonomous_resources.compute.api.patience import Patience
    from hartonomous_resources.compute.model_source import ModelSource
    from hartonomous_resources.settings import Settings

_PROBE = "probe"


class ApiCompute:
    """One text model at a server of others. Nothing is known of it but its name, its place and how many numbers it gives.

    Whether a vector depends on its neighbours, or is the same tomorrow, is up to the server.
    """

    def __init__(self, settings: Settings, patience: Patience | None = None) -> None:
        self._settings, self._patience = settings, patience
        self._budget = TokenBudget(settings.home, settings.api_price, settings.api_budget)
        self._lock = threading.Lock()
        self._opened: EmbeddingRequests | None = None
        self._model: ModelIdentity | None = None
        self._most_texts = sys.maxsize
        """Texts of a request: fewer once the server has refused as many."""

    def models(self) -> Sequence[ModelIdentity]:
        if self._model is None:
            dimension = self._probe(None).shape[1]
            settings = self._settings
            known = {"dimension": dimension, "model": settings.api_model, "origin": self._origin()}
            self._model = ModelIdentity(
                "text",
                str(settings.api_model),
                dimension,
                hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest(),
                "api",
                json.dumps({"origin": self._origin()}),
                answer_floor=settings.answer_floor,
            )
        return [self._model]

    def warm(self, sources: Sequence[ModelSource] = ()) -> None:
        """It loads nothing here, and whatever is asked costs."""

    def embed(self, model: ModelIdentity, items: Items) -> Embeddings:
        refuse_other_items(model, items)
        if [model] != self.models():
            raise ValueError(f"the settings name no model {model.name} of SHA-256 {model.artifact_hash}")
        texts = cast("Sequence[str]", items)
        vectors = np.empty((len(texts), model.dimension), dtype=np.float32)
        start = 0
        while start < len(texts):
            stop = self._end_of_batch(texts, start, model.dimension)
            vectors[start:stop] = self._embed(texts, start, stop, model.dimension)
            start = stop
        return Embeddings(vectors, np.ones(len(texts), dtype=np.int64))

    def embed_tokens(self, model: ModelIdentity, texts: Sequence[str]) -> Sequence[TokenEmbeddings]:
        """Of the whole texts alone: the protocol has no vectors of tokens."""
        vectors = self.embed(model, texts).vectors
        tokens, offsets = np.empty((0, model.dimension), dtype=np.float32), np.empty((0, 2), dtype=np.int64)
        return [TokenEmbeddings(vector, tokens, offsets) for vector in vectors]

    def project(
        self, vectors: NDArray[np.float32], axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float
    ) -> NDArray[np.float64]:
        from hartonomous_core.spatial.landmarks import project

        return project(vectors, axes, mean, scale)

    def device(self) -> str:
        settings = self._settings
        where = self._origin() if settings.api_url else "an API that HARTONOMOUS_API_URL is to name"
        return f"{settings.api_model} at {where}: {self._budget}"

    def budget_problem(self) -> str | None:
        """Say why the budget lets nothing more be asked; None where it does. Raises ComputeUnavailable where that cannot be told."""
        return self._budget.problem()

    def close(self) -> None:
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def _end_of_batch(self, texts: Sequence[str], start: int, dimension: int) -> int:
        most = min(self._most_texts, most_texts(dimension))
        tokens = 0
        for stop in range(start, min(start + most, len(texts))):
            tokens += estimate_tokens(texts[stop])
            if tokens > self._settings.api_batch_tokens and stop > start:
                return stop
        return min(start + most, len(texts))

    def _embed(self, texts: Sequence[str], start: int, stop: int, dimension: int) -> NDArray[np.float32]:
        """Return the vectors of texts[start:stop]; of what is refused together, of one half and then of the other."""
        count = stop - start
        try:
            answer = self._requests().ask(texts[start:stop], dimension)
        except Refused as error:
            if count == 1:
                self._probe(dimension)  # else it is not the text: a key, a model or a quota answers so, too
                raise ValueError(f"text {start + 1} of {len(texts)} cannot be embedded: {error}") from None
            middle = start + count // 2
            halves = [self._embed(texts, start, middle, dimension), self._embed(texts, middle, stop, dimension)]
            self._most_texts = min(self._most_texts, count - count // 2)  # neither was at fault: they were too many
            return np.concatenate(halves)
        if answer.invalid:
            self._probe(dimension)
            raise ValueError(
                f"text {start + min(answer.invalid) + 1} of {len(texts)} cannot be embedded: its vector is 0, or not of numbers"
            )
        return answer.vectors

    def _probe(self, dimension: int | None) -> NDArray[np.float32]:
        """Embed a word of our own. Raises ComputeUnavailable where even that cannot be embedded."""
        try:
            answer = self._requests().ask([_PROBE], dimension)
        except Refused as error:
            raise ComputeUnavailable(
                f"{error} to any text: correct HARTONOMOUS_API_URL or HARTONOMOUS_API_MODEL"
            ) from None
        if answer.invalid:
            raise ComputeUnavailable("the API's vectors are 0, or not of numbers")
        return answer.vectors

    def _requests(self) -> EmbeddingRequests:
        settings = self._settings
        if not settings.api_url or not settings.api_model:
            raise ComputeUnavailable(
                "HARTONOMOUS_COMPUTE=api needs HARTONOMOUS_API_URL and HARTONOMOUS_API_MODEL: set both"
            )
        with self._lock:
            if self._opened is None:
                try:
                    from hartonomous_resources.compute.api.embedding_requests import EmbeddingRequests
                    from hartonomous_resources.compute.api.posting import Poster
                except ModuleNotFoundError as error:
                    if error.name != "httpx":
                        raise
                    raise ComputeUnavailable(
                        "HARTONOMOUS_COMPUTE=api needs httpx: pip install 'hartonomous[client]'"
                    ) from error
                key = settings.api_key.get_secret_value() if settings.api_key else None
                poster = Poster(_address(settings.api_url), key)
                self._opened = EmbeddingRequests(poster, settings.api_model, self._budget, key, self._patience)
            return self._opened

    def _origin(self) -> str:
        url = urlsplit(self._settings.api_url or "")
        return f"{url.scheme}://{url.netloc}".lower()


def _address(url: str) -> str:
    """Return where to post: the address as it is, that of an API with `/embeddings`, of a mere host with `/v1/embeddings`."""
    path = urlsplit(url).path.rstrip("/")
    return url.rstrip("/") if path.endswith("/embeddings") else f"{url.rstrip('/')}{'' if path else '/v1'}/embeddings"
