"""What it takes to embed all that is there by a model, as measured on a sample of it."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from hartonomous_resources.compute.protocol import Compute, ModelIdentity
from hartonomous_resources.database.protocol import UnitOfWork
from hartonomous_resources.database.rows.embedding_rows import ATOMS_THAT_LACK_MODEL, EMBEDDING_MODEL, TEXTS_TO_EMBED
from hartonomous_resources.database.transactions import ask
from hartonomous_resources.resources import Resources

_PLACES, _TEXTS_A_PLACE = 8, 4
"""The sample is taken from so many places among all atoms: one source may be unlike another."""
_LONGEST_TEXT = 8192


def estimate(resources: Resources, model: ModelIdentity, price: float | None) -> dict[str, Any]:
    """Embed a sample, and return atoms, tokens, seconds and, where what a million tokens cost is known, the cost of all that the model lacks.

    `textsPerSecond` is None, and nothing is known of time, where there is no text yet. Raises ComputeUnavailable where nothing is embedded,
    ValueError for a text that the model refuses.
    """
    from hartonomous_resources.compute.api.token_budget import estimate_tokens

    atoms, texts = ask(resources.database, partial(_sample, model=model))
    rate = _texts_per_second(resources.compute, model, texts)
    tokens = round(atoms * sum(map(estimate_tokens, texts)) / len(texts)) if texts else 0
    return {
        "atoms": atoms,
        "tokens": tokens,
        "sampledTexts": len(texts),
        "textsPerSecond": None if rate is None else round(rate, 1),
        "seconds": None if rate is None else round(atoms / rate, 1),
        "cost": None if price is None else round(tokens * price / 1e6, 6),
    }


def _sample(unit_of_work: UnitOfWork, model: ModelIdentity) -> tuple[int, list[str]]:
    known = unit_of_work.query(
        EMBEDDING_MODEL, modality=model.modality, artifact_hash=model.artifact_hash, settings=model.settings
    )
    model_id = known[0]["modelId"] if known else None
    [lacking] = unit_of_work.query(ATOMS_THAT_LACK_MODEL, modality=model.modality, model_id=model_id)
    found: dict[int, str] = {}
    for place in range(_PLACES):
        first = lacking["highestId"] * place // _PLACES + 1
        for row in unit_of_work.query(TEXTS_TO_EMBED, modality=model.modality, first=first, n=_TEXTS_A_PLACE):
            if isinstance(row["text"], str) and row["text"].strip():  # somebody may have written bytes by hand
                found[row["atomId"]] = row["text"][:_LONGEST_TEXT]
    return lacking["atoms"], list(found.values())


def _texts_per_second(compute: Compute, model: ModelIdentity, texts: Sequence[str]) -> float | None:
    compute.embed(model, ["probe"])  # loads it, or shows that it cannot be had
    if not texts:
        return None
    started = time.perf_counter()
    compute.embed(model, texts)
    return len(texts) / max(1e-6, time.perf_counter() - started)
